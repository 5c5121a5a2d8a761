"""``extends``: what becomes of a spec and its bases. Pure; the policy of each key stands in the table of keys.

Everything that a base says holds in the child too. Where both speak and cannot both be right, the child must name the
key under ``replace``; nothing is ever replaced silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import Problem
from envsolver.spec import fields, subfields
from envsolver.spec.checks import project_name
from envsolver.spec.kinds import Record, Table
from envsolver.spec.values import Located, Merge, Part, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envsolver.model.origin import Origin
    from envsolver.spec.kinds import Field

__all__ = ["merge"]

_NOT_INHERITED = frozenset({Merge.OWN, Merge.INTO_PIP})

_REQUIREMENT_LISTS = (fields.PIP, fields.CONSTRAINTS, fields.OVERRIDES)


def merge(bases: Sequence[Part], child: Part, problems: list[Problem], *, complete: bool = True) -> Part:
    """Return what a spec says together with its bases.

    Args:
        bases: in the order of ``extends``, each already merged with its own.
        child: the spec as read.
        problems: receives contradictions, and entries of ``replace`` that replace nothing.
        complete: whether ``bases`` holds all of them; if not, an entry of ``replace`` may have meant another.
    """
    if not bases and child.get(fields.REPLACE) is None:
        return child
    kept = _apply_replace(bases, child, problems if complete else [])
    return _merge_records(fields.SPEC, [*kept, child], _Contradictions(child, problems), "")


# Replacing


def _apply_replace(bases: Sequence[Part], child: Part, problems: list[Problem]) -> list[Part]:
    wanted = child.get(fields.REPLACE)
    kept = list(bases)
    for address in wanted.value if wanted else ():
        dropped = 0
        for place, base in enumerate(kept):
            kept[place], count = _drop(base, address.value)
            dropped += count
        if not dropped:
            known = sorted(_addresses(bases))
            guess = nearest(address.value, known)
            hint = f"did you mean {guess[0]!r}?" if guess else None if bases else "without 'extends' there is nothing"
            problems.append(Problem(f"replace: no base has {address.value!r}", address.origin, hint))
    return kept


def _drop(base: Part, address: str) -> tuple[Part, int]:
    """Return the base without what the address names, and how many things that were."""
    key = address.partition(".")[0]
    if any(known.key == key for known in fields.SPEC.fields):
        return _drop_key(base, fields.SPEC, address)
    return _drop_package(base, normalize_name(address))


def _drop_key(part: Part, record: Record, address: str) -> tuple[Part, int]:
    key, _, rest = address.partition(".")
    known = next((known for known in record.fields if known.key == key), None)
    if known is None or known.merge in _NOT_INHERITED or key not in part.values:
        return part, 0
    if not rest:
        return part.with_value(known, None), 1
    value = part.values[key]
    if isinstance(known.kind, Record):
        inner, count = _drop_key(value, known.kind, rest)
        return part.with_value(known, inner), count
    if isinstance(known.kind, Table):
        entries = {name: entry for name, entry in value.value.items() if name != rest}
        return part.with_value(known, Located(entries, value.origin)), len(value.value) - len(entries)
    if known in _REQUIREMENT_LISTS:
        return _without(part, known, normalize_name(rest))
    return part, 0


def _drop_package(base: Part, name: str) -> tuple[Part, int]:
    count = 0
    for known in _REQUIREMENT_LISTS:
        base, dropped = _without(base, known, name)
        count += dropped
    groups = base.get(fields.GROUPS)
    if groups is not None:
        entries = {}
        for group, entry in groups.value.items():
            entries[group], dropped = _without(entry, subfields.GROUP_REQUIREMENTS, name)
            count += dropped
        base = base.with_value(fields.GROUPS, Located(entries, groups.origin))
    return base, count


def _without(part: Part, known: Field[Located[tuple[Part, ...]]], name: str) -> tuple[Part, int]:
    """Return the record without the requirements on one project."""
    listed = part.get(known)
    if listed is None:
        return part, 0
    kept = tuple(item for item in listed.value if _project(item) != name)
    return part.with_value(known, Located(kept, listed.origin)), len(listed.value) - len(kept)


def _project(item: Part) -> str | None:
    text = item.get(subfields.REQUIREMENT)
    return project_name(text.value) if text else None


def _addresses(bases: Sequence[Part]) -> set[str]:
    """Return what could stand under ``replace``, for suggestions."""
    found: set[str] = set()
    for base in bases:
        for known in fields.SPEC.fields:
            if known.key in base.values and known.merge not in _NOT_INHERITED:
                found.add(known.key)
                value = base.values[known.key]
                if isinstance(known.kind, Record):
                    found |= {f"{known.key}.{inner}" for inner in value.values}
                elif isinstance(known.kind, Table):
                    found |= {f"{known.key}.{inner}" for inner in value.value}
        lists = [base.get(known) for known in _REQUIREMENT_LISTS]
        groups = base.get(fields.GROUPS)
        lists += [entry.get(subfields.GROUP_REQUIREMENTS) for entry in groups.value.values()] if groups else []
        found |= {name for listed in lists if listed for item in listed.value if (name := _project(item))}
    return found


# Merging


class _Contradictions:
    """Notes where two files say different things."""

    def __init__(self, child: Part, problems: list[Problem]) -> None:
        self._child = child
        self._problems = problems

    def note(self, address: str, first: Any, second: Any) -> None:
        here, there = _origin(second), _origin(first)
        said, before = _words(second), _words(first)
        if here.path == self._child.origin.path:
            message = f"{address} is {said} here and {before} in {there}"
            hint = f"to have this one, add 'replace: [{_replaceable(address)}]'"
        else:
            extends = self._child.get(fields.EXTENDS)
            message = f"{address} is {before} in {there} and {said} in {here}"
            hint = f"choose: say it in this spec and add 'replace: [{_replaceable(address)}]'"
            here = extends.origin if extends else self._child.origin
        self._problems.append(Problem(message, here, hint))


def _replaceable(address: str) -> str:
    """An index is replaced as a whole: its alias may contain dots, so that nothing can follow it."""
    return address.partition(":")[0]


def _merge_records(record: Record, layers: Sequence[Part], contradictions: _Contradictions, address: str) -> Part:
    values: dict[str, Any] = {}
    for known in record.fields:
        given = [layer.values[known.key] for layer in layers if known.key in layer.values]
        if known.merge in _NOT_INHERITED:
            given = given[-1:] if known.key in layers[-1].values else []
        if not given:
            continue
        inner = f"{address}{known.key}"
        values[known.key] = _MERGERS[known.merge](known, given, contradictions, inner) if len(given) > 1 else given[0]
    keys = frozenset[str]().union(*(layer.given for layer in layers))
    return Part(layers[-1].origin, values, keys)


def _agree(known: Field[Any], given: list[Any], contradictions: _Contradictions, address: str) -> Any:
    del known
    chosen = given[0]
    for other in given[1:]:
        if _plain(other) != _plain(chosen):
            contradictions.note(address, chosen, other)
            chosen = other
    return chosen


def _nearest(known: Field[Any], given: list[Any], contradictions: _Contradictions, address: str) -> Any:
    del known, contradictions, address
    return given[-1]


def _add(known: Field[Any], given: list[Any], contradictions: _Contradictions, address: str) -> Any:
    """Concatenate. What two bases have from a third that both extend counts once: it is the same line of one file."""
    del known, contradictions, address
    items = list(given[0].value)
    for listed in given[1:]:
        items += [item for item in listed.value if item not in items]
    return Located(tuple(items), given[0].origin)


def _deep(known: Field[Any], given: list[Any], contradictions: _Contradictions, address: str) -> Any:
    if isinstance(known.kind, Record):
        return _merge_records(known.kind, given, contradictions, f"{address}.")
    entries: dict[str, Any] = {}
    value_kind = known.kind.value if isinstance(known.kind, Table) else None
    same_key = known.kind.same_key if isinstance(known.kind, Table) else Merge.NEAREST
    for table in given:
        for name, entry in table.value.items():
            if name in entries and isinstance(value_kind, Record):
                inner = f"{address}.{name}: "
                entries[name] = _merge_records(value_kind, [entries[name], entry], contradictions, inner)
            elif name in entries:
                both = [entries[name], entry]
                entries[name] = _MERGERS[same_key](known, both, contradictions, f"{address}.{name}")
            else:
                entries[name] = entry
    return Located(entries, given[0].origin)


_MERGERS: dict[Merge, Callable[[Field[Any], list[Any], _Contradictions, str], Any]] = {
    Merge.OWN: _nearest,
    Merge.INTO_PIP: _nearest,
    Merge.AGREE: _agree,
    Merge.NEAREST: _nearest,
    Merge.ADD: _add,
    Merge.DEEP: _deep,
}


def _plain(value: Any) -> Any:
    """Return a value without the places where it was written."""
    if isinstance(value, Located):
        return _plain(value.value)
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def _words(value: Any) -> str:
    plain = _plain(value)
    return f"[{', '.join(map(str, plain))}]" if isinstance(plain, tuple) else repr(plain)


def _origin(value: Any) -> Origin:
    origin: Origin = value.origin
    return origin
