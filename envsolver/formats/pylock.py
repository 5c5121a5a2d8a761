"""A lock as ``pylock.toml`` (PEP 751), for pip, uv and everything else that reads the standard.

The standard wants a URL for every file, which the lock leaves to its reader; so the caller says where files lie.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from envsolver.formats.markers import all_of, any_of, choice_marker, group_marker, platform_marker
from envsolver.formats.requirements import comment
from envsolver.lock.digest import content_digest
from envsolver.lock.reach import reached
from envsolver.lock.urls import public_url
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.pylock import Package, Pylock
    from tomlkit.items import InlineTable

    from envsolver.lock.model import Lock, LockedFile, LockedPackage, LockedTarget
    from envsolver.lock.reach import Reached
    from envsolver.model.candidate import Name

__all__ = ["dumps", "to_pylock"]


def dumps(lock: Lock, *, url_of: Callable[[LockedFile], str]) -> str:
    """Return the text of a ``pylock.toml`` for all platforms and groups of a lock.

    Args:
        lock: of the environment.
        url_of: returns where a file of an index lies for the reader; it is not asked for direct references.

    Raises:
        UsageError: a file of the lock cannot be said in the standard.
    """
    import tomlkit

    data = dict(to_pylock(lock, url_of=url_of).to_dict())
    data["packages"] = [_laid_out(package) for package in data["packages"]]
    head = "# Exported from a lock of envsolver. Do not edit it; change the spec, lock again, then:\n"
    command = comment(f"#     envsolver export {lock.name} --format pylock")
    return f"{head}{command}\n{tomlkit.dumps(data)}"


def to_pylock(lock: Lock, *, url_of: Callable[[LockedFile], str]) -> Pylock:
    """Return a lock as the value that ``packaging`` has for the standard, validated. Arguments as :func:`dumps`."""
    from packaging.markers import Marker
    from packaging.pylock import Pylock, PylockValidationError
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    minor = ".".join(lock.python.split(".")[:2])
    systems = [all_of([platform_marker([name]), 'implementation_name == "cpython"']) for name in lock.platforms]
    pylock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(system) for system in systems],
        requires_python=SpecifierSet(f"=={minor}.*"),
        dependency_groups=list(lock.groups) or None,
        default_groups=[] if lock.groups else None,
        created_by="envsolver",
        packages=list(_packages(lock, url_of)),
        tool={"envsolver": {"name": lock.name, "python": lock.python, "lock-digest": content_digest(lock)}},
    )
    try:
        pylock.validate()
    except PylockValidationError as error:
        raise UsageError(f"the lock of {lock.name} cannot be a pylock: {error}") from error
    return pylock


def _laid_out(package: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry whose small tables stand on a line each, as the standard shows them."""
    import tomlkit

    def inline(table: Mapping[str, Any]) -> InlineTable:
        line = tomlkit.inline_table()
        line.update(table)
        return line

    laid_out = dict(package)
    for key, value in package.items():
        if key == "dependencies":
            lines = tomlkit.array()
            lines.extend(inline(dependency) for dependency in value)
            laid_out[key] = lines.multiline(multiline=True)
        elif key == "wheels":
            laid_out[key] = [{**wheel, "hashes": inline(wheel["hashes"])} for wheel in value]
        elif key in {"sdist", "archive"}:
            laid_out[key] = {**value, "hashes": inline(value["hashes"])}
    return laid_out


def _packages(lock: Lock, url_of: Callable[[LockedFile], str]) -> Iterator[Package]:
    brought = {target.name: reached(lock, target.name) for target in lock.targets}
    entries = [
        (package, targets, _marker(lock, package, targets, brought))
        for package in lock.packages
        for targets in _entries(lock, package)
    ]
    for package, targets, marker in entries:
        yield _entry(lock, package, targets, marker, _dependencies(package, targets, entries), url_of)


def _entries(lock: Lock, package: LockedPackage) -> Iterator[tuple[LockedTarget, ...]]:
    """Yield the targets that one entry can serve: one for a version, unless its files would get in each other's way.

    An installer takes the best wheel of an entry for its own tags, else the entry's only sdist. Where that would not be
    the file that was locked (files of several indexes, other bytes under one name), each file has an entry to itself.
    """
    mine = tuple(target for target in lock.targets if package.on(target.name))
    if _same_everywhere(lock, package, mine):
        yield mine
        return
    for file in package.files:
        yield tuple(target for target in mine if package.file(target.name) == file)


def _same_everywhere(lock: Lock, package: LockedPackage, targets: Sequence[LockedTarget]) -> bool:
    if len(package.files) == 1:
        return True
    if len({file.index for file in package.files}) > 1 or package.files[0].url is not None:
        return False  # an entry has one index, and a direct reference an entry to itself
    wheels = [file for file in package.files if file.kind == "wheel"]
    return all(_choice(lock, package, wheels, target) == package.file(target.name) for target in targets)


def _choice(
    lock: Lock, package: LockedPackage, wheels: Iterable[LockedFile], target: LockedTarget
) -> LockedFile | None:
    """Return the file that an installer on the target takes from an entry with all files of a package."""
    platform = target.to_target(lock.python)
    ranked = [(platform.wheel_rank("-".join(wheel.filename[:-4].rsplit("-", 3)[1:])), wheel) for wheel in wheels]
    fitting = [(rank, wheel) for rank, wheel in ranked if rank is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    return next((file for file in package.files if file.kind == "sdist"), None)


def _marker(
    lock: Lock,
    package: LockedPackage,
    targets: Sequence[LockedTarget],
    brought: Mapping[str, Mapping[Name, Reached]],
) -> str | None:
    """Return under which platforms and groups an entry is installed; None for all of the lock's, always."""
    # Targets that are alike but for the platform share a clause.
    clauses: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    by_platform: dict[tuple[str, tuple[str, ...]], list[tuple[str, ...]]] = {}
    for target in targets:
        groups = brought[target.name][package.name].groups
        by_platform.setdefault((target.platform, groups), []).append(target.choice)
    for (platform, groups), choices in by_platform.items():
        clauses.setdefault((choice_marker(lock, platform, choices), groups), []).append(platform)
    texts = []
    for (choice, groups), platforms in clauses.items():
        everywhere = len(platforms) == len(lock.platforms)
        parts = [
            "" if everywhere else platform_marker(platforms),
            group_marker(groups) if groups else "",
            choice or "",
        ]
        texts.append(all_of([part for part in parts if part]))
    return None if "" in texts else any_of(texts)


def _dependencies(
    package: LockedPackage,
    targets: Sequence[LockedTarget],
    entries: Sequence[tuple[LockedPackage, tuple[LockedTarget, ...], str | None]],
) -> list[dict[str, Any]]:
    """Return which other entries a package requires, with no more than it takes to tell them apart."""
    wanted = {target.name for target in targets}
    names = {edge.name for target in wanted for edge in package.edges(target)} - {package.name}
    found = []
    for name in sorted(names):
        rivals = [entry for entry in entries if entry[0].name == name]
        for rival, served, marker in rivals:
            if wanted.isdisjoint(target.name for target in served):
                continue
            entry: dict[str, Any] = {"name": name}
            if len({other.version for other, _, _ in rivals}) > 1:
                entry["version"] = rival.version
            if marker and sum(other.version == rival.version for other, _, _ in rivals) > 1:
                entry["marker"] = marker
            found.append(entry)
    return found


def _entry(
    lock: Lock,
    package: LockedPackage,
    targets: Sequence[LockedTarget],
    marker: str | None,
    dependencies: list[dict[str, Any]],
    url_of: Callable[[LockedFile], str],
) -> Package:
    from packaging.markers import Marker
    from packaging.pylock import Package
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    files = list(dict.fromkeys(package.file(target.name) for target in targets))
    return Package(
        name=canonicalize_name(package.name),
        version=Version(package.version),
        marker=Marker(marker) if marker else None,
        dependencies=dependencies or None,
        **(_direct(files[0]) if files[0].url is not None else _indexed(lock, files, url_of)),
    )


def _indexed(lock: Lock, files: Sequence[LockedFile], url_of: Callable[[LockedFile], str]) -> dict[str, Any]:
    from packaging.pylock import PackageSdist, PackageWheel

    def facts(file: LockedFile) -> dict[str, Any]:
        return {
            "name": file.filename,
            "upload_time": None if file.uploaded is None else datetime.fromisoformat(file.uploaded),
            "url": public_url(url_of(file)),
            "size": file.size,
            "hashes": _hashes(file),
        }

    wheels = [PackageWheel(**facts(file)) for file in files if file.kind == "wheel"]
    sdist = next((PackageSdist(**facts(file)) for file in files if file.kind == "sdist"), None)
    return {"index": lock.index_url(files[0].index), "wheels": wheels or None, "sdist": sdist}


def _direct(file: LockedFile) -> dict[str, Any]:
    from packaging.pylock import PackageArchive, PackageVcs

    url, _, fragment = (file.url or "").partition("#")
    subdirectory = fragment.removeprefix("subdirectory=") or None
    if file.commit is not None:
        kind, _, repository = url.partition("+")
        return {
            "vcs": PackageVcs(type=kind, url=repository, commit_id=file.commit, subdirectory=subdirectory),
        }
    return {
        "archive": PackageArchive(
            url=url,
            size=file.size,
            upload_time=None if file.uploaded is None else datetime.fromisoformat(file.uploaded),
            hashes=_hashes(file),
            subdirectory=subdirectory,
        )
    }


def _hashes(file: LockedFile) -> dict[str, str]:
    return {} if file.sha256 is None else {"sha256": file.sha256}
