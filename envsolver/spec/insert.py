"""Something added to a spec where it belongs, or taken out: every other line stays as it is, comments and quotes too.

As with :mod:`envsolver.spec.edit`, the layout decides nothing: what is written counts only if the file then means what
it meant before, with that change and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envsolver.spec.edit import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yaml.nodes import CollectionNode, Node

__all__ = ["add_yaml", "remove_yaml"]

_UNBOUND = 1_000_000
"""A width at which the writer of YAML breaks no line."""


def add_yaml(text: str, content: Mapping[str, Any]) -> str:
    """Return a YAML file with something added.

    Args:
        text: the file, whose top is a mapping.
        content: nested mappings, lists and texts. Mappings are added to those that stand there; so are the items of
            lists.

    Raises:
        NotFoundError: the file says something else in that place, or nothing can be added without touching the rest.
    """
    place = next(iter(content), "")
    document, before = _read(text)
    wanted = _merged(before, content)
    changed = _added(text, document, content)
    if _loaded(changed) != wanted:
        raise NotFoundError(f"{place!r} cannot be added alone")
    return changed


def remove_yaml(text: str, keys: Sequence[str]) -> str:
    """Return a YAML file without an entry of a mapping; a mapping that is then empty goes as well.

    Args:
        text: the file, whose top is a mapping.
        keys: the way to the entry.

    Raises:
        NotFoundError: there is none, or it cannot be taken out without touching the rest.
    """
    from yaml.nodes import MappingNode

    place = ".".join(keys)
    node, before = _read(text)
    wanted = _less(before, keys)
    start = end = 0
    for key in keys:
        entries = [(name, value) for name, value in node.value if name.value == key] if _is_block(node) else []
        if not entries or not isinstance(node, MappingNode):
            raise NotFoundError(f"{place!r} cannot be taken out alone")
        name, value = entries[0]
        if len(node.value) > 1 or not end:
            begin = 0 if name.start_mark is None else name.start_mark.index
            start, end = text.rfind("\n", 0, begin) + 1, _end(text, value)
        node = value
    changed = text[:start] + text[end:]
    if _loaded(changed) != wanted:
        raise NotFoundError(f"{place!r} cannot be taken out alone")
    return changed


def _is_block(node: Node) -> bool:
    from yaml.nodes import MappingNode

    return isinstance(node, MappingNode) and not node.flow_style


def _less(old: Any, keys: Sequence[str]) -> Any:
    key, *rest = keys
    if not isinstance(old, dict) or key not in old:
        raise NotFoundError(f"there is no {key!r}")
    inner = _less(old[key], rest) if rest else None
    return {name: inner if name == key else value for name, value in old.items() if name != key or inner}


def _read(text: str) -> tuple[Node, dict[str, Any]]:
    """Return the nodes of a file, and its values as texts, lists and mappings.

    Raises:
        NotFoundError: it is no mapping.
    """
    import yaml

    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but texts, lists and mappings
    except yaml.YAMLError as error:
        raise NotFoundError(f"the file cannot be read: {error}") from error
    if document is None or not isinstance(values, dict):
        raise NotFoundError("the file is no mapping")
    return document, values


def _loaded(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - as above
    except yaml.YAMLError:
        return None


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old[key], value) if key in old else value for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    raise NotFoundError(f"{new!r} cannot be added to {old!r}")


def _added(text: str, node: Node, content: Any) -> str:
    """Add to the node what it has not, looking for the innermost one that is there."""
    from yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode) and isinstance(content, dict):
        children = {key.value: value for key, value in node.value}
        for key, value in content.items():
            if key in children:
                return _added(text, children[key], value)
        return _inserted(text, node, content)
    if isinstance(node, SequenceNode) and isinstance(content, list):
        return _inserted(text, node, content)
    raise NotFoundError("another kind of value stands there")


def _inserted(text: str, node: CollectionNode, content: Any) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if node.flow_style:
        return _in_flow(text, node, content)
    end = _end(text, node)
    indent = " " * (0 if node.start_mark is None else node.start_mark.column)
    block = "".join(f"{indent}{line}{newline}" for line in _block(content).splitlines())
    before = text[:end]
    if before and not before.endswith("\n"):
        before += newline
    # Where paragraphs are set apart, the new one is.
    apart = newline if not indent and isinstance(content, dict) and f"{newline}{newline}" in text else ""
    return before + apart + block + text[end:]


def _in_flow(text: str, node: CollectionNode, content: Any) -> str:
    end = 0 if node.end_mark is None else node.end_mark.index - 1
    kept = text[:end].rstrip()
    comma = "" if not node.value else " " if kept.endswith(",") else ", "
    return kept + comma + _flow(content) + text[end:]


def _block(content: Any) -> str:
    """Return block style, with lists of texts on one line."""
    if isinstance(content, list):
        return "".join("- " + _block_of(item).rstrip("\n").replace("\n", "\n  ") + "\n" for item in content)
    return _block_of(content)


def _block_of(content: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Indents lists below their key, as people do."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's own signature
            super().increase_indent(flow, False)

    def sequence(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
        return dumper.represent_sequence(
            "tag:yaml.org,2002:seq", items, flow_style=all(isinstance(i, str) for i in items)
        )

    Dumper.add_representer(list, sequence)
    written: str = yaml.dump(
        content, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=_UNBOUND
    )
    # A text alone is followed by the mark of the end of a document.
    return written.removesuffix("...\n")


def _flow(content: Any) -> str:
    """Return what stands between the brackets of a flow collection."""
    import yaml

    written: str = yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True, default_flow_style=True, width=_UNBOUND
    ).strip()
    return written[1:-1]


def _end(text: str, node: Node) -> int:
    """Return where the line behind a block collection begins: its end mark lies behind the comments that follow."""
    from yaml.nodes import MappingNode, SequenceNode

    last: Node = node
    while isinstance(last, MappingNode | SequenceNode) and last.value and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, MappingNode) else last.value[-1]
    end = 0 if last.end_mark is None else last.end_mark.index
    if end and text[end - 1] == "\n":
        return end
    return text.find("\n", end) + 1 or len(text)
