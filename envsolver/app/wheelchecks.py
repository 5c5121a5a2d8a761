"""Whether a wheel that was built is the one that its lock counts on."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from envsolver.build.archive import open_wheel
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envsolver.lock.model import Lock, LockedTarget, Pin

__all__ = ["check_wheel", "differing_members"]

_NAMED = 10


def check_wheel(wheel: Path, pin: Pin, lock: Lock, target: LockedTarget) -> None:
    """Hold a wheel's name, tags and requirements against the lock.

    A source archive says what it requires, and that was locked; what its build says can be something else.

    Args:
        wheel: that was built.
        pin: of the archive.
        lock: that it is in, or whose build requirement it is.
        target: that it was built for.

    Raises:
        ArtefactError: it is of another version, does not fit, or requires what the lock has not.
    """
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        name, version, _, tags = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename as error:
        raise ArtefactError(pin.file.filename, f"its build made {wheel.name}, which is no name of a wheel") from error
    if normalize_name(name) != pin.package.name or str(version) != pin.package.version:
        raise ArtefactError(pin.file.filename, f"its build made {wheel.name}, not {pin.requirement}")
    ranks = target.to_target(lock.python).tag_ranks
    if not any(str(tag) in ranks for tag in tags):
        raise ArtefactError(pin.file.filename, f"its build made {wheel.name}, which does not fit {target.name}")
    with open_wheel(wheel, wheel.name) as opened:
        metadata = opened.read_dist_info("METADATA")
    if wrong := list(_unmet(metadata, pin, lock, target)):
        raise ArtefactError(
            pin.file.filename,
            f"its wheel requires what the archive did not say: {'; '.join(wrong)}",
            hint="add that to the spec's requirements and lock again",
        )


def _unmet(metadata: str, pin: Pin, lock: Lock, target: LockedTarget) -> Iterator[str]:
    from packaging.metadata import parse_email
    from packaging.requirements import InvalidRequirement, Requirement

    if lock.versions(pin.package.name) == () or not pin.package.on(target.name):
        return  # a build requirement: what it requires was solved beside it, in another set of packages
    raw, _ = parse_email(metadata)
    packages = lock.packages_on(target.name)
    # What the spec or a rule has replaced is not to be as declared.
    replaced = {edge.name for edge in pin.package.edges(target.name) if edge.declared is not None}
    environment = target.to_target(lock.python).marker_environment
    for text in raw.get("requires_dist", []):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            yield text
            continue
        name = normalize_name(requirement.name)
        extras = ("", *pin.extras)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({**environment, "extra": extra}) for extra in extras
        )
        found = packages.get(name)
        fits = found is not None and requirement.specifier.contains(found.version, prereleases=True)
        if applies and not fits and name not in replaced:
            yield f"{text} (the lock has {found.version if found else 'none'})"


def differing_members(one: Path, other: Path) -> tuple[str, ...]:
    """Return the names of members that two wheels have not in common, the first few of them."""
    contents = []
    for path in (one, other):
        with zipfile.ZipFile(path) as archive:
            contents.append({(member.filename, member.CRC, member.file_size) for member in archive.infolist()})
    names = sorted({name for name, _, _ in contents[0] ^ contents[1]})
    return tuple(names[:_NAMED]) + ((f"and {len(names) - _NAMED} more",) if len(names) > _NAMED else ())
