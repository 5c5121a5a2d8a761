"""YAML text → nodes that keep every scalar's text and line.

Nothing is ever constructed: ``python: 3.10`` stays the text ``3.10``, ``no`` stays ``no``, and no tag names a class.
The nodes are built from the parser's events with an own stack, so that neither depth nor an alias that stands for a
billion nodes costs more than the budget below.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, Union

from envsolver.model.errors import Problem
from envsolver.model.origin import Origin
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import Event

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "describe",
    "parse_yaml",
]

MAX_BYTES = 1_000_000
"""A spec is written by hand; what is larger was not meant to be one."""
MAX_NODES = 50_000
"""Nodes of one file with every alias counted as often as it is used."""
MAX_DEPTH = 50

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_QUOTE = 60


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScalarNode:
    """A scalar. ``plain``: written without quotes, so that ``~`` and the empty text mean nothing at all."""

    text: str
    line: int
    plain: bool
    weight: int = 1

    @property
    def is_null(self) -> bool:
        """Whether the key was written without a value."""
        return self.plain and self.text in _NULL


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SequenceNode:
    """A list."""

    items: tuple[Node, ...]
    line: int
    weight: int = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MappingNode:
    """A mapping. Keys are scalars and unique; merge keys (``<<``) are already applied."""

    entries: tuple[tuple[ScalarNode, Node], ...]
    line: int
    weight: int = 1


Node: TypeAlias = Union["ScalarNode", "SequenceNode", "MappingNode"]


def describe(node: Node) -> str:
    """Return what a node is, in words, for "expected …, found …"."""
    if isinstance(node, SequenceNode):
        return "a list" if node.items else "an empty list"
    if isinstance(node, MappingNode):
        return "a mapping" if node.entries else "an empty mapping"
    if node.is_null:
        return "nothing"
    text = node.text if len(node.text) <= _QUOTE else f"{node.text[:_QUOTE]}…"
    return f"{text!r}"


def parse_yaml(data: bytes, path: str, problems: list[Problem]) -> Node | None:
    """Parse the bytes of one YAML file.

    Args:
        data: the file.
        path: as messages shall name it.
        problems: receives everything that is wrong with the YAML itself.

    Returns:
        The root node, or None where the file is empty or cannot be parsed at all.
    """
    root, found = _parsed(data, path)
    problems += found
    return root


@lru_cache(maxsize=8)
def _parsed(data: bytes, path: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """Parse once what a run reads twice: a spec is first looked at, and loaded only if its lock is out of date."""
    problems: list[Problem] = []
    return _parse(data, path, problems), tuple(problems)


def _parse(data: bytes, path: str, problems: list[Problem]) -> Node | None:
    text = _decode(data, path, problems)
    if text is None:
        return None
    import yaml

    # libyaml is ten times faster; without it PyYAML's own parser gives the same events.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(path, problems)
    try:
        return builder.build(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        problems.append(_syntax_problem(error, text, path))
        return None
    except RecursionError:  # the pure Python parser, where libyaml is missing
        problems.append(Problem("the YAML is nested too deeply", Origin(path)))
        return None


def _decode(data: bytes, path: str, problems: list[Problem]) -> str | None:
    if len(data) > MAX_BYTES:
        problems.append(
            Problem(f"the file has {len(data):,} bytes; a spec may have {MAX_BYTES:,}", Origin(path), "is it a spec?")
        )
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.append(
            Problem(f"byte 0x{data[error.start]:02x} is not UTF-8", Origin(path, line), "save the file as UTF-8")
        )
        return None


def _syntax_problem(error: Any, text: str, path: str) -> Problem:
    """Translate an error of the YAML parser (its classes share no typed interface)."""
    from yaml.reader import ReaderError

    if isinstance(error, ReaderError):
        character = error.character if isinstance(error.character, int) else ord(error.character)
        line = text.count("\n", 0, max(0, text.find(chr(character)))) + 1
        return Problem(f"not valid YAML: character U+{character:04X} is not allowed", Origin(path, line))
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Problem(f"not valid YAML: {error}", Origin(path))
    # The end of the file counts as a line of its own, which no editor shows.
    last = max(1, len(text.splitlines()))
    line, begun = min(mark.line + 1, last), getattr(error.context_mark, "line", mark.line) + 1
    context, problem = error.context or "", error.problem or ""
    if context and begun < line:
        context = f"{context} that begins on line {begun},"
    said = f"{context} {problem}".strip()
    if mark.line + 1 >= last and "scanning a quoted scalar" in context:
        # What is not closed goes on to the end of the file: where it begins is where to look.
        line = begun
    hint = None
    if _is_indented_with_tab(text, mark.line):
        hint = "the line is indented with a tab; YAML wants spaces"
    else:
        hint = next((advice for words, advice in _YAML_ADVICE.items() if words in said), None)
    return Problem(f"not valid YAML: {said}", Origin(path, line), hint)


_YAML_ADVICE = {
    "mapping values are not allowed": "write KEY: VALUE, and quote a text that contains ': '",
    "cannot start any token": "quote a text that begins with @, ` or %",
    "scanning a quoted scalar": "close the quote",
    "parsing a flow sequence": "close the [ or put a comma between its items",
    "parsing a flow mapping": "close the { or put a comma between its items",
    "could not find expected ':'": "write KEY: VALUE",
    "parsing a block mapping": "keys of one mapping begin in one column; a quote within quotes is doubled",
    "parsing a block collection": "items of one list begin in one column",
}
"""Words of the parser → what to do."""


def _is_indented_with_tab(text: str, line: int) -> bool:
    lines = text.splitlines()
    if line >= len(lines):
        return False
    indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
    return "\t" in indent


class _TooMuchError(Exception):
    """Ends the parsing of a file that is beyond the budget; the problem has been noted."""


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    is_list: bool
    line: int
    anchor: str | None
    children: list[Node]


class _Builder:
    """Builds nodes bottom-up from events, so that a collection can never contain itself."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._open_anchors: set[str] = set()
        self._weight = 0
        self._stack: list[_Frame] = []

    def build(self, events: Iterator[Event]) -> Node | None:
        """Return the root of the one document that the events describe, or None where there is none."""
        from yaml.events import DocumentStartEvent, ScalarEvent

        root: Node | None = None
        documents = 0
        try:
            for event in events:
                line = 0 if event.start_mark is None else event.start_mark.line + 1
                node: Node | None
                if isinstance(event, ScalarEvent):  # as two of three are
                    self._check_tag(event.tag, line)
                    node = self._anchored(event.anchor, ScalarNode(event.value, line, event.implicit[0]))
                elif isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents == 2:
                        self._report("a second YAML document begins here; a spec is one document", line)
                        break
                    continue
                else:
                    node = self._node(event, line)
                if node is None:
                    continue
                self._count(node, line)
                if self._stack:
                    self._stack[-1].children.append(node)
                else:
                    root = node
        except _TooMuchError:
            return None
        return root

    def _node(self, event: Event, line: int) -> Node | None:
        """Return the node that this event completes, if it completes one; those of scalars are made above."""
        from yaml import events as kinds

        if isinstance(event, kinds.AliasEvent):
            return self._alias(event.anchor or "", line)
        if isinstance(event, kinds.CollectionStartEvent):
            self._check_tag(event.tag, line)
            if len(self._stack) >= MAX_DEPTH:
                self._stop(f"nested more than {MAX_DEPTH} deep", line)
            if event.anchor:
                self._open_anchors.add(event.anchor)
            is_list = isinstance(event, kinds.SequenceStartEvent)
            self._stack.append(_Frame(is_list=is_list, line=line, anchor=event.anchor, children=[]))
        if isinstance(event, kinds.CollectionEndEvent):
            return self._close(self._stack.pop())
        return None

    def _count(self, node: Node, line: int) -> None:
        """Keep the budget. A collection's members were counted when they came, except those that an alias brings."""
        self._weight += 1
        if self._weight > MAX_NODES or node.weight > MAX_NODES:
            self._stop(f"more than {MAX_NODES:,} values, aliases counted as often as they are used", line)

    def _close(self, frame: _Frame) -> Node:
        weight = 1 + sum(child.weight for child in frame.children)
        node: Node
        if frame.is_list:
            node = SequenceNode(tuple(frame.children), frame.line, weight)
        else:
            node = MappingNode(tuple(self._entries(frame)), frame.line, weight)
        if frame.anchor:
            self._open_anchors.discard(frame.anchor)
        return self._anchored(frame.anchor, node)

    def _entries(self, frame: _Frame) -> Iterator[tuple[ScalarNode, Node]]:
        own: dict[str, ScalarNode] = {}
        merged: list[Node] = []
        pairs: list[tuple[ScalarNode, Node]] = []
        children = iter(frame.children)
        for key, value in zip(children, children, strict=True):
            if not isinstance(key, ScalarNode):
                self._report(f"a key must be a text, found {describe(key)}", key.line)
            elif key.plain and key.text == "<<":
                merged.append(value)
            elif key.text in own:
                first = own[key.text].line
                self._report(f"the key {key.text!r} stands here a second time (first in line {first})", key.line)
            else:
                own[key.text] = key
                pairs.append((key, value))
        yield from pairs
        for value in merged:
            yield from self._merge_key(value, own)

    def _merge_key(self, value: Node, own: dict[str, ScalarNode]) -> Iterator[tuple[ScalarNode, Node]]:
        """Apply YAML 1.1's merge key (https://yaml.org/type/merge.html): keys that stand in the mapping itself win."""
        sources = value.items if isinstance(value, SequenceNode) else (value,)
        for source in sources:
            if not isinstance(source, MappingNode):
                self._report(f"'<<' takes a mapping or a list of mappings, found {describe(source)}", value.line)
                continue
            for key, inherited in source.entries:
                if key.text not in own:
                    own[key.text] = key
                    yield key, inherited

    def _alias(self, anchor: str, line: int) -> Node:
        if anchor in self._open_anchors:
            self._stop(f"the alias *{anchor} stands inside the value that it names", line)
        node = self._anchors.get(anchor)
        if node is None:
            self._stop(f"no anchor &{anchor} stands before the alias *{anchor}", line)
        self._weight += node.weight
        return node

    def _anchored(self, anchor: str | None, node: Node) -> Node:
        if anchor:
            self._anchors[anchor] = node
        return node

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._report(f"the YAML tag {shown!r} is not accepted", line, "remove it: a spec holds plain data")

    def _report(self, message: str, line: int, hint: str | None = None) -> None:
        self._problems.append(Problem(message, Origin(self._path, line), hint))

    def _stop(self, message: str, line: int) -> NoReturn:
        self._report(message, line)
        raise _TooMuchError
