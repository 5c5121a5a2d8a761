"""What a value of a spec can be: each kind reads a node, says what it expected instead, and yields its JSON Schema.

The tables of keys (:mod:`envsolver.spec.fields`, :mod:`envsolver.spec.subfields`) are made of these, so that loader,
schema and reference cannot tell different stories. Kinds and fields are compared by identity: what a dataclass does
not have to generate costs no time at start-up.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from envsolver.model.values import dataclass
from envsolver.spec.nodes import MappingNode, ScalarNode, SequenceNode, describe
from envsolver.spec.values import Complaint, Located, Merge, Part, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envsolver.spec.nodes import Node
    from envsolver.spec.values import Reading

__all__ = ["Choice", "Field", "Flag", "Kind", "ListOf", "Record", "Table", "Text"]

T = TypeVar("T")


class Kind(Generic[T]):
    """What a value can be.

    Attributes:
        expected: in words, for "expected …, found …".
    """

    expected: str

    def read(self, node: Node, reading: Reading, where: str) -> T | None:
        """Return the value, or None after having noted what is wrong with it.

        Args:
            node: the value as written.
            reading: the file.
            where: the key that the value belongs to, for messages.
        """
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of the value."""
        raise NotImplementedError

    def _refuse(self, node: Node, reading: Reading, where: str, hint: str | None = None) -> None:
        reading.report(f"{where}: expected {self.expected}, found {describe(node)}", node, hint)


@dataclass(frozen=True, eq=False, repr=False)
class Text(Kind[Located[str]]):
    """A scalar, taken as the text that was written.

    Attributes:
        pattern: regular expression for the whole text, in the dialect that Python and ECMA 262 share.
        check: quick; returns a complaint or None.
        validate: like ``check``, but may import much; left out where nothing has changed since the last lock.
        normalise: applied to an accepted text.
        numeric: other YAML tools may see a number here (``3.8``).
        falsy: they may see a false here (``off``).
        lines: whether the text may have several lines.
    """

    expected: str
    pattern: str | None = None
    check: Callable[[str], Complaint | None] | None = None
    validate: Callable[[str], Complaint | None] | None = None
    normalise: Callable[[str], str] | None = None
    numeric: bool = False
    falsy: bool = False
    lines: bool = False

    def read(self, node: Node, reading: Reading, where: str) -> Located[str] | None:
        """See :meth:`Kind.read`."""
        if not isinstance(node, ScalarNode) or node.is_null:
            self._refuse(node, reading, where)
            return None
        text = node.text.strip()
        complaint = self.complaint(text, validate=reading.validate)
        if complaint is not None:
            reading.report(f"{where}: {complaint.message}", node, complaint.hint)
            return None
        return Located(self.normalise(text) if self.normalise else text, reading.origin(node))

    def complaint(self, text: str, *, validate: bool) -> Complaint | None:
        """Return why a text is refused, or None."""
        if not text:
            return Complaint(f"expected {self.expected}, found an empty text")
        if not self.lines and "\n" in text:
            return Complaint(f"expected {self.expected} on one line, found {len(text.splitlines())} lines")
        complaint = self.check(text) if self.check else None
        if complaint is None and self.pattern and not re.fullmatch(self.pattern, text):
            complaint = Complaint(f"expected {self.expected}, found {text!r}")
        if complaint is None and validate and self.validate:
            complaint = self.validate(text)
        return complaint

    def schema(self) -> dict[str, Any]:
        """See :meth:`Kind.schema`."""
        schema: dict[str, Any] = {"type": ["string", "number"] if self.numeric else "string"}
        if self.pattern:
            schema["pattern"] = f"^(?:{self.pattern})$"
        else:
            schema["minLength"] = 1
        return {"anyOf": [schema, {"const": False}]} if self.falsy else schema


@dataclass(frozen=True, eq=False, repr=False)
class Choice(Kind[Located[str]]):
    """One of a few words.

    Attributes:
        synonyms: what people write elsewhere → our word; only ever used for hints.
    """

    expected: str
    words: tuple[str, ...]
    synonyms: Mapping[str, str] = field(default_factory=dict)

    def read(self, node: Node, reading: Reading, where: str) -> Located[str] | None:
        """See :meth:`Kind.read`."""
        if isinstance(node, ScalarNode) and node.text in self.words:
            return Located(node.text, reading.origin(node))
        known = ", ".join(self.words)
        hint = f"one of: {known}"
        if isinstance(node, ScalarNode) and not node.is_null:
            guess = self.guess(node.text)
            hint = f"did you mean {guess!r}? {hint}" if guess else hint
        self._refuse(node, reading, where, hint)
        return None

    def guess(self, word: str) -> str | None:
        """Return the word that was probably meant."""
        known = dict(zip(self.words, self.words, strict=True)) | dict(self.synonyms)
        found = next(iter(nearest(word, known)), None)
        if found is None:
            found = next((theirs for theirs in known if theirs in word.lower()), None)
        return None if found is None else known[found]

    def schema(self) -> dict[str, Any]:
        """See :meth:`Kind.schema`."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, eq=False, repr=False)
class Flag(Kind[Located[bool]]):
    """True or false, as YAML 1.2 has them."""

    expected: str = "true or false"

    def read(self, node: Node, reading: Reading, where: str) -> Located[bool] | None:
        """See :meth:`Kind.read`."""
        if isinstance(node, ScalarNode) and node.text in {"true", "false"}:
            return Located(node.text == "true", reading.origin(node))
        self._refuse(node, reading, where)
        return None

    def schema(self) -> dict[str, Any]:
        """See :meth:`Kind.schema`."""
        return {"type": "boolean"}


@dataclass(frozen=True, eq=False, repr=False)
class ListOf(Kind[Located[tuple[T, ...]]], Generic[T]):
    """A list.

    Attributes:
        or_one: a single item may stand without the list around it.
        at_least: fewest items.
    """

    item: Kind[T]
    expected: str
    or_one: bool = False
    at_least: int = 0

    def read(self, node: Node, reading: Reading, where: str) -> Located[tuple[T, ...]] | None:
        """See :meth:`Kind.read`."""
        one = isinstance(node, ScalarNode) and not node.is_null
        if self.or_one and (one or (isinstance(node, MappingNode) and isinstance(self.item, Record))):
            node = SequenceNode((node,), node.line)
        if not isinstance(node, SequenceNode):
            self._refuse(node, reading, where, _list_hint(node))
            return None
        if len(node.items) < self.at_least:
            self._refuse(node, reading, where, f"at least {self.at_least}")
            return None
        read = (self.item.read(item, reading, f"{where}[{place}]") for place, item in enumerate(node.items))
        return Located(tuple(item for item in read if item is not None), reading.origin(node))

    def schema(self) -> dict[str, Any]:
        """See :meth:`Kind.schema`."""
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.at_least:
            schema["minItems"] = self.at_least
        return {"anyOf": [self.item.schema(), schema]} if self.or_one else schema


def _list_hint(node: Node) -> str | None:
    if isinstance(node, ScalarNode):
        return "leave the key out, or write []" if node.is_null else f"write [{node.text}]"
    return "put '- ' before each entry"


@dataclass(frozen=True, eq=False, repr=False)
class Table(Kind["Located[dict[str, T]]"], Generic[T]):
    """A mapping whose keys are names that the user chooses.

    Attributes:
        same_key: what becomes of a value that base and child both have, unless it is a mapping itself.
    """

    key: Text
    value: Kind[T]
    expected: str
    same_key: Merge = Merge.NEAREST

    def read(self, node: Node, reading: Reading, where: str) -> Located[dict[str, T]] | None:
        """See :meth:`Kind.read`."""
        if not isinstance(node, MappingNode):
            self._refuse(node, reading, where)
            return None
        entries: dict[str, T] = {}
        for key_node, value_node in node.entries:
            key = self.key.read(key_node, reading, where)
            value = self.value.read(value_node, reading, f"{where}.{key_node.text}")
            if key is None or value is None:
                continue
            if key.value in entries:
                reading.report(f"{where}: {key_node.text!r} is the same name as another key ({key.value!r})", key_node)
            entries[key.value] = value
        return Located(entries, reading.origin(node))

    def schema(self) -> dict[str, Any]:
        """See :meth:`Kind.schema`."""
        names = {key: value for key, value in self.key.schema().items() if key == "pattern"}
        return {
            "type": "object",
            "additionalProperties": self.value.schema(),
            **({"propertyNames": names} if names else {}),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Field(Generic[T]):
    """One key of a record.

    Attributes:
        doc: Markdown, for the reference and the schema.
        also: what people call it elsewhere; only used to suggest the right key.
        example: YAML of the value, for the reference.
    """

    key: str
    kind: Kind[T]
    doc: str
    merge: Merge = Merge.AGREE
    required: bool = False
    also: tuple[str, ...] = ()
    example: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Record(Kind[Part]):
    """A mapping with fixed keys.

    Attributes:
        shorthand: a field whose value may stand for the whole record (``- numpy`` for ``- requirement: numpy``).
        reserved: keys that are not accepted yet → why.
    """

    fields: tuple[Field[Any], ...]
    expected: str
    shorthand: Field[Any] | None = None
    reserved: Mapping[str, str] = field(default_factory=dict)

    def read(self, node: Node, reading: Reading, where: str) -> Part | None:
        """See :meth:`Kind.read`."""
        if not isinstance(node, MappingNode):
            if self.shorthand is not None and not (isinstance(node, ScalarNode) and node.is_null):
                value = self.shorthand.kind.read(node, reading, where)
                return None if value is None else Part(reading.origin(node)).with_value(self.shorthand, value)
            self._refuse(node, reading, where)
            return None
        hint = self._colon_hint(node)
        if hint is not None:
            assert self.shorthand is not None  # noqa: S101 - or there were no hint
            key = node.entries[0][0].text
            reading.report(
                f"{where}: expected {self.shorthand.kind.expected}, found a mapping with the key '{key}'", node, hint
            )
            return None
        return self._read_mapping(node, reading, where)

    def _colon_hint(self, node: MappingNode) -> str | None:
        """``- torch: ==1.13`` and ``- numpy>=1: reason`` are mappings to YAML, but were meant as texts."""
        if self.shorthand is None or not isinstance(self.shorthand.kind, Text) or len(node.entries) != 1:
            return None
        if not self.shorthand.required:  # a mapping without it makes sense
            return None
        key, value = node.entries[0]
        if key.text in self._by_key or not isinstance(value, ScalarNode):
            return None
        return f"write {key.text}{value.text}" if value.text[:1] in "=<>!~" else "quote a text that contains ': '"

    @cached_property
    def _by_key(self) -> dict[str, Field[Any]]:
        return {known.key: known for known in self.fields}

    @cached_property
    def _required(self) -> tuple[Field[Any], ...]:
        return tuple(known for known in self.fields if known.required)

    def _read_mapping(self, node: MappingNode, reading: Reading, where: str) -> Part:
        by_key = self._by_key
        prefix = f"{where}." if where else ""
        values: dict[str, Any] = {}
        for key, value_node in node.entries:
            known = by_key.get(key.text)
            if known is None:
                self._unknown(key, reading, where)
                continue
            value = known.kind.read(value_node, reading, f"{prefix}{known.key}")
            if value is not None:
                values[known.key] = value
        given = frozenset([key.text for key, _ in node.entries if key.text in by_key])
        for known in self._required:
            if known.key not in given:
                reading.report(f"{prefix}{known.key} is missing", node, f"expected {known.kind.expected}")
        return Part(reading.origin(node), values, given)

    def _unknown(self, key: ScalarNode, reading: Reading, where: str) -> None:
        place = f" under {where!r}" if where else ""
        if key.text in self.reserved:
            reading.report(f"the key {key.text!r} is not supported yet", key, self.reserved[key.text])
            return
        names = {known.key: known.key for known in self.fields}
        for known in self.fields:
            names |= dict.fromkeys(known.also, known.key)
        guess = names[key.text] if key.text in names else next(iter(nearest(key.text, names)), None)
        hint = f"did you mean {names.get(guess, guess)!r}?" if guess else f"known: {', '.join(self._by_key)}"
        reading.report(f"unknown key {key.text!r}{place}", key, hint)

    def schema(self) -> dict[str, Any]:
        """See :meth:`Kind.schema`."""
        properties = {
            known.key: {**known.kind.schema(), "description": " ".join(known.doc.split())} for known in self.fields
        }
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [known.key for known in self.fields if known.required]
        if required:
            schema["required"] = required
        return {"anyOf": [self.shorthand.kind.schema(), schema]} if self.shorthand else schema
