"""A lock as ``conda-lock.yml`` (version 1), for conda-lock, micromamba and rattler: conda's packages and pip's, pinned.

conda-lock wants a URL for every file, which the lock leaves to its reader; so the caller says where files of pip lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envsolver.formats.condaparts import (
    channels_of,
    conda_target,
    conda_url,
    in_order,
    match_specs,
    requires_dist,
    to_yaml,
)
from envsolver.lock.reach import reached
from envsolver.model.candidate import CONDA_PREFIX
from envsolver.model.errors import UsageError
from envsolver.spec.conda import CHANNEL_ALIAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envsolver.lock.model import Lock, LockedFile, LockedTarget

__all__ = ["dumps"]

_MAIN = "main"
"""Category of what is always installed."""


def dumps(
    lock: Lock,
    *,
    url_of: Callable[[LockedFile], str],
    platform: str | None = None,
    groups: Sequence[str] = (),
    channels: Sequence[str] = (),
) -> str:
    """Return the text of a ``conda-lock.yml``.

    What the base brings is of the category ``main``; what groups bring beside it, of a category called as the group.

    Args:
        lock: of the environment.
        url_of: returns where a file of an index lies for the reader; it is not asked for packages of conda.
        platform: None for all of the lock.
        groups: names of groups to take beside the base.
        channels: URLs of channels in the order of their priority, as far as it is known.

    Raises:
        UsageError: the lock has no such platform or group, no packages of conda, or one without md5.
    """
    targets = [conda_target(lock, name, groups) for name in ([platform] if platform else lock.platforms)]
    rows = [row for target in targets for row in (*_conda_rows(lock, target), *_pip_rows(lock, target, groups, url_of))]
    data = {
        "version": 1,
        "metadata": {
            # To conda-lock, a hash of its own sources; it only ever compares it with itself.
            "content_hash": {target.platform: lock.inputs_digest for target in targets},
            "channels": [
                {"url": index.url.removeprefix(f"{CHANNEL_ALIAS}/"), "used_env_vars": []}
                for index in channels_of(lock, targets, channels)
            ],
            "platforms": [target.platform for target in targets],
            "sources": [],
        },
        "package": sorted(rows, key=lambda row: (row["manager"], row["name"], row["platform"], row["category"])),
    }
    options = [
        *(f"--group {group}" for group in sorted(set(groups))),
        *([f"--platform {platform}"] if platform else []),
    ]
    return to_yaml(lock, "conda-lock", options, data)


def _conda_rows(lock: Lock, target: LockedTarget) -> Iterator[dict[str, Any]]:
    for package in in_order(lock, target):
        file = package.file(target.name)
        if file.md5 is None:
            raise UsageError(
                f"{file.filename} has no md5 in its channel, and conda-lock takes no package of conda without one",
                hint="--format pixi and --format explicit take its sha256",
            )
        yield {
            "name": package.name.removeprefix(CONDA_PREFIX),
            "version": package.version,
            "manager": "conda",
            "platform": target.platform,
            # One entry a name is all that there is room for: the last one, as conda-lock itself has it.
            "dependencies": {text.partition(" ")[0]: text.partition(" ")[2] for text in match_specs(package, target)},
            "url": conda_url(lock, package, target),
            "hash": {"md5": file.md5, **({"sha256": file.sha256} if file.sha256 else {})},
            "category": _MAIN,
            "optional": False,
        }


def _pip_rows(
    lock: Lock, target: LockedTarget, groups: Sequence[str], url_of: Callable[[LockedFile], str]
) -> Iterator[dict[str, Any]]:
    from packaging.requirements import Requirement

    brought = reached(lock, target.name)
    for pin in lock.select(target.platform, groups):
        required = [Requirement(text) for text in requires_dist(pin.package, target)]
        row = {
            "name": pin.package.name,
            "version": pin.package.version,
            "manager": "pip",
            "platform": target.platform,
            "dependencies": {one.name: str(one.specifier) for one in required},
            "url": pin.file.reference or url_of(pin.file),
            "hash": {"sha256": pin.file.sha256} if pin.file.sha256 else {},
            **({"source": {"type": "url", "url": pin.file.reference}} if pin.file.reference else {}),
        }
        categories = sorted(set(brought[pin.package.name].groups) & set(groups)) or [_MAIN]
        yield from ({**row, "category": category, "optional": category != _MAIN} for category in categories)
