"""``envsolver list`` and ``envsolver show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from envsolver.app.inspecting import listing, summary
from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command
from envsolver.cli.tables import print_tables
from envsolver.cli.text import fill, package_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.app.inspecting import EnvironmentRow, Listing, Summary
    from envsolver.cli.ui import Ui
    from envsolver.model.spec import GpuSpec, Spec, SpecRequirement

__all__ = ["list_", "show"]

_LABEL = 12
_HEAD = ("NAME", "LOCK", "PYTHON", "GPU", "STATUS", "PLATFORMS", "TITLE")
_EXPENDABLE = ("PLATFORMS", "TITLE", "STATUS", "PYTHON", "GPU")


@command("list")
@click.option("--all", "every", is_flag=True, help="Show deprecated and removed ones as well.")
def list_(ui: Ui, *, every: bool) -> int:
    """List the environments of the project.

    And those that envsolver ships, to be used as they are or extended. LOCK says how the lock stands to the spec:
    current, stale, missing or unreadable.
    """
    listed = listing(ui.common.project)
    if ui.json_wanted:
        ui.json(
            {
                "project": str(listed.root) if listed.root else None,
                "environments": [_row_as_json(row) for row in listed.own],
                "shipped": [_row_as_json(row) for row in listed.shipped],
            }
        )
    else:
        _print_listing(ui, listed, every=every)
    return 2 if any(row.problems for row in listed.own) else 0


def _print_listing(ui: Ui, listed: Listing, *, every: bool) -> None:
    parts = {"": listed.own, "shipped with envsolver": listed.shipped}
    shown = {title: [row for row in rows if every or not row.hidden] for title, rows in parts.items()}
    tables = {title: [_cells(row) for row in rows] for title, rows in shown.items()}
    if any(tables.values()):
        print_tables(ui, tables, head=_HEAD, expendable=_EXPENDABLE)
    if listed.root and not listed.own:
        ui.say("the project has no environments: write a spec into specs/")
    if hidden := sum(len(rows) for rows in parts.values()) - sum(map(len, shown.values())):
        ui.say(f"not shown, as deprecated or removed: {hidden}; `envsolver list --all` shows them")
    for row in listed.own:
        if row.problems:
            ui.error("\n".join(str(problem) for problem in row.problems))


def _cells(row: EnvironmentRow) -> tuple[str, ...]:
    if not row.usable or row.python is None:
        return (row.head.name, "-", "-", "-", "unusable", "-", "(the spec cannot be used)")
    others = f" +{len(row.platforms) - 1}" if len(row.platforms) > 1 else ""
    gpu = f"{row.gpu['backend']} {row.gpu['version'] or ''}".strip() if row.gpu else "-"
    return (
        row.head.name,
        row.lock or "-",
        row.python,
        gpu,
        row.head.status,
        row.platforms[0] + others,
        row.head.title or "",
    )


def _gpu(gpu: GpuSpec | None) -> str:
    return f"{gpu.backend} {gpu.version or ''}".strip() if gpu is not None else ""


def _row_as_json(row: EnvironmentRow) -> dict[str, Any]:
    from envsolver.cli.report import plain

    return {
        "name": row.head.name,
        "aliases": list(row.head.aliases),
        "title": row.head.title,
        "status": row.head.status if row.usable else None,
        "path": row.head.path,
        "python": row.python,
        "platforms": list(row.platforms),
        "gpu": plain(row.gpu),
        "groups": list(row.groups),
        "lock": row.lock,
        "problems": plain(row.problems),
    }


@command("show")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
def show(ui: Ui, name: str) -> None:
    """Show all that is known of one environment.

    What its spec says with all bases applied, what cannot be had from an index, and how its lock stands to it.
    """
    project, environment = locate_environment(ui.common.project, name)
    found = summary(project, environment)
    if ui.json_wanted:
        ui.json(_summary_as_json(found))
    else:
        ui.out("\n".join(_summary_lines(ui, found)))


def _summary_lines(ui: Ui, found: Summary) -> Iterator[str]:
    spec = found.spec

    def field(label: str, text: str | None) -> Iterator[str]:
        if text:
            first = f"{label}:".ljust(_LABEL)
            yield ui.style(first, "2") + fill(text, width=ui.width, indent=" " * _LABEL, first=first)[len(first) :]

    yield ui.style(spec.name, "1") + (f": {spec.title}" if spec.title else "")
    if spec.description:
        yield fill(spec.description, width=ui.width)
    yield ""
    yield from field("aliases", ", ".join(spec.aliases))
    yield from field("status", spec.status)
    yield from field("python", spec.python)
    yield from field("platforms", ", ".join(spec.platforms))
    yield from field("system", "\n".join(_systems(spec)))
    yield from field("gpu", "\n".join(_gpu_lines(spec.gpu)) if spec.gpu else None)
    yield from field("base image", spec.base_image)
    yield from field("as of", spec.as_of)
    yield from field("spec", ", ".join(spec.files) or found.path)
    yield from field("lock", _lock_text(found))
    if spec.conda is not None:
        order = "strict" if spec.conda.strict else "flexible"
        names = (one.name + (f" (recorded in {one.frozen})" if one.frozen else "") for one in spec.conda.channels)
        yield from field("channels", f"{', '.join(names)} ({order} priority)")
    for index in spec.indexes:
        yield from field("index", "\n".join(_index_lines(index)))
    yield from _sections(ui, spec)


def _index_lines(index: Any) -> Iterator[str]:
    on = f" on {', '.join(index.platforms)}" if index.platforms else ""
    yield f"{index.alias} {index.url} ({index.kind}){on}"
    if index.frozen:
        yield f"  recorded in {index.frozen}"
    if index.packages:
        yield f"  for {', '.join(index.packages)}"


def _sections(ui: Ui, spec: Spec) -> Iterator[str]:
    yield from _requirement_section(ui, "packages of conda", list(spec.conda.requirements) if spec.conda else [])
    yield from _requirement_section(ui, "requirements", [r for r in spec.requirements if not r.group])
    described = {group.name: group for group in spec.group_specs}
    for group in spec.groups:
        title = f"group {group}"
        about = described.get(group)
        if about is not None and about.description:
            title += f": {about.description}"
        yield from _requirement_section(ui, title, [r for r in spec.requirements if r.group == group])
        if about is not None and about.build_notes:
            yield fill(f"to build it: {about.build_notes}", width=ui.width, indent="    ", first="  ")
    for members in spec.exclusive:
        yield fill(f"  groups that exclude each other: {', '.join(members)}", width=ui.width, indent="    ")
    yield from _requirement_section(ui, "constraints", spec.constraints)
    yield from _requirement_section(ui, "overrides", spec.overrides)
    if spec.imports:
        yield from ("", ui.style("import checks", "1"))
        names = ", ".join(check.module + (f" ({check.group})" if check.group else "") for check in spec.imports)
        yield fill(names, width=ui.width, indent="  ", first="  ")
    if spec.notes:
        yield from ("", ui.style("notes", "1"))
        for note in spec.notes:
            yield fill(f"{note.subject}: {note.text}", width=ui.width, indent="    ", first="  ")
    if spec.extra:
        yield from ("", ui.style("labels", "1"))
        for key, value in spec.extra.items():
            yield fill(f"{key}: {value}", width=ui.width, indent="    ", first="  ")


def _requirement_section(
    ui: Ui, title: str, requirements: list[SpecRequirement] | tuple[SpecRequirement, ...]
) -> Iterator[str]:
    if not requirements:
        return
    yield ""
    yield from (ui.style(line, "1") for line in fill(title, width=ui.width, indent="  ", first="").splitlines())
    wide = min(max(len(requirement.text) for requirement in requirements), 40)
    for requirement in requirements:
        on = f" (on {', '.join(requirement.platforms)})" if requirement.platforms else ""
        yield f"  {requirement.text.ljust(wide)}  {ui.style(f'{requirement.origin}{on}', '2')}"
        if requirement.reason:
            yield fill(requirement.reason, width=ui.width, indent="    ", first="    ")


def _systems(spec: Spec) -> Iterator[str]:
    platforms: dict[str, list[str]] = {}
    for system in spec.systems:
        facts = [
            system.os or "",
            f"glibc {system.glibc}" if system.glibc else "",
            f"macOS {system.macos}" if system.macos else "",
        ]
        text = ", ".join(fact for fact in facts if fact)
        if text:
            platforms.setdefault(text, []).extend(system.platforms)
    for text, where in platforms.items():
        yield f"{text} on {', '.join(where)}" if where else text


def _gpu_lines(gpu: GpuSpec) -> Iterator[str]:
    facts = [
        _gpu(gpu),
        f"driver {gpu.driver} or newer" if gpu.driver else "",
        f"architectures {', '.join(gpu.architectures)}" if gpu.architectures else "",
    ]
    yield "; ".join(fact for fact in facts if fact)
    for allowed in gpu.allow:
        yield f"{allowed.package} may be built for CUDA {allowed.cuda}: {allowed.reason}"


def _lock_text(found: Summary) -> str:
    if found.freshness == "missing":
        return f"missing; `envsolver lock {found.spec.name}` makes it"
    counts = package_counts(found.counts)
    lines = [f"{found.lock_path}, {found.freshness}" + (f", {counts}" if counts else ""), *found.reasons]
    return "\n".join(lines)


def _summary_as_json(found: Summary) -> dict[str, Any]:
    from envsolver.cli.report import plain

    return {
        "spec": plain(found.spec),
        "path": found.path,
        "lock": {
            "path": found.lock_path,
            "state": found.freshness,
            "reasons": list(found.reasons),
            "packages": dict(found.counts),
        },
    }
