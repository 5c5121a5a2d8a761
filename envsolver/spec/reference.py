"""JSON Schema and Markdown reference of the spec, both written from the table of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envsolver.spec import fields
from envsolver.spec.kinds import ListOf, Record, Table
from envsolver.spec.values import Merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.spec.kinds import Kind

__all__ = ["BEGIN", "reference_markdown", "schema"]

BEGIN = "<!-- The rest of this page is made from the table of keys: python -m envsolver.spec.reference -->"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec file.

    It holds for one file as written: what a base has to bring (``python``, ``platforms``, an index's ``url``) is not
    required in it, and checks that need more than one value are the loader's.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "envsolver spec",
        "description": "One environment: what it must contain and where it runs. See docs/spec.md.",
        **fields.SPEC.schema(),
    }


def reference_markdown() -> str:
    """Return the second half of ``docs/spec.md``: all keys, one table a mapping."""
    lines = [
        BEGIN,
        "",
        "## All keys",
        "",
        "The last column says what becomes of a key with `extends`:",
        "",
        *(f"- *{merge.value}*: {merge.meaning};" for merge in Merge),
        "",
    ]
    for title, record, inherited in _sections(fields.SPEC, "", inherited=True, seen=set()):
        lines += _section(title, record, inherited=inherited)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, record: Record, *, inherited: bool) -> Iterator[str]:
    yield f"### `{title}`" if title else "### The file"
    yield ""
    if record.shorthand is not None:
        kind = record.shorthand.kind
        yield f"May also be {kind.expected} alone, which is then its `{record.shorthand.key}`."
        yield ""
    columns = ["key", "takes", "meaning", *(["with `extends`"] if inherited else [])]
    yield _row(columns)
    yield _row(["---"] * len(columns))
    for known in record.fields:
        takes = known.kind.expected + (" (required)" if known.required else "")
        meaning = f"{known.doc} Example: `{known.key}: {known.example}`." if known.example else known.doc
        yield _row([f"`{known.key}`", takes, meaning, *([f"*{known.merge.value}*"] if inherited else [])])
    yield ""


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _sections(record: Record, title: str, *, inherited: bool, seen: set[int]) -> Iterator[tuple[str, Record, bool]]:
    """Yield each mapping once, the outer before the inner, and whether its keys meet those of a base."""
    seen.add(id(record))
    yield title, record, inherited
    for known in record.fields:
        suffix, inner = _inner(known.kind)
        if inner is not None and id(inner) not in seen:
            name = f"{title}.{known.key}{suffix}" if title else f"{known.key}{suffix}"
            deep = inherited and known.merge is Merge.DEEP
            yield from _sections(inner, name, inherited=deep, seen=seen)


def _inner(kind: Kind[Any]) -> tuple[str, Record | None]:
    if isinstance(kind, Record):
        return "", kind
    if isinstance(kind, ListOf):
        suffix, inner = _inner(kind.item)
        return f"[]{suffix}", inner
    if isinstance(kind, Table):
        suffix, inner = _inner(kind.value)
        return f".NAME{suffix}", inner
    return "", None


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference_markdown())
