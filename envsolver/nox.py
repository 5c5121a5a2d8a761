"""For noxfiles: sessions with what a lock says, and sessions that try environments on GPU nodes.

A noxfile needs envsolver and nothing else beside nox::

    import nox
    from envsolver.nox import gpu_session, install_lock

    @nox.session(python="3.9")
    def tests(session):
        install_lock(session, "acpt-1.12-py39", groups=["test"])
        session.run("pytest")

    gpu_session()  # nox -s gpu, nox -s "gpu(acpt-1.13-py38)"

envsolver is run as a program, by the interpreter that runs nox: this module imports the standard library alone.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import nox

__all__ = ["catalogue", "check_gpu", "gpu_session", "install_lock"]

RESULTS = "build/gpu"
"""Where JUnit XML goes, below the project."""


def catalogue(project: str | Path = ".") -> list[str]:
    """Return the names of the environments of a project that are locked, sorted."""
    suffix = ".lock.toml"
    return sorted(path.name.removesuffix(suffix) for path in (Path(project) / "locks").glob(f"*{suffix}"))


def install_lock(
    session: nox.Session,
    name: str,
    *,
    groups: Sequence[str] = (),
    project: str | Path = ".",
    envsolver: Sequence[str] = (),
) -> None:
    """Install what a lock says into the virtual environment of a session, by its own installer, with hashes.

    Args:
        session: whose Python must be of the minor version of the lock.
        name: of the environment.
        groups: to install beside the base.
        project: folder with ``specs/`` and ``locks/``.
        envsolver: how envsolver is started; by default with the interpreter that runs nox.

    The session fails if there is no such lock or group, if its Python is another one, or if the installation fails.
    """
    root = Path(project).absolute()
    wanted = ".".join(str(_lock(session, root, name)["python"]).split(".")[:2])
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    has = str(session.run("python", "-c", question, silent=True) or "").strip()
    if has and has != wanted:
        session.error(f'{name} is locked for Python {wanted}, and the session has {has}: say python="{wanted}"')
    target = Path(session.create_tmp()).absolute() / f"{name}.requirements.txt"
    options = [word for group in groups for word in ("--group", group)]
    _envsolver(session, root, envsolver, "export", name, "--format", "requirements", *options, "-o", str(target))
    # What is in the file is all there is: nothing is resolved again, and what has no hash is not installed.
    session.install("--no-deps", "--requirement", str(target), silent=True)


def check_gpu(
    session: nox.Session,
    name: str,
    *,
    groups: Sequence[str] = (),
    project: str | Path = ".",
    envsolver: Sequence[str] = (),
) -> None:
    """Build an environment from its lock, try it on this node, and write receipt and JUnit XML.

    Without a GPU its part is not run, and the output says so; with ``ENVSOLVER_REQUIRE_GPU=1`` the session fails then.
    What stands behind ``--`` on nox's command line goes to ``envsolver gpu check``.

    Args:
        session: its virtual environment is not used.
        name: of the environment.
        groups: to build beside the base.
        project: folder with ``specs/`` and ``locks/``.
        envsolver: how envsolver is started; by default with the interpreter that runs nox.

    The session fails if the environment cannot be built, or a check fails. The environment then stays, to be looked at.
    """
    root = Path(project).absolute()
    lock = _lock(session, root, name)
    options = [word for group in groups for word in ("--group", group)]
    if _has_open_sources(lock):
        session.log(f"{name}: the lock does not say yet how its source archives are built; that goes into it now")
        _envsolver(session, root, envsolver, "wheel", name, *options)
    prefix = Path(session.create_tmp()).absolute() / name
    _envsolver(session, root, envsolver, "build", name, "--prefix", str(prefix), *options)
    results = root / RESULTS
    results.mkdir(parents=True, exist_ok=True)
    junit = ("--junit", str(results / f"{name}.xml"))
    _envsolver(session, root, envsolver, "gpu", "check", name, "--prefix", str(prefix), *junit, *session.posargs)
    shutil.rmtree(prefix, ignore_errors=True)


def gpu_session(
    *,
    names: Sequence[str] | None = None,
    groups: Sequence[str] = (),
    project: str | Path = ".",
    session_name: str = "gpu",
) -> Callable[..., Any]:
    """Define a session that runs :func:`check_gpu` for each environment; return its function.

    ``nox -s gpu`` tries all of them, ``nox -s "gpu(NAME)"`` one.

    Args:
        names: of the environments; all that are locked by default.
        groups: to build beside the base.
        project: folder with ``specs/`` and ``locks/``.
        session_name: of the session.
    """
    import nox

    root = Path(project).absolute()
    found = list(names) if names is not None else catalogue(root)

    @nox.session(name=session_name, venv_backend="none")
    @nox.parametrize("environment", [nox.param(one, id=one) for one in found])
    def gpu(session: nox.Session, environment: str) -> None:
        """Build an environment from its lock and try it on this node."""
        check_gpu(session, environment, groups=groups, project=root)

    return gpu


def _envsolver(session: nox.Session, root: Path, envsolver: Sequence[str], *arguments: str) -> None:
    command = tuple(envsolver) or (sys.executable, "-m", "envsolver")
    session.run(*command, "--project", str(root), *arguments, external=not envsolver)


def _lock(session: nox.Session, root: Path, name: str) -> dict[str, Any]:
    path = root / "locks" / f"{name}.lock.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        session.error(f"{name} has no lock: run `envsolver lock {name}`")
    except (OSError, ValueError) as error:
        session.error(f"{path} cannot be read: {error}")


def _has_open_sources(lock: dict[str, Any]) -> bool:
    """Whether the lock does not say how a source archive of the base becomes a wheel."""
    built = {build.get("source") for build in lock.get("build", ())}
    return any(
        not package.get("groups") and _is_source(file) and file.get("sha256") not in built
        for package in lock.get("package", ())
        for file in package.get("file", ())
    )


def _is_source(file: dict[str, Any]) -> bool:
    return str(file.get("name", "")).endswith((".tar.gz", ".zip", ".tar.bz2")) and "subdir" not in file
