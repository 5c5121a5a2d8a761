"""What a driver can run, and which devices the kernels of a build cover."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from envsolver.knowledge.rules import admits
from envsolver.knowledge.tables import cuda_tables, torch_tables
from envsolver.knowledge.variants import cuda_of_tag
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.knowledge.tables import GccBounds, Toolkit

__all__ = [
    "Coverage",
    "DriverVerdict",
    "architectures_covered",
    "driver_supports",
    "gcc_for",
    "highest_cuda",
    "toolkit_targets",
    "torch_architectures",
]

CoverageKind = Literal["binary", "ptx", "none"]
DriverLevel = Literal["packaged", "minor-version", "no"]


@dataclass(frozen=True, slots=True)
class DriverVerdict:
    """Whether a driver runs a build.

    Attributes:
        level: ``packaged``: at least the driver that the toolkit comes with. ``minor-version``: an older one of the
            same major family, which runs it short of JIT compilation of newer PTX and of features that need the newer
            one. ``no``: too old.
        minimum: the oldest driver that runs it at all, None if the toolkit is not known.
        packaged: the driver that the toolkit comes with, None if that is not known.
    """

    level: DriverLevel
    minimum: str | None
    packaged: str | None

    @property
    def runs(self) -> bool:
        """Whether machine code of the build runs."""
        return self.level != "no"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether a build has code for a device.

    Attributes:
        kind: ``binary``: machine code; ``ptx``: only code that the driver compiles when it is loaded; ``none``.
        by: the architecture of the build that serves it, as the build names it, None for ``none``.
    """

    kind: CoverageKind
    by: str | None = None


def driver_supports(cuda: str, driver: str, *, platform: str = "linux-64") -> DriverVerdict:
    """Return whether a driver runs what was built for a CUDA version.

    Args:
        cuda: ``11.7``, ``12.4.1``, or the major alone.
        driver: version of the driver, ``515.43.04``.
        platform: whose drivers are meant; all but Windows count as Linux.

    Raises:
        ValueError: one of the two is no version.
    """
    have, wanted = _parts(driver), _parts(cuda)
    toolkit = _toolkit(wanted)
    packaged = _driver(toolkit, platform) if toolkit else None
    floor = next((row for row in cuda_tables().floors if admits(row.versions, _padded(wanted))), None)
    minimum = (floor.windows if platform == "win-64" else floor.linux) if floor else packaged
    if packaged is not None and len(wanted) > 1 and have >= _parts(packaged):
        return DriverVerdict("packaged", minimum, packaged)
    if minimum is None or have < _parts(minimum):
        return DriverVerdict("no", minimum, packaged)
    if len(wanted) == 1 and packaged is not None and have >= _parts(packaged):
        return DriverVerdict("packaged", minimum, packaged)
    return DriverVerdict("minor-version" if floor else "no", minimum, packaged)


def highest_cuda(driver: str, *, platform: str = "linux-64") -> str | None:
    """Return the newest CUDA version whose own driver is not newer than this one: what ``nvidia-smi`` would show.

    None if it is older than all that are known.
    """
    have = _parts(driver)
    fitting = [
        toolkit
        for toolkit in cuda_tables().toolkits
        if not toolkit.update and (needs := _driver(toolkit, platform)) is not None and have >= _parts(needs)
    ]
    return max((toolkit.version for toolkit in fitting), key=_parts, default=None)


def architectures_covered(architectures: Iterable[str], capability: str, *, jit: bool = True) -> Coverage:
    """Return whether a build with these architectures runs on a device.

    Machine code for X.Y runs on devices X.Z with Z not below Y, of the same major only: sm_80 serves 8.6, sm_86 does
    not serve 8.0, and neither serves 9.0. PTX for X.Y is compiled by the driver for any device from X.Y on.

    Args:
        architectures: as builds name them: ``sm_80``, ``compute_80``, ``8.0``, ``8.0+PTX``, ``sm_90a``, ``sm_100f``.
        capability: of the device, ``8.6``.
        jit: whether the driver compiles the build's PTX: one that runs it by minor version compatibility does not.

    Raises:
        ValueError: an architecture or the capability cannot be read.
    """
    device = _capability(capability)
    named = tuple(architectures)
    best: tuple[tuple[int, int], str] | None = None
    for text in named:
        for kind, (major, minor), suffix in _read(text):
            if kind != "binary" or major != device[0] or minor > device[1]:
                continue
            if suffix == "a" and (major, minor) != device:
                continue
            if best is None or (major, minor) > best[0]:
                best = ((major, minor), text)
    if best is not None:
        return Coverage("binary", best[1])
    if jit:
        for text in named:
            if any(kind == "ptx" and of <= device and not suffix for kind, of, suffix in _read(text)):
                return Coverage("ptx", text)
    return Coverage("none")


def torch_architectures(version: str, cuda: str, *, from_pypi: bool = False) -> tuple[str, ...] | None:
    """Return the architectures of a linux x86_64 build of torch, None if they are not known.

    Args:
        version: of torch; a local version counts as its public version.
        cuda: for which it was built, ``11.6``.
        from_pypi: whether it is the wheel on PyPI, not one with a local version.
    """
    tables = torch_tables()
    release = tables.release(version)
    public = version.partition("+")[0]
    if not from_pypi:
        for row in tables.variants:
            if any(cuda_of_tag(local.removeprefix("cu")) == cuda for local in row.local) and admits(
                row.versions, public
            ):
                return row.architectures
    return release.architectures if release is not None and release.cuda == cuda else None


def toolkit_targets(cuda: str) -> tuple[str, ...]:
    """Return the architectures for which a toolkit can compile (``80``, ``90a``); nothing if that is not known."""
    version = _padded(_parts(cuda))
    return next((row.sm for row in cuda_tables().targets if admits(row.versions, version)), ())


def gcc_for(cuda: str) -> GccBounds | None:
    """Return the versions of gcc that a toolkit's nvcc accepts, None if that is not known."""
    version = _padded(_parts(cuda))
    return next((row for row in cuda_tables().gcc if admits(row.versions, version)), None)


@lru_cache(maxsize=1024)
def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _padded(version: Sequence[int]) -> str:
    return ".".join(str(part) for part in (*version, 0)[:2])


def _toolkit(wanted: tuple[int, ...]) -> Toolkit | None:
    """Return the toolkit of a version: its first release, or the update that is named; of a major, its newest."""
    toolkits = cuda_tables().toolkits
    if len(wanted) == 1:
        of_major = [one for one in toolkits if _parts(one.version)[0] == wanted[0] and not one.update]
        return max(of_major, key=lambda one: _parts(one.version), default=None)
    update = wanted[2] if len(wanted) > 2 else 0
    of_minor = [one for one in toolkits if _parts(one.version) == wanted[:2]]
    exact = [one for one in of_minor if one.update == update]
    return exact[0] if exact else min(of_minor, key=lambda one: one.update, default=None)


def _driver(toolkit: Toolkit, platform: str) -> str | None:
    return toolkit.windows if platform == "win-64" else toolkit.linux


def _capability(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


_ARCHITECTURE = re.compile(r"(?:(sm|compute)_)?(\d+)(?:\.(\d+))?([af]?)(\+PTX)?", re.IGNORECASE)


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[tuple[str, tuple[int, int], str], ...]:
    """Return the code that an architecture stands for: (``binary`` or ``ptx``, capability, suffix)."""
    found = _ARCHITECTURE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} names no architecture")
    kind, digits, minor, suffix, ptx = found.groups()
    if minor is None:
        if len(digits) < 2:
            raise ValueError(f"{text!r} names no architecture")
        digits, minor = digits[:-1], digits[-1]
    of = (int(digits), int(minor))
    first = "ptx" if kind and kind.lower() == "compute" else "binary"
    return ((first, of, suffix.lower()), ("ptx", of, suffix.lower())) if ptx else ((first, of, suffix.lower()),)
