"""What all exports for tools of conda say of a package: where its file lies, what it requires, what comes before it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from envsolver.formats.markers import all_of
from envsolver.formats.requirements import comment
from envsolver.model.candidate import CONDA_PREFIX, is_conda
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.lock.model import Lock, LockedIndex, LockedPackage, LockedTarget
    from envsolver.model.candidate import Name

__all__ = [
    "build_string",
    "channels_of",
    "conda_target",
    "conda_url",
    "in_order",
    "match_specs",
    "requires_dist",
    "to_yaml",
]


def conda_target(lock: Lock, platform: str | None, groups: Sequence[str]) -> LockedTarget:
    """Return the target that serves a platform with some groups.

    Raises:
        UsageError: the lock has no such platform or group, or no packages of conda there.
    """
    target = lock.target(platform, groups)
    if not lock.conda(target.name):
        raise UsageError(
            f"the lock of {lock.name} has no packages of conda on {target.platform}",
            hint="--format requirements or pylock is for those of pip",
        )
    return target


def in_order(lock: Lock, target: LockedTarget) -> list[LockedPackage]:
    """Return the packages of conda, each behind those that it requires; where these go in a circle, by name."""
    packages = {package.name: package for package in lock.conda(target.name)}
    ordered: dict[Name, LockedPackage] = {}
    seen: set[Name] = set()
    for start in packages:
        stack = [(start, False)]
        while stack:
            name, done = stack.pop()
            if done:
                ordered[name] = packages[name]
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                below = {edge.name for edge in packages[name].edges(target.name) if is_conda(edge.name)}
                stack += [(other, False) for other in sorted(below & packages.keys(), reverse=True)]
    return list(ordered.values())


def channels_of(lock: Lock, targets: Iterable[LockedTarget], order: Sequence[str]) -> list[LockedIndex]:
    """Return the channels that packages come from, in the order of their priority.

    It matters: where priority is strict (as installers of conda-forge set it up), conda takes no package of a channel
    if one before that has another build of it, even where the package is asked for with its channel.

    Args:
        lock: of the environment, which does not keep the order.
        targets: of it.
        order: URLs of channels, the first goes before all others. Those that are not among them come last, that with
            the fewest packages first: a channel that has a few is there for these.
    """
    counted = Counter(package.file(target.name).index for target in targets for package in lock.conda(target.name))
    ranks = {url: rank for rank, url in enumerate(order)}
    return sorted(
        (index for index in lock.indexes if index.alias in counted),
        key=lambda index: (ranks.get(index.url, len(ranks)), counted[index.alias], index.url),
    )


def conda_url(lock: Lock, package: LockedPackage, target: LockedTarget) -> str:
    """Return where a package lies in its channel."""
    file = package.file(target.name)
    return f"{lock.index_url(file.index)}/{file.subdir}/{file.filename}"


def match_specs(package: LockedPackage, target: LockedTarget) -> list[str]:
    """Return what a package of conda requires of conda, as its record has it: virtual packages among it, sorted."""
    found = [
        f"{edge.name.removeprefix(CONDA_PREFIX)} {edge.specifier}".rstrip()
        for edge in package.edges(target.name)
        if is_conda(edge.name) and edge.rule is None
    ]
    facts = package.file(target.name).conda
    return sorted([*found, *(facts.virtual if facts else ())])


def build_string(package: LockedPackage, target: LockedTarget) -> str:
    """Return the build of a package, as its file name ends."""
    filename = package.file(target.name).filename
    return filename.removesuffix(".conda").removesuffix(".tar.bz2").rpartition("-")[2]


def requires_dist(package: LockedPackage, target: LockedTarget) -> list[str]:
    """Return what a package of pip requires as PEP 508 has it, projects by their own names whoever provides them."""
    found = []
    for edge in package.edges(target.name):
        extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
        clauses = [edge.marker] if edge.marker else []
        if edge.extra and "extra" not in (edge.marker or ""):
            clauses.append(f'extra == "{edge.extra}"')
        marker = all_of(clauses) if clauses else ""
        text = f"{edge.project or edge.name}{extras}{edge.specifier}"
        found.append(f"{text} ; {marker}" if marker else text)
    return sorted(found)


def to_yaml(lock: Lock, form: str, options: Sequence[str], data: dict[str, Any]) -> str:
    """Return a document under a comment that says what it is and how it was made.

    Args:
        lock: that it was made from.
        form: name of the format.
        options: further ones of the command that makes it.
        data: the document.
    """
    import yaml

    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    # People and simple readers get no anchors, wherever a value stands twice.
    dumper = type("Plain", (base,), {"ignore_aliases": lambda _dumper, _data: True})
    command = " ".join(["envsolver export", lock.name, "--format", form, *options])
    head = "# Exported from a lock of envsolver. Do not edit it; change the spec, lock again, then:"
    body: str = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1000)
    return f"{head}\n{comment(f'#     {command}')}\n{body}"
