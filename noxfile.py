"""The sessions of development: ``nox`` runs all that a change has to pass."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

# Of the working tree: nothing is installed beside nox, and nothing but the standard library is needed.
sys.path.insert(0, str(Path(__file__).parent))
from envsolver.nox import catalogue, check_gpu

nox.needs_version = ">=2025.11"
# Each session has a virtualenv of its own, filled by pip: what pip's configuration says of the index holds.
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["lint", "imports", "types", "tests", "locks"]
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
MAIN_JOB = "acpt-1.13-py38"


def install(session: nox.Session, *groups: str, project: bool = True) -> None:
    """Install dependency groups of ``pyproject.toml``, and envsolver itself from the working tree."""
    session.install(
        *(["--editable", "."] if project else []),
        *nox.project.dependency_groups(GROUPS, *groups),
        silent=True,
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, which need no network."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    install(session, "lint", project=False)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    install(session, "types")
    session.install("nox", silent=True)  # for this file
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check with import-linter that packages import in the direction of the arrows only."""
    install(session, "imports")
    session.run("lint-imports", "--no-cache")


@nox.session
def locks(session: nox.Session) -> None:
    """Check offline that every committed lock still matches its spec."""
    install(session)
    names = [path.name.removesuffix(".lock.toml") for path in sorted((ROOT / "locks").glob("*.lock.toml"))]
    if not names:
        session.error("there is no lock under locks/")
    session.run("envsolver", "lock", *names, "--check", "--offline")


@nox.session
def live(session: nox.Session) -> None:
    """Do the main job against the real package index: the live tests, and one lock from nothing."""
    install(session, "test")
    session.run("pytest", "-m", "live", *session.posargs)
    project = Path(session.create_tmp()).resolve() / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(ROOT / "specs", project / "specs")
    cache = {"ENVSOLVER_CACHE_DIR": str(project / "cache")}
    session.run("envsolver", "--project", str(project), "lock", MAIN_JOB, "--verbose", env=cache)
    session.run("envsolver", "--project", str(project), "lock", MAIN_JOB, "--check", env=cache)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation as a site; a warning, such as a link that leads nowhere, fails."""
    session.install(*nox.project.dependency_groups(GROUPS, "docs"), silent=True)
    session.run("mkdocs", "build", "--strict", "--site-dir", str(Path(session.create_tmp()) / "site"), *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed every parser with hostile input for ten minutes: ``nox -s fuzz -- --seconds 60 --target lock``."""
    guided = "atheris" in session.posargs
    install(session, "test", *(["fuzz"] if guided else []))
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def judge(session: nox.Session) -> None:
    """Lock the sets of ``benchmarks/sets.toml`` with envsolver and with uv, and compare (real index, minutes)."""
    install(session, "test")
    session.run("python", "-m", "benchmarks.judge", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Time envsolver beside its peers (the index is recorded, 20 minutes): ``nox -s bench -- --quick``."""
    install(session, "test")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
@nox.parametrize("environment", [nox.param(name, id=name) for name in catalogue(ROOT)])
def gpu(session: nox.Session, environment: str) -> None:
    """Build an environment of the catalogue from its lock and try it on this node (gigabytes, minutes)."""
    install(session)
    check_gpu(session, environment, project=ROOT, envsolver=["envsolver"])
