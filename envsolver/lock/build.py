"""From the solver's answers to a lock: several platforms, and several choices of groups, merged into one value."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envsolver.lock.canonical import canonical, edge_key, file_key, merged, scope
from envsolver.lock.check import defects, summary
from envsolver.lock.instants import instant
from envsolver.lock.model import (
    DIRECT_INDEX,
    Dependency,
    Lock,
    LockedFile,
    LockedIndex,
    LockedPackage,
    LockedRoot,
    LockedTarget,
)
from envsolver.lock.took_part import locked_bounds, locked_rules
from envsolver.lock.urls import path_hint, public_url, unsplit
from envsolver.model.target import DEFAULT_GLIBC, DEFAULT_MACOS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envsolver.lock.model import MetadataClaim
    from envsolver.model.candidate import File, MetadataSource, Name
    from envsolver.model.resolution import Resolution, ResolvedPackage, Root
    from envsolver.model.spec import IgnoredRule, IndexSpec
    from envsolver.model.target import Target

__all__ = ["build_lock"]

_CLAIMS: Mapping[MetadataSource, MetadataClaim] = {
    "sdist-claim": "claimed",
    "frozen": "recorded",
    "built": "built",
}
_VCS_SCHEMES = ("git+", "hg+", "svn+", "bzr+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def build_lock(
    *,
    name: str,
    inputs_digest: str,
    python: str,
    targets: Sequence[Target],
    groups: Sequence[str],
    exclusive: Sequence[Sequence[str]],
    indexes: Sequence[IndexSpec],
    resolutions: Sequence[Resolution],
    knowledge: str | None = None,
    titles: Mapping[str, str] | None = None,
    ignored_rules: Sequence[IgnoredRule] = (),
) -> Lock:
    """Merge solutions into a lock. Neither the order of the solutions nor that inside them shows in the result.

    Args:
        name: of the environment.
        inputs_digest: of its spec.
        python: full version; the same as in every target.
        targets: the platforms that the lock is to hold for.
        groups: names of all groups of the spec beside the base.
        exclusive: sets of groups of which at most one can be installed.
        indexes: those that the spec names; only those that a file came from get into the lock.
        resolutions: one for each target; where groups exclude each other, one for each target and choice of them.
            Which groups a solution chose is read from its roots.
        knowledge: version of the knowledge that took part.
        titles: id of a rule → what it says, in one line.
        ignored_rules: those that the spec switches off.

    Raises:
        ValueError: the solutions do not fit the rest, contradict each other, or have a file without sha256.
    """
    solved = _by_target(python=python, targets=targets, exclusive=exclusive, resolutions=resolutions)
    names = tuple(target.name for target in solved)
    by_name = {target.name: resolution for target, resolution in solved.items()}
    lock = canonical(
        Lock(
            name=name,
            inputs_digest=inputs_digest,
            python=python,
            targets=tuple(solved),
            roots=_roots({target.name: resolution.roots for target, resolution in solved.items()}, names),
            packages=_packages({target.name: resolution.packages for target, resolution in solved.items()}, names),
            groups=tuple(groups),
            exclusive=tuple(tuple(members) for members in exclusive),
            indexes=_indexes(indexes, resolutions),
            knowledge=knowledge,
            bounds=locked_bounds(by_name),
            rules=locked_rules(
                by_name,
                titles=titles or {},
                ignored=ignored_rules,
            ),
        )
    )
    lock = _summarised(lock)
    for path, message in defects(lock):
        raise ValueError(f"the solution of {name} makes no lock: {'.'.join(map(str, path))}: {message}")
    return lock


def _by_target(
    *, python: str, targets: Sequence[Target], exclusive: Sequence[Sequence[str]], resolutions: Sequence[Resolution]
) -> dict[LockedTarget, Resolution]:
    """Return the solutions by the target that they serve, sorted: the first one's hints are those of the lock."""
    exclusive_groups = {group for members in exclusive for group in members}
    solved: dict[LockedTarget, Resolution] = {}
    for resolution in resolutions:
        if resolution.target not in targets or resolution.target.python != python:
            raise ValueError(f"{resolution.target} is not what the lock is for")
        chosen = {root.group for root in resolution.roots if root.group in exclusive_groups}
        for members in exclusive:
            if len(chosen.intersection(members)) > 1:
                raise ValueError(f"one solution holds groups that exclude each other: {sorted(chosen)}")
        target = _locked_target(resolution.target, tuple(sorted(chosen)))
        if target in solved and solved[target].packages != resolution.packages:
            raise ValueError(f"two different solutions for {target.name}")
        solved[target] = resolution
    if missing := {target.platform for target in targets} - {target.platform for target in solved}:
        raise ValueError(f"no solution for {', '.join(sorted(missing))}")
    return dict(sorted(solved.items(), key=lambda item: item[0].name))


def _locked_target(target: Target, choice: tuple[str, ...]) -> LockedTarget:
    linux = target.platform.startswith("linux-")
    return LockedTarget(
        platform=target.platform,
        # The default is written out: a later envsolver may have another.
        glibc=(target.glibc or DEFAULT_GLIBC) if linux else None,
        macos=target.macos or DEFAULT_MACOS.get(target.platform),
        choice=choice,
    )


def _roots(roots: Mapping[str, Sequence[Root]], names: tuple[str, ...]) -> tuple[LockedRoot, ...]:
    found: dict[LockedRoot, set[str]] = {}
    for target, mine in roots.items():
        for root in mine:
            locked = LockedRoot(
                name=root.name,
                text=_URL.sub(lambda match: public_url(match[0]), root.text),
                spec=_spec_file(root.origin.path),
                extras=tuple(sorted(set(root.extras))),
                group=root.group,
                project=root.project,
            )
            found.setdefault(locked, set()).add(target)
    return tuple(replace(root, targets=scope(where, names)) for root, where in found.items())


def _spec_file(path: str) -> str:
    """Return the path as it stands in the project; of a file outside it the name alone, for machines differ."""
    absolute = path.startswith(("/", "\\")) or path[1:2] == ":"
    return re.split(r"[/\\]", path)[-1] if absolute else path


def _packages(packages: Mapping[str, Sequence[ResolvedPackage]], names: tuple[str, ...]) -> tuple[LockedPackage, ...]:
    found: dict[tuple[Name, str], dict[str, ResolvedPackage]] = {}
    for target, mine in packages.items():
        for package in mine:
            found.setdefault((package.name, package.version), {})[target] = package
    return tuple(_package(name, version, mine, names) for (name, version), mine in found.items())


def _package(name: Name, version: str, found: Mapping[str, ResolvedPackage], names: tuple[str, ...]) -> LockedPackage:
    files = merged(
        [(_file(package.file, package.metadata_source), target) for target, package in found.items()],
        identity=file_key,
        among=found,
    )
    edges = merged(
        [
            (
                Dependency(
                    name=edge.name,
                    extras=tuple(sorted(set(edge.extras))),
                    specifier=edge.specifier,
                    marker=edge.marker,
                    extra=edge.extra,
                    declared=edge.overridden,
                    rule=edge.rule,
                    project=edge.project,
                ),
                target,
            )
            for target, package in found.items()
            for edge in package.edges
        ],
        identity=edge_key,
        among=found,
    )
    return LockedPackage(
        name=name,
        version=version,
        files=tuple(replace(file, targets=where) for file, where in files),
        targets=scope(found, names),
        dependencies=tuple(replace(edge, targets=where) for edge, where in edges),
    )


def _file(file: File, source: MetadataSource) -> LockedFile:
    claim = _CLAIMS.get(source, "seen")
    if file.url.startswith(_VCS_SCHEMES):
        url, commit = _repository(file)
        return LockedFile(
            index=DIRECT_INDEX,
            filename="",
            sha256=None,
            url=url,
            commit=commit,
            provenance=file.provenance,
            requirements=claim,
        )
    if file.sha256 is None and file.md5 is None:
        raise ValueError(f"{file.filename}: no sha256; its bytes must be read before it can be locked")
    direct = file.index == DIRECT_INDEX
    return LockedFile(
        index=file.index,
        filename=file.filename,
        sha256=file.sha256,
        size=file.size,
        uploaded=instant(file.uploaded),
        path=None if direct else path_hint(file.url),
        url=public_url(file.url) if direct else None,
        provenance=file.provenance,
        requirements=claim,
        md5=file.md5,
        subdir=file.subdir,
        conda=file.conda,
    )


def _repository(file: File) -> tuple[str, str]:
    """Split the URL of a VCS checkout into the repository's and the commit."""
    parts = urlsplit(public_url(file.url))
    path, at, commit = parts.path.rpartition("@")
    if not at:
        raise ValueError(f"{file.name}: the URL of a checkout must name the commit")
    return unsplit(parts._replace(path=path)), commit


def _indexes(indexes: Sequence[IndexSpec], resolutions: Sequence[Resolution]) -> tuple[LockedIndex, ...]:
    used = {package.file.index for resolution in resolutions for package in resolution.packages}
    named = (index for index in indexes if index.alias in used)
    return tuple({LockedIndex(alias=index.alias, url=public_url(index.url), kind=index.kind): None for index in named})


def _summarised(lock: Lock) -> Lock:
    """Fill in what each package's ``extras`` and ``groups`` say, which only the whole graph knows."""
    try:
        graph = summary(lock)
    except KeyError as error:
        raise ValueError(f"the solution of {lock.name} lacks {error}, which something in it requires") from None
    packages = []
    for package in lock.packages:
        facts = graph.get((package.name, package.version))
        packages.append(replace(package, extras=facts.extras, groups=facts.groups) if facts else package)
    return replace(lock, packages=tuple(packages))
