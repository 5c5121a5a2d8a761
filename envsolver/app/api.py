"""The functions that other programs call; the package itself re-exports them.

Environments are given as on the command line, by name, alias or path: those of a project. What only reads also takes
those that envsolver ships.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import EnvsolverError
from envsolver.model.spec import Spec

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from envsolver.app.exporting import ExportFormat
    from envsolver.gpu.model import Expectations
    from envsolver.lock.model import Lock
    from envsolver.model.ports import Progress

__all__ = ["EnvsolverError", "Expectations", "Lock", "Spec", "expectations", "export", "load_lock", "load_spec", "lock"]


def __getattr__(name: str) -> object:
    # Types that a reader of a lock need not import.
    if name == "Expectations":
        from envsolver.gpu.model import Expectations

        return Expectations
    if name == "Lock":
        from envsolver.lock.model import Lock

        return Lock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_lock(path: str | os.PathLike[str]) -> Lock:
    """Read a lock file.

    ``load_lock("locks/train.lock.toml").requirements("linux-64")`` are the pins of a platform; see
    :class:`~envsolver.lock.model.Lock` for the rest.

    Args:
        path: of the ``.lock.toml`` file; or the name of an environment, of the project in or above the current folder
            or of those that envsolver ships.

    Raises:
        FileError: there is no such file, or it cannot be read.
        LockError: it is not a lock that this version of envsolver can read; the message says where and why.
    """
    from envsolver.app.files import read_text
    from envsolver.lock.reader import loads
    from envsolver.model.errors import FileError

    given = Path(path)
    text = read_text(given)
    if text is None and isinstance(path, str) and given.name == path and given.suffix != ".toml":
        from envsolver.app.lockfile import read_lock
        from envsolver.app.project import locate_environment

        return read_lock(*locate_environment(None, path))
    if text is None:
        raise FileError(f"{given}: there is no such file", hint="`envsolver lock` makes locks")
    return loads(text, str(given))


def load_spec(name: str, *, project: str | os.PathLike[str] | None = None) -> Spec:
    """Read the spec of an environment, with all that it extends.

    Args:
        name: name, alias or path of the environment; one that envsolver ships will do.
        project: the folder with ``specs/``; None: the nearest from the current folder upwards.

    Raises:
        UnknownEnvironmentError: there is none of this name.
        SpecError: it cannot be used; all problems are named, with their places.
        UsageError: there is no such project.
    """
    from envsolver.app.project import locate_environment

    found, environment = locate_environment(_folder(project), name)
    return found.spec(environment)


def lock(
    name: str,
    *,
    project: str | os.PathLike[str] | None = None,
    upgrade: bool = False,
    upgrade_packages: Iterable[str] = (),
    refresh: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> Lock:
    """Bring the lock of an environment up to date, as ``envsolver lock NAME`` does; return it.

    Args:
        name: name, alias or path of an environment of the project.
        project: the folder with ``specs/``; None: the nearest from the current folder upwards.
        upgrade: keep no version of the old lock.
        upgrade_packages: packages (``X`` or ``X==V``) whose version may move.
        refresh: ask the indexes even where the cache is fresh, and solve even if the spec has not changed.
        offline: use the cache and local files only.
        progress: is told what goes on; None: nobody.

    Raises:
        NoSolutionError: the requirements cannot hold together; ``conflict`` and ``fixes`` say why, and what would help.
        EnvsolverError: whatever else is in the way (``SpecError``, ``NetworkError``, ``FileError``, ``UsageError`` …).
    """
    from envsolver.app.lockfile import read_lock
    from envsolver.app.locking import LockOptions
    from envsolver.app.locking import lock as run
    from envsolver.app.project import open_project
    from envsolver.model.ports import NullProgress

    found = open_project(_folder(project))
    environment = found.find(name)
    options = LockOptions(offline=offline, refresh=refresh, upgrade=upgrade, upgrade_packages=tuple(upgrade_packages))
    (outcome,) = run(found, [environment], options, progress or NullProgress())
    if outcome.error is not None:
        raise outcome.error
    return read_lock(found, environment)


def export(
    name: str,
    format: ExportFormat,  # noqa: A002 - the word of the command line
    *,
    project: str | os.PathLike[str] | None = None,
    platform: str | None = None,
    groups: Iterable[str] = (),
    hashes: bool = True,
    offline: bool = False,
) -> str:
    """Return the lock of an environment in the format of another tool, as ``envsolver export`` does.

    Args:
        name: name, alias or path of the environment; one that envsolver ships will do.
        format: one of those of ``envsolver export --format``, such as ``requirements``.
        project: the folder with ``specs/``; None: the nearest from the current folder upwards.
        platform: None for all platforms of the lock, where the format can hold them.
        groups: to take beside the base.
        hashes: of ``requirements``.
        offline: for formats with URLs: read the indexes' pages from the cache only.

    Raises:
        UsageError: there is no such format, platform or group, or they do not go together.
        FileError: there is no lock, or an index has not got a file of it.
        EnvsolverError: whatever else is in the way.
    """
    from envsolver.app.exporting import FORMATS, ExportOptions
    from envsolver.app.exporting import export as run
    from envsolver.app.project import locate_environment
    from envsolver.model.errors import UsageError
    from envsolver.model.ports import NullProgress

    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}", hint=f"one of {', '.join(FORMATS)}")
    options = ExportOptions(platform=platform, groups=tuple(groups), hashes=hashes, offline=offline)
    return run(*locate_environment(_folder(project), name), format, options, NullProgress())


def expectations(
    lock: Lock, *, spec: Spec | None = None, platform: str | None = None, groups: Iterable[str] = ()
) -> Expectations:
    """Return what a lock expects of a GPU node: driver, architectures, libraries, checks.

    Args:
        lock: of the environment.
        spec: that it was made from, for the nodes that it names; None: they are not known.
        platform: of the lock; None for that of this machine, or else the first that the lock has.
        groups: that are installed beside the base.

    Raises:
        UsageError: the lock has no such platform or group.
    """
    from envsolver.app.gpu import expectations_of

    return expectations_of(lock, spec, platform=platform, groups=groups)


def _folder(project: str | os.PathLike[str] | None) -> Path | None:
    return None if project is None else Path(project)
