"""The merged record of a spec → :class:`envsolver.model.spec.Spec`, with the checks that need more than one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import Problem
from envsolver.model.spec import (
    BASE_GROUP,
    AcceptedAdvisory,
    BuildSpec,
    ChannelSpec,
    CondaSpec,
    GpuAllow,
    GpuSpec,
    GroupSpec,
    IgnoredRule,
    ImpliedBoundsSpec,
    ImportCheck,
    IndexSpec,
    Note,
    Spec,
    SpecRequirement,
    SupportDates,
    SystemSpec,
)
from envsolver.spec import fields, subfields
from envsolver.spec.conda import channel_url, package_of
from envsolver.spec.values import Located, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeVar

    from envsolver.model.origin import Origin
    from envsolver.model.spec import Backend, Horizon, Status
    from envsolver.spec.kinds import Field
    from envsolver.spec.values import Part

    T = TypeVar("T")

__all__ = ["build_spec"]


def build_spec(part: Part, name: str, files: Sequence[str], problems: list[Problem], *, complete: bool) -> Spec:
    """Return the spec.

    Args:
        part: the spec merged with its bases.
        name: the environment's name.
        files: what took part.
        problems: receives what is wrong; with any problem the result is for nobody.
        complete: whether all files could be read; if not, nothing is said to be missing.
    """
    python = part.get(fields.PYTHON)
    platforms = part.get(fields.PLATFORMS)
    groups = part.get(fields.GROUPS)
    as_of = part.get(fields.AS_OF)
    if complete:
        _missing(part, problems)
    _check_name(part, name, problems)
    return Spec(
        name=name,
        origin=part.origin,
        python=python.value if python else "",
        python_origin=python.origin if python else part.origin,
        platforms=_values(platforms),
        requirements=tuple(_requirements(part)),
        aliases=_values(part.get(fields.ALIASES)),
        title=_text(part, fields.TITLE),
        description=_text(part, fields.DESCRIPTION),
        status=cast("Status", _text(part, fields.STATUS) or "supported"),
        support=_support(part, problems),
        systems=tuple(_systems(part)),
        gpu=_gpu(part, problems),
        indexes=tuple(_indexes(part, problems)),
        conda=_conda(part, problems),
        constraints=tuple(_requirement(item) for item in _items(part, fields.CONSTRAINTS)),
        overrides=tuple(_requirement(item) for item in _items(part, fields.OVERRIDES)),
        groups=tuple(groups.value) if groups else (),
        group_specs=tuple(_groups(part)),
        exclusive=tuple(_exclusive(part, problems)),
        as_of=as_of.value if as_of else None,
        as_of_origin=as_of.origin if as_of else None,
        implied_bounds=_implied_bounds(part),
        ignored_rules=tuple(_ignored_rules(part, problems)),
        accepted_advisories=tuple(_accepted(part)),
        builds=tuple(_builds(part)),
        base_image=_text(part, fields.BASE_IMAGE),
        imports=tuple(dict.fromkeys(_imports(part))),
        notes=tuple(_notes(part)),
        files=tuple(files),
        extra=_labels(part),
    )


def _missing(part: Part, problems: list[Problem]) -> None:
    for known in (fields.PYTHON, fields.PLATFORMS):
        if known.key not in part.given:
            hint = f"expected {known.kind.expected}, for example '{known.key}: {known.example}'"
            problems.append(Problem(f"{known.key} is missing, here and in every base", part.origin, hint))
    sources = (fields.CONDA.key, fields.PIP.key, fields.FROM.key, fields.GROUPS.key)
    if not part.given.intersection(sources):
        problems.append(Problem("there is nothing to lock", part.origin, "list requirements under 'pip'"))


def _check_name(part: Part, name: str, problems: list[Problem]) -> None:
    written = part.get(fields.NAME)
    if written is not None and written.value != name:
        problems.append(
            Problem(
                f"name is {written.value!r}, but the file is called {name!r}",
                written.origin,
                "give both the same name, or leave 'name' out",
            )
        )


# Small values


def _text(part: Part, known: Field[Located[str]]) -> str | None:
    value: Located[str] | None = part.values.get(known.key)  # in two thirds of the calls there is none
    return value.value if value else None


def _values(listed: Located[tuple[Located[str], ...]] | None) -> tuple[str, ...]:
    return tuple(item.value for item in listed.value) if listed else ()


def _items(part: Part, known: Field[Located[tuple[T, ...]]]) -> tuple[T, ...]:
    listed = part.get(known)
    return listed.value if listed else ()


def _labels(part: Part) -> dict[str, str]:
    labels = part.get(fields.LABELS)
    return {label: text.value for label, text in labels.value.items()} if labels else {}


def _notes(part: Part) -> Iterator[Note]:
    for item in _items(part, fields.NOTES):
        yield Note(
            subject=_text(item, subfields.SUBJECT) or "", text=_text(item, subfields.TEXT) or "", origin=item.origin
        )


def _support(part: Part, problems: list[Problem]) -> SupportDates | None:
    support = part.get(fields.SUPPORT)
    if support is None:
        return None
    dates = SupportDates(
        supported=_text(support, subfields.SUPPORTED),
        deprecated=_text(support, subfields.DEPRECATED),
        removed=_text(support, subfields.REMOVED),
    )
    given = [day for day in (dates.supported, dates.deprecated, dates.removed) if day is not None]
    if given != sorted(given):
        problems.append(
            Problem("support: supported, deprecated and removed come in this order", support.origin, "swap the dates")
        )
    return dates


# Requirements and groups


def _requirement(item: Part, group: str = BASE_GROUP) -> SpecRequirement:
    text = _text(item, subfields.REQUIREMENT) or ""
    if len(item.given) == 1:  # as most: the requirement and nothing else
        return SpecRequirement(text=text, origin=item.origin, group=group)
    return SpecRequirement(
        text=text,
        origin=item.origin,
        group=group,
        reason=_text(item, subfields.REASON),
        until=_text(item, subfields.UNTIL_LOOKED_AT),
        advisory=_text(item, subfields.ADVISORY),
        platforms=_values(item.get(subfields.CONDA_PLATFORMS)),
    )


def _requirements(part: Part) -> Iterator[SpecRequirement]:
    for item in _items(part, fields.PIP):
        yield _requirement(item)
    for name, group in _group_parts(part):
        for item in _items(group, subfields.GROUP_REQUIREMENTS):
            yield _requirement(item, name)


def _group_parts(part: Part) -> list[tuple[str, Part]]:
    groups = part.get(fields.GROUPS)
    return list(groups.value.items()) if groups else []


def _groups(part: Part) -> Iterator[GroupSpec]:
    for name, group in _group_parts(part):
        yield GroupSpec(
            name=name,
            origin=group.origin,
            description=_text(group, subfields.GROUP_DESCRIPTION),
            build_notes=_text(group, subfields.BUILD_NOTES),
        )


def _builds(part: Part) -> Iterator[BuildSpec]:
    builds = part.get(fields.BUILD)
    for name, item in sorted(builds.value.items()) if builds else ():
        environment = item.get(subfields.BUILD_ENVIRONMENT)
        yield BuildSpec(
            package=name,
            origin=item.origin,
            requires=tuple(_requirement(one) for one in _items(item, subfields.BUILD_REQUIRES)),
            beside=_values(item.get(subfields.BUILD_BESIDE)),
            environment={key: text.value for key, text in environment.value.items()} if environment else {},
            path=_values(item.get(subfields.BUILD_PATH)),
            tools=_values(item.get(subfields.BUILD_TOOLS)),
        )


def _imports(part: Part) -> Iterator[ImportCheck]:
    for module in _items(part, fields.IMPORTS):
        yield ImportCheck(module=module.value)
    for name, group in _group_parts(part):
        for module in _items(group, subfields.GROUP_IMPORTS):
            yield ImportCheck(module=module.value, group=name)


def _exclusive(part: Part, problems: list[Problem]) -> Iterator[tuple[str, ...]]:
    known = [name for name, _ in _group_parts(part)]
    for listed in _items(part, fields.EXCLUSIVE):
        names = [item.value for item in listed.value]
        for item in listed.value:
            if item.value not in known:
                guess = nearest(item.value, known)
                hint = f"did you mean {guess[0]!r}?" if guess else f"groups: {', '.join(known) or 'none'}"
                problems.append(Problem(f"exclusive: there is no group {item.value!r}", item.origin, hint))
        if len(set(names)) < len(names):
            problems.append(Problem("exclusive: a group cannot exclude itself", listed.origin))
        yield tuple(names)


# Packages of conda


def _channels(part: Part, problems: list[Problem]) -> Iterator[ChannelSpec]:
    """Yield the channels, each where it is named first; a record of it may be named later."""
    found: dict[str, ChannelSpec] = {}
    for item in _items(part, fields.CHANNELS):
        name, frozen = _text(item, subfields.CHANNEL) or "", _text(item, subfields.FROZEN_CHANNEL)
        channel = ChannelSpec(name=name, url=channel_url(name), origin=item.origin, frozen=frozen)
        before = found.setdefault(name, channel)
        if frozen and before.frozen and frozen != before.frozen:
            message = f"channel {name!r} is recorded in {frozen} here and in {before.frozen} at {before.origin}"
            problems.append(Problem(message, item.origin, "name one record of it"))
        elif frozen:
            found[name] = channel
    yield from found.values()


def _conda(part: Part, problems: list[Problem]) -> CondaSpec | None:
    requirements = tuple(_requirement(item) for item in _items(part, fields.CONDA))
    channels = tuple(_channels(part, problems))
    if not requirements:
        return None
    if not channels and fields.CHANNELS.key not in part.given:
        problems.append(
            Problem(
                "channels is missing, here and in every base",
                requirements[0].origin,
                "for example 'channels: [conda-forge]'",
            )
        )
    prefer, names, mapping = part.get(fields.PREFER), part.get(fields.CONDA_NAMES), part.get(fields.CONDA_MAPPING)
    preferred = prefer.value if prefer else {}
    known = {channel.name for channel in channels}
    platforms = _values(part.get(fields.PLATFORMS))
    for requirement in requirements:
        problems += [
            Problem(
                f"{requirement.text!r} is asked for on {platform}, which is none of the platforms",
                requirement.origin,
                f"the spec has {', '.join(platforms)}" if platforms else None,
            )
            for platform in requirement.platforms
            if platform not in platforms
        ]
        channel, _ = package_of(requirement.text)
        if channel is not None and channel not in known:
            guess = nearest(channel, known)
            hint = f"did you mean {guess[0]!r}?" if guess else f"add {channel!r} to 'channels'"
            problems.append(Problem(f"{channel!r} is none of the channels", requirement.origin, hint))
    return CondaSpec(
        requirements=requirements,
        channels=channels,
        strict=_text(part, fields.CHANNEL_PRIORITY) != "flexible",
        prefer={name: cast("Literal['conda', 'pip']", who.value) for name, who in preferred.items()},
        names={
            name: "" if project.value == "none" else normalize_name(project.value)
            for name, project in (names.value if names else {}).items()
        },
        mapping=mapping.value if mapping else None,
        mapping_origin=mapping.origin if mapping else None,
    )


# Implied bounds and rules


def _implied_bounds(part: Part) -> ImpliedBoundsSpec:
    bounds = part.get(fields.IMPLIED_BOUNDS)
    if bounds is None:
        return ImpliedBoundsSpec()
    horizon, horizons = bounds.get(subfields.HORIZON), bounds.get(subfields.HORIZONS)
    return ImpliedBoundsSpec(
        horizon=_horizon(horizon) if horizon else None,
        packages={name: _horizon(days) for name, days in horizons.value.items()} if horizons else {},
    )


def _horizon(written: Located[str]) -> Horizon:
    return "off" if written.value == "off" else int(written.value.removesuffix("d"))


def _ignored_rules(part: Part, problems: list[Problem]) -> Iterator[IgnoredRule]:
    rules = part.get(fields.RULES)
    seen: dict[str, Origin] = {}
    for item in _items(rules, subfields.IGNORE) if rules else ():
        rule = _text(item, subfields.RULE_ID)
        if rule is None:
            continue
        if rule in seen:
            hint = "say it once, or add 'replace: [rules.ignore]' to have this list alone"
            problems.append(Problem(f"rules: {rule} is ignored in {seen[rule]} already", item.origin, hint))
            continue
        seen[rule] = item.origin
        yield IgnoredRule(
            id=rule,
            reason=_text(item, subfields.RULE_REASON) or "",
            origin=item.origin,
            until=_text(item, subfields.UNTIL),
            advisory=_text(item, subfields.ADVISORY),
        )


def _accepted(part: Part) -> Iterator[AcceptedAdvisory]:
    audit = part.get(fields.AUDIT)
    ignored = audit.get(subfields.ACCEPTED) if audit else None
    for number, item in ignored.value.items() if ignored else ():
        yield AcceptedAdvisory(
            id=number,
            reason=_text(item, subfields.ACCEPT_REASON) or "",
            origin=item.origin,
            until=_text(item, subfields.ACCEPT_UNTIL),
        )


# System and GPU


def _systems(part: Part) -> Iterator[SystemSpec]:
    """Single platforms first, completed by what holds for all; then what holds for all."""
    system = part.get(fields.SYSTEM)
    if system is None:
        return
    general = SystemSpec(
        os=_text(system, subfields.OS), glibc=_text(system, subfields.GLIBC), macos=_text(system, subfields.MACOS)
    )
    for platform, known in subfields.PLATFORM_SYSTEMS.items():
        own = system.get(known)
        if own is not None:
            yield SystemSpec(
                os=_text(own, subfields.OS) or general.os,
                glibc=_text(own, subfields.GLIBC) or general.glibc,
                macos=_text(own, subfields.MACOS) or general.macos,
                platforms=(platform,),
            )
    if general != SystemSpec():
        yield general


def _gpu(part: Part, problems: list[Problem]) -> GpuSpec | None:
    gpu = part.get(fields.GPU)
    if gpu is None:
        return None
    cuda, rocm = gpu.get(subfields.CUDA), gpu.get(subfields.ROCM)
    version = cuda or rocm
    written = _text(gpu, subfields.BACKEND)
    backend = written or ("cuda" if cuda else "rocm" if rocm else None)
    if backend is None:
        if not gpu.given.intersection((subfields.BACKEND.key, subfields.CUDA.key, subfields.ROCM.key)):
            problems.append(Problem("gpu: backend is missing", gpu.origin, "cuda, rocm or cpu"))
        return None
    _check_gpu(gpu, backend, problems)
    return GpuSpec(
        backend=cast("Backend", backend),
        origin=gpu.origin,
        version=version.value if version else None,
        driver=_text(gpu, subfields.DRIVER),
        architectures=_values(gpu.get(subfields.ARCHITECTURES)),
        origins=_gpu_origins(gpu),
        allow=tuple(
            GpuAllow(
                package=_text(item, subfields.ALLOW_PACKAGE) or "",
                cuda=_text(item, subfields.ALLOW_CUDA) or "",
                reason=_text(item, subfields.ALLOW_REASON) or "",
                origin=item.origin,
            )
            for item in _items(gpu, subfields.ALLOW)
        ),
    )


def _gpu_origins(gpu: Part) -> dict[str, Origin]:
    known = (subfields.CUDA, subfields.ROCM, subfields.DRIVER)
    written = {field.key: value.origin for field in known if (value := gpu.get(field)) is not None}
    return written | {item.value: item.origin for item in _items(gpu, subfields.ARCHITECTURES)}


_GPU_KEYS = {
    "cuda": {"backend", "cuda", "driver", "architectures", "allow"},
    "rocm": {"backend", "rocm", "driver", "architectures"},
    "cpu": {"backend"},
}


def _check_gpu(gpu: Part, backend: str, problems: list[Problem]) -> None:
    for key, value in gpu.values.items():
        if key not in _GPU_KEYS[backend]:
            origin = value.origin if isinstance(value, Located) else gpu.origin
            problems.append(Problem(f"gpu: {key!r} means nothing where the backend is {backend}", origin))
    if backend != "cpu" and backend not in gpu.given:
        problems.append(Problem(f"gpu: {backend} is missing: its version decides which wheels fit", gpu.origin))
    problems += [
        Problem(f"gpu: {item.value!r} is no architecture of {backend}", item.origin)
        for item in _items(gpu, subfields.ARCHITECTURES)
        if backend != "cpu" and item.value.startswith("gfx") != (backend == "rocm")
    ]


# Indexes


def _indexes(part: Part, problems: list[Problem]) -> Iterator[IndexSpec]:
    indexes = part.get(fields.INDEXES)
    bound: dict[str, list[tuple[str, set[str], Origin]]] = {}
    for alias, index in indexes.value.items() if indexes else ():
        if subfields.URL.key not in index.given:
            problems.append(Problem(f"indexes.{alias}: url is missing, here and in every base", index.origin))
        platforms = _values(index.get(subfields.INDEX_PLATFORMS))
        for package in _items(index, subfields.PACKAGES):
            _check_binding(package, alias, set(platforms), bound, problems)
        yield IndexSpec(
            alias=alias,
            url=_text(index, subfields.URL) or "",
            origin=index.origin,
            packages=tuple(dict.fromkeys(_values(index.get(subfields.PACKAGES)))),
            frozen=_text(index, subfields.FROZEN),
            kind="find-links" if _text(index, subfields.KIND) == "find-links" else "simple",
            platforms=platforms,
        )


def _check_binding(
    package: Located[str],
    alias: str,
    platforms: set[str],
    bound: dict[str, list[tuple[str, set[str], Origin]]],
    problems: list[Problem],
) -> None:
    """A package that two indexes of one platform claim could come from either: that is what bindings rule out."""
    others = bound.setdefault(package.value, [])
    for other, other_platforms, origin in others:
        if other != alias and (not platforms or not other_platforms or platforms & other_platforms):
            problems.append(
                Problem(
                    f"{package.value!r} is bound to the index {alias!r} here and to {other!r} in {origin}",
                    package.origin,
                    "bind it to one, or give the indexes different 'platforms'",
                )
            )
            break
    others.append((alias, platforms, package.origin))
