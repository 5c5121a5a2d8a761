"""A lock of conda as the source of a spec: what nothing else requires is asked for, in the versions that it has.

conda-lock and pixi write down who requires whom, an explicit list does not: of that everything is asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envsolver.formats.foreign import conda_place
from envsolver.formats.imported import CONDA_TOOLS, ImportedIndex, Written
from envsolver.model.origin import Origin
from envsolver.spec.conda import CHANNEL_ALIAS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.formats.foreign import ForeignLock, ForeignPackage
    from envsolver.formats.imported import Imported

__all__ = ["take_over"]

_TOOLKITS = ("cuda-version", "pytorch-cuda", "cudatoolkit")
"""Packages of conda whose version is that of the CUDA toolkit, the surest first."""


def take_over(locks: Mapping[str, ForeignLock], shown: str, into: Imported) -> None:
    """Take over a lock.

    Args:
        locks: platform → what the file says of it; at least one.
        shown: the file, for messages.
        into: gets what it says. Where the file names no channels, they are those of its packages, the smallest first:
            a channel that has a few packages is there for these.
    """
    into.platforms += locks
    first = next(iter(locks.values()))
    found = [one for lock in locks.values() for one in lock.packages]
    counted = Counter(conda_place(one).channel for one in found if one.manager == "conda")
    smallest_first = [url for url, _ in sorted(counted.items(), key=lambda item: (item[1], item[0]))]
    names = [_channel(url) for url in first.channels or smallest_first]
    for name in names:
        into.add_channel(Written(name, Origin(shown)))
    told = bool(first.roots)
    roots = {(root.name, "conda" if _is_conda(first, root.text) else "pip") for root in first.roots}
    wanted = [one for one in first.packages if not told or (one.name, one.manager) in roots]
    several = len(names) > 1
    for package in (*wanted, *_of_others(locks, wanted)):
        same = all(_version(lock, package) in {package.version, None} for lock in locks.values())
        for written in _asked(package, shown, same=same, several=several, into=into):
            if package.manager == "conda":
                on = tuple(platform for platform, lock in locks.items() if _version(lock, package) is not None)
                into.require_of_conda(written._replace(platforms=() if len(on) == len(locks) else on))
            else:
                into.require(written)
    if counted and not into.conda:
        into.require_of_conda(Written("python", Origin(shown)))
    if python := next((one for one in first.packages if one.manager == "conda" and one.name == "python"), None):
        into.python = Written(".".join(python.version.split(".")[:2]), Origin(shown, python.line))
    _toolkit(found, shown, into)
    _notes(locks, shown, into, told=told, count=len(wanted))


def _of_others(locks: Mapping[str, ForeignLock], wanted: Sequence[ForeignPackage]) -> list[ForeignPackage]:
    """Return the packages of conda that only platforms after the first ask for."""
    first, *others = locks.values()
    known = {(one.name, one.manager) for one in (*wanted, *first.packages)}
    found: dict[str, ForeignPackage] = {}
    for lock in others:
        roots = {root.name for root in lock.roots if _is_conda(lock, root.text)}
        for one in lock.packages:
            if one.manager == "conda" and one.name in roots and (one.name, "conda") not in known:
                found.setdefault(one.name, one)
    return list(found.values())


def _is_conda(lock: ForeignLock, text: str) -> bool:
    return lock.kind == "explicit" or "==" not in text


def _version(lock: ForeignLock, package: ForeignPackage) -> str | None:
    return next(
        (one.version for one in lock.packages if (one.name, one.manager) == (package.name, package.manager)), None
    )


def _asked(package: ForeignPackage, shown: str, *, same: bool, several: bool, into: Imported) -> Iterator[Written]:
    """Yield the requirement for a package; none for what a spec says elsewhere."""
    origin = Origin(shown, package.line)
    if package.manager == "pip":
        yield Written(f"{package.name}=={package.version}" if same else str(package.name), origin)
        if index := _index(package):
            into.add_index(ImportedIndex("extra", index, origin))
        return
    place = conda_place(package)
    if place.name not in {*CONDA_TOOLS, "python"} and not place.name.startswith("__"):
        # With its channel: priorities decide only where the file does not.
        channel = f"{_channel(place.channel)}::" if several and place.subdir else ""
        yield Written(f"{channel}{place.name}{f'={package.version}' if same else ''}", origin)


def _channel(url: str) -> str:
    return url.rstrip("/").removeprefix(f"{CHANNEL_ALIAS}/")


def _index(package: ForeignPackage) -> str | None:
    """Return the index that a wheel comes from where that is none of the default one's mirrors."""
    if package.index_url:
        from pip._internal.models.index import PyPI

        return None if package.index_url.rstrip("/") == PyPI.simple_url.rstrip("/") else package.index_url
    parts = urlsplit(package.url or "")
    variant = re.match(r"/whl/[a-z]+[0-9.]*(?=/)", parts.path)
    if (parts.hostname or "").endswith("pytorch.org") and variant:
        return f"{parts.scheme}://{parts.netloc}{variant[0]}"
    return None


def _toolkit(packages: Sequence[ForeignPackage], shown: str, into: Imported) -> None:
    """Take over for which CUDA the packages are: without it a spec has nodes without GPUs, where they cannot run."""
    for name in _TOOLKITS:
        one = next((one for one in packages if one.manager == "conda" and one.name == name), None)
        if one is not None and (version := re.match(r"\d+\.\d+", one.version)):
            into.cuda = Written(version[0], Origin(shown, one.line))
            return


def _notes(locks: Mapping[str, ForeignLock], shown: str, into: Imported, *, told: bool, count: int) -> None:
    if told:
        into.notes.append(
            f"{shown}: asked for is what nothing else in it requires, in the versions that it has: loosen them, and add"
            " what is used itself although something else requires it"
        )
    else:
        into.notes.append(
            f"{shown}: it does not say what was asked for, so all {count} packages are: delete what only others"
            " require, or import the file that it was made from, and lock that with --start"
        )
    first, *others = locks
    for platform in others:
        if _wheels(locks[platform]) != _wheels(locks[first]):
            into.notes.append(
                f"{shown}: on {platform} other wheels are asked for than on {first}; taken over are the latter"
            )


def _wheels(lock: ForeignLock) -> set[str]:
    """Return what is asked for of pip."""
    return {root.name for root in lock.roots if not _is_conda(lock, root.text)}
