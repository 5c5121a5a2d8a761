"""The support table of a catalogue: what each environment has of the packages that people choose one by."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from envsolver.app.freshness import state_beside
from envsolver.app.lockfile import read_lock
from envsolver.app.project import locate_environment, projects
from envsolver.knowledge.conda import project_of
from envsolver.lock.specifiers import versions_of
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import UsageError
from envsolver.model.pep508 import parse_requirement
from envsolver.model.spec import status_on
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

    from envsolver.app.project import Environment, Project
    from envsolver.lock.model import Lock
    from envsolver.model.spec import GpuSpec, Spec, Status

__all__ = ["SupportTable", "TableRow", "support_table", "table_html", "table_markdown"]

PACKAGES = {
    "torch": "PyTorch",
    "onnxruntime-training": "ORT-training",
    "deepspeed": "DeepSpeed",
    "torch-ort": "torch-ort",
}
"""Project → the head of its column."""

_SYSTEMS = {"ubuntu": "Ubuntu", "debian": "Debian", "rhel": "RHEL", "centos": "CentOS", "rocky": "Rocky Linux"}
_NONE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One environment.

    Attributes:
        name: under which it is published: its first alias, else its own.
        versions: in the order of the columns; ``-`` for what it has not.
        source: ``lock``; ``spec`` where there is none and the pins of the spec are what is known; ``stale lock`` where
            the spec has changed since: what it asks for is shown where the lock does not keep to it.
        status: what it is today, by its spec and the dates in it.
    """

    environment: str
    name: str
    os: str
    gpu: str
    python: str
    versions: tuple[str, ...]
    source: Literal["lock", "spec", "stale lock"]
    status: Status

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the table."""
        return (self.name, self.os, self.gpu, self.python, *self.versions, self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportTable:
    """Heads of the columns, and rows: the newest PyTorch first; ``shipped``: all of what envsolver itself ships."""

    head: tuple[str, ...]
    rows: tuple[TableRow, ...]
    shipped: bool = False


def support_table(
    folder: Path | None, names: Sequence[str], *, packages: Iterable[str] = (), own_names: bool = False
) -> SupportTable:
    """Return the support table.

    Args:
        folder: of the project; None: the nearest from the current folder upwards, else what envsolver ships.
        names: of environments; none: all of the catalogue but removed ones.
        packages: further projects, a column each.
        own_names: show the names of specs, not the aliases under which they are published.

    Raises:
        UsageError: there is nothing to show.
        UnknownEnvironmentError: a name is unknown.
        SpecError: a spec cannot be used.
        LockError: a lock makes no sense.
        FileError: a file cannot be read.
    """
    columns: dict[str, str] = {**PACKAGES, **{normalize_name(name): name for name in packages}}
    chosen = [locate_environment(folder, name) for name in names] or _all(folder)
    rows = [_row(project, environment, columns, own_names=own_names) for project, environment in chosen]
    if not rows:
        raise UsageError("there are no environments to show", hint="write a spec into specs/")
    return SupportTable(
        head=("Environment", "OS", "GPU", "Python", *columns.values(), "From"),
        rows=tuple(sorted(sorted(rows, key=lambda row: row.name), key=_order, reverse=True)),
        shipped=all(project.shipped for project, _ in chosen),
    )


def table_markdown(table: SupportTable) -> str:
    """Return the table as Markdown."""
    lines = [table.head, tuple("---" for _ in table.head), *(row.cells for row in table.rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def table_html(table: SupportTable) -> str:
    """Return the table as an element of HTML."""

    def line(tag: str, cells: Iterable[str]) -> str:
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

    body = "".join(
        f'<tr id="{html.escape(row.environment, quote=True)}">{line("td", row.cells)}</tr>\n' for row in table.rows
    )
    return f"<table>\n<thead><tr>{line('th', table.head)}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _all(folder: Path | None) -> list[tuple[Project, Environment]]:
    own, shipped = projects(folder)
    project = own or shipped
    if project is None:
        return []
    removed = {head.name for head in project.heads() if head.status == "removed"}
    return [(project, environment) for environment in project.all() if environment.name not in removed]


def _row(project: Project, environment: Environment, columns: Mapping[str, str], *, own_names: bool) -> TableRow:
    spec = project.spec(environment)
    state = state_beside(project, environment, spec)
    lock = read_lock(project, environment) if state.text is not None else None
    stale = lock is not None and bool(state.solve)
    asked: dict[str, SpecifierSet] = {}
    for name, specifier in _asked(spec) if stale or lock is None else ():
        asked.setdefault(name, specifier)
    system = spec.system_for(spec.platforms[0])
    return TableRow(
        environment=spec.name,
        name=spec.aliases[0] if spec.aliases and not own_names else spec.name,
        os=_system(system.os) if system.os else _NONE,
        gpu=_gpu(spec.gpu) if spec.gpu is not None else _NONE,
        python=".".join((spec.python if lock is None or stale else lock.python).split(".")[:2]),
        versions=tuple(_version(lock, asked.get(name), name) for name in columns),
        source="spec" if lock is None else "stale lock" if stale else "lock",
        status=status_on(spec.status, spec.support, datetime.now(UTC).date().isoformat()),
    )


def _system(os: str) -> str:
    found = re.fullmatch(r"([A-Za-z]+)[-_ ]?(\d.*)?", os)
    if found is None:
        return os
    name = _SYSTEMS.get(found[1].lower(), found[1])
    return f"{name} {found[2]}" if found[2] else name


def _gpu(gpu: GpuSpec) -> str:
    if gpu.backend == "cuda" and gpu.version is not None:
        return f"cu{gpu.version.replace('.', '')}"
    return f"{gpu.backend}{gpu.version or ''}"


def _version(lock: Lock | None, asked: SpecifierSet | None, name: str) -> str:
    """Return what a lock has of a project, or what a spec says of it that the lock does not keep to."""
    locked = list(dict.fromkeys(package.version for package in lock.versions(name))) if lock is not None else []
    if asked is not None and not (locked and all(asked.contains(version, prereleases=True) for version in locked)):
        specifiers = list(asked)
        if len(specifiers) == 1 and specifiers[0].operator in {"==", "==="}:
            return specifiers[0].version.partition("+")[0].removesuffix(".*")
        return str(asked) or "any"
    # Without their local parts; platforms may differ.
    return ", ".join(dict.fromkeys(version.partition("+")[0] for version in locked)) or _NONE


def _asked(spec: Spec) -> Iterator[tuple[str, SpecifierSet]]:
    """Yield project → specifier of what a spec asks for, of pip or of conda."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    for written in spec.conda.requirements if spec.conda is not None else ():
        package = re.match(r"(?:\S*::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)", written.text.strip())
        project = project_of(package[1].lower(), spec.conda.names) if package and spec.conda is not None else None
        if project is not None:
            try:
                yield project, SpecifierSet(versions_of(written.text))
            except InvalidSpecifier:  # a version that only conda knows
                yield project, SpecifierSet()
    for written in spec.requirements:
        requirement = parse_requirement(written.text)
        yield normalize_name(requirement.name), requirement.specifier


def _order(row: TableRow) -> tuple[tuple[int, ...], ...]:
    # Environments of one PyTorch by their Python, then by what they are built for: the newest on top.
    texts = (row.versions[0], row.python, row.gpu)
    return tuple(tuple(int(number) for number in re.findall(r"\d+", text)) for text in texts)
