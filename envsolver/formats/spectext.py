"""The text of a new spec. It is for people: few comments, one requirement a line, nothing that says nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["NewIndex", "NewSpec", "dumps", "scalar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIndex:
    """An entry under ``indexes``; ``note`` is a comment above it."""

    alias: str
    url: str
    packages: tuple[str, ...] = ()
    find_links: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSpec:
    """What a new spec is to say.

    Attributes:
        comments: lines at the top, without ``#``.
        channels: of conda.
        conda: match specs, each with the platforms on which alone it is asked for.
        cuda: version of the toolkit that the environment is for; None: not said.
        glibc: the lowest of the nodes; None: not said.
        live: entries for ``from``: group → place, the base under the empty name.
    """

    comments: Sequence[str]
    python: str
    platforms: Sequence[str]
    indexes: Sequence[NewIndex]
    channels: Sequence[str]
    conda: Sequence[tuple[str, Sequence[str]]]
    requirements: Sequence[str]
    constraints: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    live: Mapping[str, str]
    cuda: str | None = None
    glibc: str | None = None


def dumps(spec: NewSpec) -> str:
    """Return the YAML of a spec."""
    return "\n".join([*_head(spec), *_indexes(spec.indexes), *_requirements(spec), *_groups(spec)]) + "\n"


def scalar(text: str) -> str:
    """Return a YAML scalar. JSON strings are YAML (1.2, section 5.7), so that nothing can end one early."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._-]*", text) else json.dumps(text, ensure_ascii=False)


def _head(spec: NewSpec) -> Iterator[str]:
    yield from (f"# {line}" for line in spec.comments)
    yield f"python: {scalar(spec.python)}"
    yield f"platforms: [{', '.join(scalar(platform) for platform in spec.platforms)}]"
    if spec.glibc is not None:
        yield f"system: {{ glibc: {scalar(spec.glibc)} }}"
    if spec.cuda is not None:
        yield f"gpu: {{ cuda: {scalar(spec.cuda)} }}"


def _indexes(indexes: Sequence[NewIndex]) -> Iterator[str]:
    if not indexes:
        return
    yield from ("", "indexes:")
    for index in indexes:
        if index.note:
            yield f"  # {index.note}"
        yield f"  {index.alias}:"
        yield f"    url: {scalar(index.url)}"
        if index.find_links:
            yield "    kind: find-links"
        if index.packages:
            yield f"    packages: [{', '.join(scalar(name) for name in index.packages)}]"


def _requirements(spec: NewSpec) -> Iterator[str]:
    if spec.conda:
        yield ""
        yield f"channels: [{', '.join(scalar(channel) for channel in spec.channels)}]"
        yield "conda:"
        for text, platforms in spec.conda:
            only = f", platforms: [{', '.join(map(scalar, platforms))}]"
            yield f"  - {{ requirement: {scalar(text)}{only} }}" if platforms else f"  - {scalar(text)}"
        if not spec.requirements and not spec.live:
            return
    yield from ("", "# Their order matters: each is as new as those before it allow.")
    if spec.requirements or not spec.live:
        yield from _list("pip", spec.requirements)
    if "" in spec.live:
        yield f"from: {scalar(spec.live[''])}"
    if spec.constraints:
        yield ""
        yield from _list("constraints", spec.constraints)


def _groups(spec: NewSpec) -> Iterator[str]:
    names = list(dict.fromkeys([*spec.groups, *(name for name in spec.live if name)]))
    if names:
        yield from ("", "groups:")
    for name in names:
        if name in spec.live:
            yield from (f"  {name}:", f"    from: {scalar(spec.live[name])}")
        else:
            yield from (f"  {line}" for line in _list(name, spec.groups[name]))


def _list(key: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        yield f"{key}: []"
        return
    yield f"{key}:"
    yield from (f"  - {scalar(item)}" for item in items)
