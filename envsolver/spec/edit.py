"""One text of a spec changed where it stands: comments, quotes and every other line stay as they are.

Nothing is decided by what YAML looks like: of the few ways to write the new text, the first is taken with which the
file means exactly what it meant before, but for the one value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import Event

__all__ = ["NotFoundError", "edit_toml", "edit_yaml"]

_TOML_STRING = re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'[^']*'")


class NotFoundError(Exception):
    """The text does not stand there exactly once, or cannot be changed alone; the message says which."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A scalar among the events of a file: its position in them, and where its text begins and ends."""

    position: int
    start: int
    end: int
    style: str | None


def edit_yaml(text: str, line: int, old: str, new: str | None) -> str:
    """Return a YAML file with another text in place of one of its values.

    Args:
        text: the file.
        line: on which the value stands, or the mapping begins whose value it is.
        old: the value.
        new: what takes its place; None takes the item out of its list.

    Raises:
        NotFoundError: there is not exactly one such value, or it cannot be changed without touching anything else.
    """
    events = _events(text)
    found = list(_places(text, events, line, old))
    if len(found) != 1:
        raise NotFoundError(f"{old!r} stands there {_times(len(found))}")
    (place,) = found
    meaning = [_meaning(event) for event in events]
    if new is None:
        wanted = meaning[: place.position] + meaning[place.position + 1 :]
        written = _without(text, place)
    else:
        wanted = [*meaning[: place.position], ("scalar", new), *meaning[place.position + 1 :]]
        written = (text[: place.start] + scalar + text[place.end :] for scalar in _scalars(new, place.style))
    for candidate in written:
        if _means(candidate, wanted):
            return candidate
    raise NotFoundError(f"{old!r} cannot be changed alone")


def edit_toml(text: str, line: int, old: str, new: str | None) -> str:
    """Return a TOML file with another string in place of one on a line.

    Raises:
        NotFoundError: as :func:`edit_yaml`; nothing is ever taken out of a TOML file.
    """
    import json
    import tomllib
    from collections import Counter

    lines = text.splitlines(keepends=True)
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    found = [match for match in _TOML_STRING.finditer(here) if _toml_value(match[0]) == old]
    if len(found) != 1:
        raise NotFoundError(f"{old!r} stands there {_times(len(found))}")
    if new is None:
        raise NotFoundError(f"{old!r} cannot be taken out alone")
    quote = found[0][0][0]
    plain = f"{quote}{new}{quote}"
    string = plain if _toml_value(plain) == new else json.dumps(new, ensure_ascii=False)
    lines[line - 1] = here[: found[0].start()] + string + here[found[0].end() :]
    changed = "".join(lines)
    if Counter([*_strings(tomllib.loads(changed)), old]) != Counter([*_strings(tomllib.loads(text)), new]):
        raise NotFoundError(f"{old!r} cannot be changed alone")  # it stood in a comment
    return changed


def _times(number: int) -> str:
    return {0: "nowhere", 2: "twice"}.get(number, f"{number} times")


# YAML


def _events(text: str) -> list[Event]:
    """Return the parser's events. Its own classes are unlike libyaml's in that their marks know the character."""
    import yaml

    return list(yaml.parse(text, Loader=yaml.SafeLoader))


def _places(text: str, events: list[Event], line: int, old: str) -> Iterator[_Place]:
    """Yield where the value stands, mapping keys left out."""
    import yaml
    from yaml import events as kinds

    # An event begins at its anchor; the token of the scalar itself does not.
    tokens = yaml.scan(text, Loader=yaml.SafeLoader)
    starts = {token.end_mark.index: token.start_mark.index for token in tokens if isinstance(token, yaml.ScalarToken)}
    open_lines: list[tuple[bool, int]] = []  # of the collections around: is it a mapping, where does it begin?
    children: list[int] = []
    for position, event in enumerate(events):
        if isinstance(event, kinds.CollectionEndEvent):
            open_lines.pop()
            children.pop()
        elif isinstance(event, kinds.NodeEvent):
            is_key = bool(open_lines) and open_lines[-1][0] and children[-1] % 2 == 0
            if children:
                children[-1] += 1
            here = _line(event)
            if isinstance(event, kinds.CollectionStartEvent):
                open_lines.append((isinstance(event, kinds.MappingStartEvent), here))
                children.append(0)
            elif isinstance(event, kinds.ScalarEvent) and not is_key and event.value.strip() == old:
                around = open_lines[-1][1] if open_lines and open_lines[-1][0] else here
                end = -1 if event.end_mark is None else event.end_mark.index
                if line in {here, around} and end in starts and event.anchor is None:
                    yield _Place(position, starts[end], end, event.style)


def _line(event: Event) -> int:
    return 0 if event.start_mark is None else event.start_mark.line + 1


def _scalars(value: str, style: str | None) -> Iterator[str]:
    """Yield ways to write a text on one line, the one that was used before first."""
    import json

    single = "'" + value.replace("'", "''") + "'"
    double = json.dumps(value, ensure_ascii=False)
    if style in {"|", ">"}:
        return
    first = {"'": single, '"': double}.get(style or "", value)
    yield from (first, double, single)


def _without(text: str, place: _Place) -> Iterator[str]:
    """Yield ways to take an item out of a list: with its line, or with the comma beside it."""
    begin = text.rfind("\n", 0, place.start) + 1
    end = text.find("\n", place.end) + 1 or len(text)
    if re.fullmatch(r"\s*-\s+", text[begin : place.start]):
        yield text[:begin] + text[end:]
    before, behind = text[: place.start], text[place.end :]
    yield re.sub(r"\s*,[ \t]*\Z", "", before) + behind
    yield before + re.sub(r"\A\s*,[ \t]*", "", behind)


def _means(text: str, wanted: list[tuple[str, str]]) -> bool:
    import yaml

    try:
        return [_meaning(event) for event in _events(text)] == wanted
    except yaml.YAMLError:
        return False


def _meaning(event: Event) -> tuple[str, str]:
    """Return what an event says, whatever its layout."""
    from yaml import events as kinds

    if isinstance(event, kinds.ScalarEvent):
        return "scalar", event.value
    if isinstance(event, kinds.AliasEvent):
        return "alias", event.anchor or ""
    return type(event).__name__, ""


# TOML


def _toml_value(literal: str) -> str | None:
    import tomllib

    try:
        value: str = tomllib.loads(f"x = {literal}")["x"]
    except tomllib.TOMLDecodeError:
        return None
    return value


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return [value] if isinstance(value, str) else []
