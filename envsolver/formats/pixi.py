"""A lock as ``pixi.lock`` (version 7), for pixi and whatever else reads it with rattler.

It holds the records of conda whole, so that nothing has to be asked of a channel, and each file of pip with its URL,
digest and requirements. Groups are environments of their own, as pixi has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from envsolver.formats.condaparts import channels_of, conda_target, conda_url, match_specs, requires_dist, to_yaml
from envsolver.lock.instants import milliseconds
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envsolver.lock.model import Lock, LockedFile, LockedPackage, LockedTarget, Pin

__all__ = ["dumps"]

_VERSION = 7

_BASE = "default"
"""The environment that pixi takes where none is named."""


def dumps(lock: Lock, *, url_of: Callable[[LockedFile], str], channels: Sequence[str] = ()) -> str:
    """Return the text of a ``pixi.lock`` for all platforms and groups of a lock.

    The environment ``default`` is the base; a group gives one of its name, which holds the base and the group.

    Args:
        lock: of the environment.
        url_of: returns where a file of an index lies for the reader; it is not asked for packages of conda.
        channels: URLs of channels in the order of their priority, as far as it is known.

    Raises:
        UsageError: the lock has no packages of conda, or a group with the name of the base.
    """
    if _BASE in lock.groups:
        raise UsageError(
            f"a group of {lock.name} is called {_BASE!r}, which is the name of the base in a pixi.lock",
            hint="call the group otherwise",
        )
    environments = {_BASE: (), **{group: (group,) for group in lock.groups}}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    listed: dict[str, dict[str, list[dict[str, str]]]] = {}
    for name, groups in environments.items():
        for platform in lock.platforms:
            target = conda_target(lock, platform, groups)
            mine = dict(_conda(lock, one, target) for one in lock.conda(target.name))
            for pin in lock.select(platform, groups):
                mine["pypi", pin.file.reference or url_of(pin.file)] = _pip(lock, pin, target)
            rows |= mine
            listed.setdefault(name, {})[platform] = [{kind: url} for kind, url in sorted(mine)]
    named = [{"url": f"{index.url}/"} for index in channels_of(lock, lock.targets, channels)]
    data = {
        "version": _VERSION,
        "platforms": [_platform(lock.target(name)) for name in lock.platforms],
        "environments": {name: {"channels": named, "packages": packages} for name, packages in sorted(listed.items())},
        "packages": [{kind: url, **row} for (kind, url), row in sorted(rows.items(), key=lambda item: item[0])],
    }
    return to_yaml(lock, "pixi", (), data)


def _platform(target: LockedTarget) -> dict[str, Any]:
    system = {"__glibc": target.glibc, "__osx": target.macos}
    virtual = [f"{name}={version}" for name, version in system.items() if version]
    return {"name": target.platform, **({"virtual-packages": virtual} if virtual else {})}


def _conda(lock: Lock, package: LockedPackage, target: LockedTarget) -> tuple[tuple[str, str], dict[str, Any]]:
    """Return where a package lies, and its record."""
    file = package.file(target.name)
    facts = file.conda
    place = conda_url(lock, package, target)
    local = place.startswith("file:")
    row = {
        # Of a URL rattler takes the last folder for the subdir, and what stands before it for the channel.
        "subdir": file.subdir if local else None,
        "channel": lock.index_url(file.index) if local else None,
        "build_number": facts and facts.number,
        # What is no text is how rattler has a package that is under noarch and neither of both.
        "noarch": False if facts and facts.noarch == "none" else facts and facts.noarch,
        "sha256": file.sha256,
        "md5": file.md5,
        "depends": match_specs(package, target) or None,
        "constrains": list(facts.constrains) or None if facts else None,
        "track_features": list(facts.features) or None if facts else None,
        "size": file.size,
        "timestamp": None if file.uploaded is None else milliseconds(file.uploaded),
    }
    location = unquote(urlsplit(place).path) if local else place
    return ("conda", location), {key: value for key, value in row.items() if value is not None}


def _pip(lock: Lock, pin: Pin, target: LockedTarget) -> dict[str, Any]:
    row = {
        "name": pin.package.name,
        "version": pin.package.version,
        "sha256": pin.file.sha256,
        "index": next((one.url for one in lock.indexes if one.alias == pin.file.index and one.kind == "simple"), None),
        "requires_dist": requires_dist(pin.package, target) or None,
    }
    return {key: value for key, value in row.items() if value is not None}
