"""Generated solutions, and the locks that are built from them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from envsolver.lock.build import build_lock
from envsolver.model.candidate import DEFAULT_INDEX, DIRECT_INDEX, File, Name
from envsolver.model.origin import Origin
from envsolver.model.resolution import (
    Edge,
    GivenUp,
    HeldBack,
    Resolution,
    ResolvedPackage,
    Root,
    RuleUse,
    SolveStats,
)
from envsolver.model.spec import IgnoredRule, IndexSpec
from envsolver.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.lock.model import Lock

__all__ = ["any_text", "locks", "solutions"]

any_text = st.sampled_from(
    ["", "x", "a b", "''", '"', "\\", "a'\"b", '"""', "[[package]]", "# no\n[[target]]", "\r\n", "\t\x00\x7f\x85",
     "\u202eevil", "\ufeff", "é✓", "\U0001f600", "<<<<<<< x", 'sys_platform == "linux"']
)  # fmt: skip
"""What could break out of a string, a line or a table; a test of its own draws from all of Unicode."""

_words = st.from_regex(r"[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3})?", fullmatch=True)
_names = st.sampled_from([Name(name) for name in ("a", "b-c", "numpy", "torch", "x2", "zope-interface")])
_digests = st.integers(0, 3).map(lambda number: f"{number:x}" * 64)
_versions = st.sampled_from(["1.0", "1.10", "2.0+cu116", "1!3.0rc1"])
_extras = st.lists(st.sampled_from(["all", "gpu-x"]), max_size=2, unique=True).map(tuple)
_RULES = ["A", "TORCH-NUMPY2"]
_times = st.integers(0, 2_000_000_000)
_TAGS = {
    "linux-64": "cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "linux-aarch64": "cp39-abi3-manylinux_2_28_aarch64",
    "osx-arm64": "cp39-cp39-macosx_11_0_arm64",
    "win-64": "cp39-cp39-win_amd64",
}
_INDEXES = {
    "cu116": "https://download.pytorch.org/whl/cu116",
    "local": "file:///srv/wheels",
    "flat": "https://a.b/x.html",
}


@st.composite
def _files(draw: Callable[..., Any], name: Name, version: str, platform: str) -> File:
    index = draw(st.sampled_from([DEFAULT_INDEX, DIRECT_INDEX, *_INDEXES]))
    wheel = draw(st.booleans())
    stem = f"{name.replace('-', '_')}-{version}"
    tags = draw(st.sampled_from(["py3-none-any", "1-py3-none-any", _TAGS[platform]]))
    filename = f"{stem}-{tags}.whl" if wheel else f"{stem}.tar.gz"
    checkout = index == DIRECT_INDEX and draw(st.booleans())
    url = draw(st.sampled_from(["https://files.invalid/a/", "http://u:p@files.invalid//é x/", "file:///srv/wheels/"]))
    return File(
        name=name,
        version=version,
        kind="wheel" if wheel else "sdist",
        filename=filename,
        index=index,
        url=f"git+https://example.com/{name}.git@{'ab' * 20}" if checkout else url + filename,
        sha256=None if checkout else draw(_digests),
        size=draw(st.none() | st.integers(0, 2**63)),
        uploaded=draw(st.none() | st.integers(-10, 300_000_000_000)),
        provenance=draw(st.just("seen") | any_text.filter(bool)),
    )


@st.composite
def _edges(draw: Callable[..., Any], names: list[Name]) -> Edge:
    return Edge(
        name=draw(st.sampled_from(names)),
        extras=draw(_extras),
        specifier=draw(st.sampled_from(["", ">=1", "<3,>=1.0"]) | any_text),
        marker=draw(st.none() | any_text.filter(bool)),
        extra=draw(st.none() | st.sampled_from(["all", "gpu-x"])),
        overridden=draw(st.none() | any_text),
        rule=draw(st.none() | st.sampled_from(_RULES)),
    )


@st.composite
def _resolutions(draw: Callable[..., Any], names: list[Name], target: Target, groups: list[str]) -> Resolution:
    roots = [
        Root(
            name=draw(st.sampled_from(names)),
            extras=draw(_extras),
            specifier="",
            group=group,
            text=draw(any_text.filter(lambda text: "://" not in text)),
            origin=Origin(draw(st.sampled_from(["specs/a.yaml", "/home/me/specs/b.yaml"])), draw(st.integers(0, 9))),
        )
        # The base may be empty; a chosen group says by its roots that it was chosen.
        for group in [*draw(st.sampled_from([[], [""], ["", ""]])), *groups]
    ]
    edges = {name: tuple(draw(st.lists(_edges(names), max_size=3, unique=True))) for name in names}
    extras: dict[Name, set[str]] = {}
    waiting = [(root.name, set(root.extras)) for root in roots]
    while waiting:
        name, wanted = waiting.pop()
        if name in extras and wanted <= extras[name]:
            continue
        extras.setdefault(name, set()).update(wanted)
        active = (edge for edge in edges[name] if edge.extra is None or edge.extra in extras[name])
        waiting += [(edge.name, set(edge.extras)) for edge in active]
    packages = []
    for name in sorted(extras):
        version = draw(_versions)
        packages.append(
            ResolvedPackage(
                name=name,
                version=version,
                file=draw(_files(name, version, target.platform)),
                extras=tuple(sorted(extras[name])),
                edges=tuple(edge for edge in edges[name] if edge.extra is None or edge.extra in extras[name]),
                metadata_source=draw(st.sampled_from(["wheel", "sdist-claim", "frozen", "built", "metadata-file"])),
            )
        )
    return Resolution(
        target=target,
        roots=tuple(roots),
        packages=tuple(packages),
        stats=SolveStats(rounds=1, solves=1, records=1, metadata_read=1),
        **draw(_knowledge(packages)),
    )


@st.composite
def _knowledge(draw: Callable[..., Any], packages: list[ResolvedPackage]) -> dict[str, Any]:
    """Return what bounds and rules did to some packages."""
    if not packages:
        return {}
    some = st.sampled_from(packages)
    pairs = st.lists(st.tuples(some, some), max_size=3)
    return {
        "held": tuple(
            HeldBack(
                name=held.name,
                requirer=by.name,
                version=by.version,
                declared=draw(_times),
                beyond=draw(_versions),
                uploaded=draw(_times),
            )
            for held, by in draw(pairs)
        ),
        "given_up": tuple(
            GivenUp(name=held.name, requirer=by.name, rule=draw(st.none() | st.just("A"))) for held, by in draw(pairs)
        ),
        "rules": tuple(
            RuleUse(
                rule=draw(st.sampled_from(_RULES)),
                name=by.name,
                kind=draw(st.sampled_from(["constrains", "excludes", "requires", "replaces", "unusable"])),
                requirement=f"{held.name}{draw(any_text)}",
                gave_way=draw(st.booleans()),
            )
            for held, by in draw(pairs)
        ),
    }


@st.composite
def solutions(draw: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments of ``build_lock`` for one to three platforms, perhaps with exclusive groups."""
    names = draw(st.lists(_names, min_size=1, max_size=6, unique=True))
    groups = draw(st.lists(_words, max_size=3, unique=True))
    exclusive = [groups[:2]] if len(groups) >= 2 and draw(st.booleans()) else []
    free = groups[2:] if exclusive else groups
    targets = [
        Target(platform=platform, python="3.9.25", glibc="2.31" if platform.startswith("linux") else None)
        for platform in draw(st.lists(st.sampled_from(list(_TAGS)), min_size=1, max_size=3, unique=True))
    ]
    return {
        "name": draw(_words | any_text),
        "inputs_digest": f"sha256:{draw(_digests)}",
        "python": "3.9.25",
        "targets": targets,
        "groups": groups,
        "exclusive": exclusive,
        "indexes": [
            IndexSpec(alias=alias, url=url, origin=Origin("specs/a.yaml", 1)) for alias, url in _INDEXES.items()
        ],
        "resolutions": [
            draw(_resolutions(names, target, [*choice, *free]))
            for target, choice in product(targets, product(*exclusive))
        ],
        "knowledge": draw(st.none() | any_text.filter(bool)),
        "titles": {"A": draw(any_text)},
        "ignored_rules": [
            IgnoredRule(id=rule, reason=draw(any_text.filter(bool)), origin=Origin("specs/a.yaml", 9), until=until)
            for rule, until in draw(st.sampled_from([[], [("B-2", None)], [("B-2", "2027-03-01"), ("C", None)]]))
        ],
    }


def locks() -> st.SearchStrategy[Lock]:
    """Generate locks."""
    return solutions().map(lambda arguments: build_lock(**arguments))
