"""Locks that other tools made, as subjects of findings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envsolver.app.files import read_text
from envsolver.app.starting import default_python
from envsolver.findings.subject import PYPI_NAMES, Part, Subject, TopLevel
from envsolver.formats.foreign import ForeignLockError
from envsolver.model.candidate import DEFAULT_INDEX, normalize_name
from envsolver.model.errors import FileError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuSpec
from envsolver.model.target import KNOWN_PLATFORMS, LATEST_PATCH, Target, full_python_version
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envsolver.formats.foreign import ForeignLock, ForeignPackage
    from envsolver.model.candidate import Name

__all__ = ["Circumstances", "foreign_subject", "is_lock", "load_foreign", "read_foreign", "read_locks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """For what a foreign lock is judged: what a spec would say of the nodes.

    Attributes:
        python: minor or full version.
        platform: one of the known platforms.
        glibc: of the nodes (linux only), or None.
        cuda: toolkit version that the stack is for; ``cpu`` for none; None: not said.
        driver: lowest driver version of the nodes, or None.
        architectures: compute capabilities of the nodes.
        base_image: on which it is built, or None.
    """

    python: str
    platform: str = "linux-64"
    glibc: str | None = None
    cuda: str | None = None
    driver: str | None = None
    architectures: tuple[str, ...] = ()
    base_image: str | None = None

    def target(self) -> Target:
        """Return the platform and interpreter.

        Raises:
            UsageError: one of them is not known, or what is said of the nodes is malformed.
        """
        for option, value, pattern, example in (
            ("--cuda", self.cuda, r"\d+(?:\.\d+){0,2}|cpu", "12.1"),
            ("--driver", self.driver, r"\d+(?:\.\d+){1,2}", "525.60.13"),
            ("--glibc", self.glibc, r"2\.\d+", "2.31"),
            *(("--arch", one, r"\d+\.\d", "8.0") for one in self.architectures),
        ):
            if value is not None and not re.fullmatch(pattern, value, re.ASCII):
                raise UsageError(f"{option} {value!r} is no version", hint=f"such as {example}")
        if self.platform not in KNOWN_PLATFORMS:
            raise UsageError(f"no platform is called {self.platform!r}", hint=f"one of {', '.join(KNOWN_PLATFORMS)}")
        try:
            python = full_python_version(self.python)
        except KeyError:
            raise UsageError(
                f"Python {self.python} is not known", hint=f"one of {', '.join(LATEST_PATCH)}, or a full version"
            ) from None
        return Target(platform=self.platform, python=python, glibc=self.glibc)

    def gpu(self, place: Origin) -> GpuSpec | None:
        """Return what the nodes offer; None if nothing is said of them."""
        backend: Literal["cuda", "cpu"] = "cpu" if self.cuda == "cpu" else "cuda"
        if self.cuda is None and self.driver is None and not self.architectures:
            return None
        return GpuSpec(
            backend=backend,
            version=None if self.cuda == "cpu" else self.cuda,
            driver=self.driver,
            architectures=self.architectures,
            origin=place,
        )


def read_foreign(path: Path, circumstances: Circumstances) -> tuple[ForeignLock, Subject]:
    """Read a lock of another tool.

    Raises:
        FileError: it cannot be read.
        ForeignLockError: it is none, or not of a kind that is known.
        UsageError: the circumstances make no sense.
    """
    target = circumstances.target()
    lock = load_foreign(path, target)
    return lock, foreign_subject(lock, _shown(path), target, circumstances)


def load_foreign(path: Path, target: Target) -> ForeignLock:
    """Read a lock of another tool as it is for a target.

    Raises:
        FileError: it cannot be read.
        ForeignLockError: it is none, not of a kind that is known, or not for the target.
        UsageError: it is a lock of envsolver.
    """
    shown = _shown(path)
    text = read_text(path)
    if text is None:
        raise FileError(f"{shown}: there is no such file")
    return _reader(path.name, text, shown)(text, shown, target)


def is_lock(name: str, text: str) -> bool:
    """Say whether a file is a lock with packages of conda: of conda-lock, of pixi, or an explicit list."""
    if re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE) or name == "pixi.lock":
        return True
    heads = (r"^package:\s*$", r"^metadata:\s*$")
    return name.endswith((".yml", ".yaml")) and all(re.search(head, text, re.MULTILINE) for head in heads)


def read_locks(path: Path, text: str, platforms: Sequence[str]) -> dict[str, ForeignLock]:
    """Return what a lock with packages of conda says of each platform, the known ones in their order.

    Args:
        path: of the file.
        text: of it.
        platforms: that are wanted; empty for all that it has.

    Raises:
        ForeignLockError: it has none of them, or cannot be read.
    """
    subdirs = set(re.findall("|".join(sorted(KNOWN_PLATFORMS)), text))
    python = full_python_version(default_python())
    found: dict[str, ForeignLock] = {}
    refused: ForeignLockError | None = None
    for platform in platforms or [one for one in KNOWN_PLATFORMS if one in subdirs] or ["linux-64"]:
        try:
            found[platform] = load_foreign(path, Target(platform=platform, python=python))
        except ForeignLockError as error:
            refused = refused or error
    if refused is not None and (platforms or not found):
        raise refused
    return found


def _shown(path: Path) -> str:
    """Return a path as messages have it, and as services that show findings expect it: from the current folder on."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (OSError, ValueError):
        return path.as_posix()


def _reader(name: str, text: str, shown: str) -> Callable[[str, str, Target], ForeignLock]:
    """Return what reads a file of this name; where names do not tell, its content does."""
    from envsolver.formats import conda_reader, pixi_reader, pylock_reader, requirements_reader

    lowered = name.lower()
    if re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE):
        return conda_reader.loads_explicit
    if lowered.endswith((".yml", ".yaml")):
        is_lock = "conda-lock" in lowered or "\npackage:" in f"\n{text}"
        return conda_reader.loads_conda_lock if is_lock else conda_reader.loads_environment
    if lowered.endswith(".lock.toml"):
        raise UsageError(f"{shown} is a lock of envsolver", hint="name the environment: envsolver check NAME")
    if lowered.endswith("pixi.lock"):
        return pixi_reader.loads
    if lowered.endswith((".toml", ".lock")):
        return pylock_reader.loads_uv if "\n[[package]]" in f"\n{text}" else pylock_reader.loads
    if lowered.endswith((".txt", ".in", ".pip")):
        return requirements_reader.loads
    raise ForeignLockError(
        f"{shown}: what this file is cannot be told from its name",
        hint="known are requirements.txt, pylock.toml, uv.lock, pixi.lock, conda-lock.yml, environment.yml and lists of"
        " conda (@EXPLICIT)",
    )


def foreign_subject(lock: ForeignLock, shown: str, target: Target, circumstances: Circumstances) -> Subject:
    """Return what is to be judged of a lock of another tool."""
    pip = {package.name: _part(package, package.name, shown) for package in lock.packages if package.manager == "pip"}
    parts: dict[Name, Part] = dict(pip)
    doubled: list[Part] = []
    other: dict[str, Part] = {}
    for package in lock.packages:
        if package.manager != "conda":
            continue
        other[package.name] = _part(package, package.name, shown)
        name = normalize_name(PYPI_NAMES.get(package.name, package.name))
        if name in pip:
            doubled.append(_part(package, name, shown))
        else:
            parts.setdefault(name, _part(package, name, shown))
    return Subject(
        environment=shown,
        label=target.platform,
        target=target,
        parts=dict(sorted(parts.items())),
        doubled=tuple(doubled),
        other=other,
        roots=tuple(TopLevel(name=one.name, text=one.text, origin=Origin(shown, one.line)) for one in lock.roots),
        gpu=circumstances.gpu(Origin(shown)),
        base_image=circumstances.base_image,
        digests={
            package.name: package.sha256
            for package in lock.packages
            if package.sha256 is not None and package.manager == "pip"
        },
    )


def _part(package: ForeignPackage, name: Name, shown: str) -> Part:
    return Part(
        name=name,
        version=package.version,
        origin=Origin(shown, package.line),
        filename=package.filename,
        # The indexes of PyTorch name their variant behind /whl/; all others are taken for mirrors of the default one.
        index="foreign" if "/whl/" in (package.index_url or "") else DEFAULT_INDEX,
        index_url=package.index_url,
        needs=tuple((normalize_name(PYPI_NAMES.get(below, below)), "") for below in package.needs),
        hashed=package.hashed,
        digests=package.digests,
        manager=package.manager,
        # Without one, a package of conda tells nothing of its variant; an empty one says so.
        build_string=(package.build_string or "") if package.manager == "conda" else None,
    )
