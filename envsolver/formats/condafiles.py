"""A lock for conda, mamba and micromamba: the list of URLs that they install as it stands, and an environment file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.formats.condaparts import build_string, channels_of, conda_target, conda_url, in_order
from envsolver.formats.requirements import comment
from envsolver.formats.spectext import scalar
from envsolver.model.candidate import CONDA_PREFIX
from envsolver.spec.conda import CHANNEL_ALIAS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.lock.model import Lock, LockedTarget

__all__ = ["environment", "explicit"]


def explicit(lock: Lock, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return an explicit list (``@EXPLICIT``): URLs with digests, what is required before what requires it.

    The packages of pip have no place in it; a comment says how they come in.

    Args:
        lock: of the environment.
        platform: may be left out if the lock has one only.
        groups: names of groups to take beside the base; they hold packages of pip.

    Raises:
        UsageError: the lock has no such platform or group, or no packages of conda.
    """
    target = conda_target(lock, platform, groups)
    lines = [
        *_heading(lock, target, "explicit", groups),
        comment(f"#     conda create --name {lock.name} --file THIS_FILE"),
        f"# platform: {target.platform}",
        *_pip_part(lock, target, groups),
        "@EXPLICIT",
    ]
    for package in in_order(lock, target):
        file = package.file(target.name)
        # md5 is what every version of these tools understands; where a channel gives none, the newer ones take sha256.
        lines.append(f"{conda_url(lock, package, target)}#{file.md5 or f'sha256:{file.sha256}'}")
    return "\n".join([*lines, ""])


def environment(
    lock: Lock, *, platform: str | None = None, groups: Sequence[str] = (), channels: Sequence[str] = ()
) -> str:
    """Return an ``environment.yml`` in which every package is pinned, those of conda to the build, those of pip below.

    Args:
        lock: of the environment.
        platform: may be left out if the lock has one only.
        groups: names of groups to take beside the base; they hold packages of pip.
        channels: URLs of channels in the order of their priority, as far as it is known.

    Raises:
        UsageError: the lock has no such platform or group, or no packages of conda.
    """
    target = conda_target(lock, platform, groups)
    lines = [*_heading(lock, target, "environment", groups), comment("#     conda env create --file THIS_FILE")]
    lines += [f"name: {scalar(lock.name)}", "channels:"]
    names = {
        index.alias: index.url.removeprefix(f"{CHANNEL_ALIAS}/") for index in channels_of(lock, [target], channels)
    }
    lines += [f"  - {scalar(name)}" for name in names.values()]
    lines += ["  - nodefaults", "dependencies:"]
    for package in sorted(lock.conda(target.name), key=lambda one: one.name):
        name = package.name.removeprefix(CONDA_PREFIX)
        channel = names[package.file(target.name).index]
        # Of a channel with a URL `conda env` keeps the last part alone, and asks for that at anaconda.org.
        prefix = "" if "://" in channel else f"{channel}::"
        lines.append(f"  - {scalar(f'{prefix}{name}={package.version}={build_string(package, target)}')}")
    pins = lock.select(target.platform, groups)
    if pins:
        lines += ["  - pip:", *(f"      - {scalar(pin.requirement)}" for pin in pins)]
    return "\n".join([*lines, ""])


def _heading(lock: Lock, target: LockedTarget, form: str, groups: Sequence[str]) -> Iterator[str]:
    command = ["envsolver export", lock.name, "--format", form, *(f"--group {group}" for group in sorted(set(groups)))]
    command += [f"--platform {target.platform}"] if len(lock.platforms) > 1 else []
    yield "# Exported from a lock of envsolver. Do not edit it; change the spec, lock again, then:"
    yield comment(f"#     {' '.join(command)}")
    system = f"glibc {target.glibc}" if target.glibc else f"macOS {target.macos}" if target.macos else ""
    yield f"# For {target.platform}{f' ({system} or newer)' if system else ''}:"


def _pip_part(lock: Lock, target: LockedTarget, groups: Sequence[str]) -> Iterator[str]:
    pins = lock.select(target.platform, groups)
    if pins:
        command = ["envsolver export", lock.name, "--format requirements -o requirements.txt"]
        command += [f"--group {group}" for group in sorted(set(groups))]
        yield f"# Then the {len(pins)} packages of pip, with the Python of that environment:"
        yield comment(f"#     {' '.join(command)}")
        yield "#     python -m pip install --no-deps --require-hashes -r requirements.txt"
