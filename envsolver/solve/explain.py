"""Why there is no solution, in the user's words: the members of a minimal conflict, each with its place."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from envsolver.knowledge.torch_index import first_torch_for
from envsolver.knowledge.variants import Variant
from envsolver.model.candidate import DEFAULT_INDEX, is_conda
from envsolver.model.conflict import Reason
from envsolver.model.errors import NoSolutionError
from envsolver.solve.conda import is_shim
from envsolver.solve.condanotes import conda_notes
from envsolver.solve.conflict import declared_in, minimal_conflict
from envsolver.solve.gpu import MAJOR, VARIANT, is_gpu_package
from envsolver.solve.intervals import each, intersect
from envsolver.solve.requirements import parse
from envsolver.solve.table import RuledOut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.rule import RuleEffectKind
    from envsolver.solve.clauses import Asked, Clause
    from envsolver.solve.gpu import Demand, Gpu
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.refine import Refinement
    from envsolver.solve.requirements import Declared
    from envsolver.solve.table import Table
    from envsolver.solve.world import World

__all__ = ["no_solution"]

_LOOSEN = "loosen or remove one of the lines above that stand in the spec"
_SETTINGS = {
    RuledOut.PYTHON: "python",
    RuledOut.INTERPRETER: "python",
    RuledOut.SYSTEM: "system",
    RuledOut.PLATFORM: "platforms",
    RuledOut.AS_OF: "as-of",
}
"""Reason → the key of a spec that decides it."""


async def no_solution(refinement: Refinement) -> NoSolutionError:
    """Return the error that explains why the refinement found no solution."""
    world = refinement.world
    core = await minimal_conflict(refinement)
    if len(core) == 1 and core[0].asked and core[0].kind == "requirement":
        return _nothing_fits(world, core[0].asked)
    reasons = [_reason(world, clause, core) for clause in core]
    reasons += [
        Reason(kind="ruled-out", lines=tuple(lines), project=name)
        for name in dict.fromkeys(clause.required for clause in core)
        if not is_gpu_package(name) and not is_conda(name) and (lines := _ruled_out(world, name, core))
    ]
    reasons += _notes(world, core)
    reasons += await conda_notes(world, core)
    unknown = (world.missing[clause.required] for clause in core if clause.required in world.missing)
    return NoSolutionError(
        "these requirements cannot hold together:",
        conflict=reasons,
        hint=next((error.hint for error in unknown if error.hint), _LOOSEN),
    )


def _reason(world: World, clause: Clause, core: Sequence[Clause]) -> Reason:
    if clause.asked:
        written = clause.asked.written
        what = " (constraint)" if clause.kind == "constraint" else ""
        if written.base is not None:
            what = f" (frozen: the base {written.base} has this version)"
        group = f" (group {written.group})" if written.group else ""
        return Reason(
            kind="constraint" if clause.kind == "constraint" else "requirement",
            lines=(f"{written.origin}: {written.text}{what}{group}",),
            project=clause.required,
            origin=written.origin,
            text=written.text,
            group=written.group,
        )
    if clause.written:
        return Reason(
            kind="conda",
            lines=(f"{clause.written.origin}: {clause.written.text} (conda)",),
            project=clause.required,
            origin=clause.written.origin,
            text=clause.written.text,
        )
    if clause.kind == "gpu" and world.gpu:
        return _gpu_reason(world, world.gpu, clause, core)
    if clause.kind == "build":
        demands = _demands(world, clause, core)
        return Reason(
            kind="build",
            lines=tuple(_build_lines(world, clause, demands)),
            project=clause.required,
            requirer=clause.requirer,
            builds=tuple(dict.fromkeys(demand.variant.version or "" for demand in demands.values())),
            setting=None if clause.required in {VARIANT, MAJOR} else "architectures",
        )
    return Reason(
        kind="rule" if clause.kind == "rule" else "package",
        lines=tuple(_rule_lines(world, clause, core) if clause.kind == "rule" else _edge_lines(world, clause, core)),
        project=clause.required,
        requirer=clause.requirer,
        extra=clause.extra,
        rule=clause.rule or None,
    )


def _gpu_reason(world: World, gpu: Gpu, clause: Clause, core: Sequence[Clause]) -> Reason:
    """Name a part of what the spec says of the GPU, and of a driver what it is too old for."""
    part, text = gpu.part(clause)
    spec = gpu.needs.spec
    setting = "architectures" if part in spec.architectures else part
    line = f"{spec.place(part)}: gpu.{setting}: {text}"
    if part == "driver":
        if any(other.required == VARIANT and other.kind == "gpu" for other in core):
            wanted = [Variant(spec.backend, spec.version)]
        else:
            builds = [_demands(world, other, core).values() for other in core if other.kind == "build"]
            wanted = [demand.variant for demands in builds for demand in demands]
        needed = {str(variant): driver for variant in wanted if (driver := gpu.needed_driver(variant))}
        told = [f"{variant} needs {driver} or newer" for variant, driver in needed.items()]
        line += f" ({'; '.join(told)})" if told else ""
    return Reason(
        kind="gpu", lines=(line,), project=clause.required, origin=spec.place(part), text=text, setting=setting
    )


def _notes(world: World, core: Sequence[Clause]) -> list[Reason]:
    """Say what the members of a conflict do not: why two builds get into each other's way; what runs on the nodes."""
    builds = [clause for clause in core if clause.kind == "build"]
    for clause in builds:
        if clause.requirer == "torch" and world.gpu and clause.required not in {VARIANT, MAJOR}:
            newest = max(_demands(world, clause, core), default=None)
            spec = world.gpu.needs.spec
            version = "" if newest is None else world.tables[clause.requirer].version(newest)
            first = first_torch_for(spec.architectures, version, wanted=spec.version) if version else None
            if first:
                line = "torch {} for CUDA {} is the first release since then".format(*first)
                line += f" with a build that runs on {_and(spec.architectures)}"
                return [Reason(kind="note", lines=(line,), project=clause.required)]
    if len({clause.requirer for clause in builds}) < 2 or any(clause.kind == "gpu" for clause in core):
        return []
    if all(clause.required == VARIANT for clause in builds):
        line = "torch and what is compiled against it have to be built for the same version"
    else:
        line = "what runs in one process has to be built for the same major version"
    return [Reason(kind="note", lines=(line,), project=builds[0].required)]


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _rule_lines(world: World, clause: Clause, core: Sequence[Clause]) -> list[str]:
    """Say what a rule makes of the versions that the conflict admits."""
    requirer = clause.requirer
    if requirer is None:
        return []
    table = world.tables[requirer]
    groups: dict[tuple[str, str], list[int]] = {}
    for position in sorted(set(each(_admitted(world, requirer, core))) & table.enabled):
        for effect in world.effects(requirer, position):
            if effect.rule != clause.rule:
                continue
            if effect.kind == "unusable":
                words = f"cannot be used here; instead: {effect.requirement}"
                groups.setdefault((words, words), []).append(position)
                continue
            requirement = parse(effect.requirement)
            if requirement.name == clause.required:
                beside = f" where {effect.beside} is there" if effect.beside else ""
                one, many = _effect_texts(effect.kind, requirement)
                groups.setdefault((one + beside, many + beside), []).append(position)
    title = world.problem.titles.get(clause.rule)
    named = "" if title else f" (rule {clause.rule})"
    lines = [
        f"{requirer} {_versions(table, at)} {one if len(at) == 1 else many}{named}"
        for (one, many), at in groups.items()
    ]
    return [*lines, f"  rule {clause.rule}: {title}"] if title else lines


def _demands(world: World, clause: Clause, core: Sequence[Clause]) -> dict[int, Demand]:
    """Return what the files of a project demand, as far as the conflict admits them: position → demand."""
    requirer = clause.requirer
    if requirer is None:
        return {}
    admitted = sorted(set(each(_admitted(world, requirer, core))) & world.tables[requirer].enabled)
    return {
        position: demand
        for position in admitted
        if (requirer, position) in world.known
        for demand in world.demands(requirer, position)
        if demand.package == clause.required
    }


def _build_lines(world: World, clause: Clause, demands: Mapping[int, Demand]) -> list[str]:
    """Say for what the files of a project are built."""
    requirer = clause.requirer
    if requirer is None:
        return []
    groups: dict[str, list[int]] = {}
    for position, demand in demands.items():
        groups.setdefault(demand.text, []).append(position)
    table = world.tables[requirer]
    lines = [
        f"{requirer} {_versions(table, at)} {'is' if len(at) == 1 else 'are'} {text}" for text, at in groups.items()
    ]
    return _shortened(lines, f"{requirer}: {{count}} more builds")


def _effect_texts(kind: RuleEffectKind, requirement: Declared) -> tuple[str, str]:
    """Return the words for one version and for several."""
    what = _requirement_text(requirement)
    if kind == "excludes":
        return (f"cannot be installed beside {what}",) * 2
    if kind == "constrains":
        return f"works with {what} only", f"work with {what} only"
    return f"needs {what}", f"need {what}"


def _edge_lines(world: World, clause: Clause, core: Sequence[Clause]) -> list[str]:
    requirer = clause.requirer
    if requirer is None:
        return []
    table = world.tables[requirer]
    admitted = set(each(_admitted(world, requirer, core)))
    groups: dict[str, list[int]] = {}
    for position in sorted(p for name, p in world.known if name == requirer and p in admitted & table.enabled):
        for declared in world.requirements(requirer, position, clause.extra):
            if declared.name == clause.required:
                groups.setdefault(_requirement_text(declared), []).append(position)
    subject = f"{requirer}[{clause.extra}]" if clause.extra else requirer
    lines = [
        f"{subject} {_versions(table, positions)} require{'s' if len(positions) == 1 else ''} {text}"
        f"{_override_note(world, clause.required)}"
        for text, positions in groups.items()
    ]
    return _shortened(lines, f"{subject} … require {clause.required} in {{count}} more ways")


def _requirement_text(declared: Declared) -> str:
    extras = f"[{','.join(declared.extras)}]" if declared.extras else ""
    return f"{declared.name}{extras}{declared.specifier}"


def _override_note(world: World, name: Name) -> str:
    places = ", ".join(str(asked.written.origin) for asked in world.overrides.get(name, ()))
    return f" (override at {places})" if places else ""


def _shortened(lines: list[str], rest: str, most: int = 4) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 2], rest.format(count=len(lines) - most + 1), lines[-1]]


def _admitted(world: World, name: Name, core: Sequence[Clause]) -> Intervals:
    """Return the positions that the spec lines of the conflict admit."""
    table = world.tables[name]
    admitted: Intervals = ((0, len(table.releases)),) if table.releases else ()
    for clause in core:
        if clause.asked and clause.required == name:
            admitted = intersect(admitted, table.positions(clause.asked.declared.specifier))
    return admitted


def _versions(table: Table, positions: list[int]) -> str:
    """Return ``1.0``, ``1.0 and 1.1``, or ``1.0 to 1.9`` where every enabled version between is meant."""
    enabled = sorted(table.enabled)
    place = {position: i for i, position in enumerate(enabled)}
    runs: list[list[int]] = [[positions[0]]]
    for before, position in pairwise(positions):
        if place[position] == place[before] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    words = [
        table.version(run[0]) if len(run) == 1 else f"{table.version(run[0])} to {table.version(run[-1])}"
        for run in runs
    ]
    if len(words) > 4:
        words = [*words[:2], "…", words[-1]]
    return ", ".join(words)


def _ruled_out(world: World, name: Name, core: Sequence[Clause]) -> list[str]:
    """Say which versions would meet all that the conflict asks of a project, if the target or the spec let them in."""
    table = world.tables.get(name)
    if table is None:
        return [f"{world.missing[name]}"]
    wanted = set(range(len(table.releases)))
    for clause in core:
        if clause.required == name:
            admitted = [set(each(table.positions(d.specifier))) for d in declared_in(world, clause)]
            wanted &= set().union(*admitted)
    if not table.releases:
        return [f"index {table.page.index!r} has no version of {name} at all"]
    specified = any(d.specifier for clause in core if clause.required == name for d in declared_in(world, clause))
    if table.enabled and not specified:
        # Any version will do: the project only takes part by what it requires.
        return []
    lines = []
    for reason, versions in _reasons(table, wanted):
        lines.append(f"{name} {_listing(versions)} cannot be used: {_reason_text(world, reason)}")
        if reason is RuledOut.METADATA:
            lines += _metadata_reasons(world, name, wanted)
    return lines


def _reasons(table: Table, wanted: set[int]) -> list[tuple[RuledOut, list[str]]]:
    return table.reasons(tuple((position, position + 1) for position in sorted(wanted)))


def _metadata_reasons(world: World, name: Name, wanted: set[int]) -> list[str]:
    table = world.tables[name]
    return [
        f"  {name} {table.version(position)}: {reason}"
        for (unusable, position), reason in sorted(world.unusable.items())
        if unusable == name and position in wanted
    ][:3]


def _listing(versions: list[str]) -> str:
    if len(versions) <= 3:
        return ", ".join(versions)
    return f"{versions[0]} to {versions[-1]} ({len(versions)} versions)"


def _reason_text(world: World, reason: RuledOut) -> str:
    target = world.target
    return reason.value.format(
        python=target.python,
        platform=target.platform,
        minor=target.python_minor,
        system=f"glibc than {target.glibc}" if target.glibc else f"macOS than {target.macos}",
        as_of=_as_of(world),
    )


def _as_of(world: World) -> str:
    if world.problem.as_of is None:
        return ""
    instant = datetime.fromtimestamp(world.problem.as_of, UTC).isoformat().removesuffix("+00:00")
    origin = world.problem.as_of_origin
    return f"as-of {instant.removesuffix('T00:00:00')}" + (f" ({origin})" if origin else "")


def _nothing_fits(world: World, asked: Asked) -> NoSolutionError:
    """Explain a requirement that no version can meet, whatever the others are."""
    name = asked.declared.name
    table = world.tables[name]
    wanted = set(each(table.positions(asked.declared.specifier)))
    lines = []
    for reason, versions in _reasons(table, wanted):
        lines.append(f"{_listing(versions)}: {_reason_text(world, reason)}")
        if reason is RuledOut.METADATA:
            lines += _metadata_reasons(world, name, wanted)
    if not wanted:
        existing = [_shown(release.version) for release in table.releases]
        has = _listing(existing) if existing else "no version at all"
        lines.append(f"{_whence(table)} has {has}")
    written = asked.written
    return NoSolutionError(
        f"{written.origin}: no version of {name} satisfies {written.text!r}",
        conflict=[
            Reason(kind="requirement", lines=tuple(lines), project=name, origin=written.origin, text=written.text)
        ],
        hint=_way_out(table, wanted),
    )


def _whence(table: Table) -> str:
    """Say where the versions of a project come from."""
    name, index = table.page.name, table.page.index
    if table.releases and all(is_shim(release.version) for release in table.releases):
        return f"conda, from which alone {name} comes,"
    bound = "" if index == DEFAULT_INDEX else f", from which alone {name} comes,"
    return f"index {index!r}{bound}"


def _shown(version: str) -> str:
    """Return a version as its package has it: that of conda stands among those of wheels with a mark."""
    return version.partition("+")[0] if is_shim(version) else version


def _way_out(table: Table, wanted: set[int]) -> str:
    """Say what a user can do about a requirement that no version can meet."""
    if usable := table.descending():
        return f"the newest version that can be used here is {_shown(table.version(usable[0]))}"
    reasons = [reason for reason, _ in _reasons(table, wanted)]
    settings = list(dict.fromkeys(_SETTINGS[reason] for reason in reasons if reason in _SETTINGS))
    ways = [f"change {' or '.join(settings)} in the spec"] if settings else []
    ways += ["pin a yanked version with =="] if RuledOut.YANKED in reasons else []
    name = table.page.name
    ways += [f"name a sound file ({name} @ URL)"] if RuledOut.METADATA in reasons else []
    return ", or ".join([*ways, f"bind {name} to an index that has other files"])
