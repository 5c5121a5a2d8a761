"""Generated conflicts of builds, drivers and devices: explanations are minimal, fixes resolve."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envsolver.app.fixing import find_fixes
from envsolver.app.specedits import edited
from envsolver.model.errors import NoSolutionError
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuAllow, GpuSpec, Spec
from envsolver.solve.gpu import GpuNeeds
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem, requirements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.conflict import Reason

HERE = Origin("specs/x.yaml", 2)
TAGS = "cp39-cp39-manylinux2014_x86_64"
BUILDS = {
    "torch": ["1.12.1", "1.12.1+cu116", "1.13.1", "1.13.1+cu116", "2.0.1", "2.0.1+cu118", "2.1.2", "2.1.2+cu118"],
    "torchvision": ["0.13.1+cu116", "0.14.1", "0.15.2+cu118", "0.16.2"],
    "cupy-cuda11x": ["12.0.0", "13.0.0"],
    "cupy-cuda12x": ["12.0.0", "13.0.0"],
}
TORCH_OF = {"0.13.1": "1.12.1", "0.14.1": "1.13.1", "0.15.2": "2.0.1", "0.16.2": "2.1.2"}


releases = st.fixed_dictionaries(
    {name: st.sets(st.sampled_from(versions), min_size=1).map(sorted) for name, versions in BUILDS.items()}
)


def source_of(releases: Mapping[str, Sequence[str]], *, pinned: bool = True) -> MemorySource:
    """Return an index of releases; each torchvision pins its torch, or does not."""
    source = MemorySource()
    for name, versions in releases.items():
        for version in versions:
            requires = [f"torch=={TORCH_OF[version.partition('+')[0]]}"] if name == "torchvision" and pinned else []
            source.add(name, version, requires, tags=TAGS)
    return source


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    names = draw(st.lists(st.sampled_from(list(BUILDS)), min_size=1, max_size=3, unique=True))
    lines = []
    for name in names:
        version = draw(st.sampled_from(BUILDS[name])).partition("+")[0]
        lines.append(name + draw(st.sampled_from(["", f"=={version}", f">={version}", f"<={version}"])))
    gpu = GpuSpec(
        backend="cuda",
        origin=HERE,
        version=draw(st.none() | st.sampled_from(["10.2", "11.6", "11.7", "11.8", "12.1"])),
        driver=draw(st.none() | st.sampled_from(["440.33", "510.47.03", "525.60.13"])),
        architectures=tuple(sorted(draw(st.sets(st.sampled_from(["7.0", "8.6", "9.0"]))))),
    )
    return Spec(
        name="x",
        origin=Origin("specs/x.yaml"),
        python="3.9",
        python_origin=Origin("specs/x.yaml", 1),
        platforms=("linux-64",),
        requirements=requirements(lines),
        gpu=gpu,
    )


async def solve(spec: Spec, source: MemorySource, lowest: frozenset[Name] = frozenset()) -> dict[Name, str]:
    question = replace(
        problem(), requirements=spec.requirements, gpu=GpuNeeds(spec=spec.gpu) if spec.gpu else None, lowest=lowest
    )
    return {package.name: package.version for package in (await resolve(question, source)).packages}


def refusal(spec: Spec, source: MemorySource) -> NoSolutionError | None:
    try:
        asyncio.run(solve(spec, source))
    except NoSolutionError as error:
        return error
    return None


def only(spec: Spec, members: Collection[Reason]) -> Spec:
    """Return the spec with nothing in it but what an explanation names."""
    assert spec.gpu is not None
    said = {reason.setting: reason.text for reason in members if reason.kind == "gpu"}
    architectures = tuple(reason.text or "" for reason in members if reason.setting == "architectures" and reason.text)
    built = {reason.requirer for reason in members if reason.kind == "build"}
    variants = sorted({version.partition("+")[2] for versions in BUILDS.values() for version in versions})
    toolkits = ["10.2", "11", "11.7", "12", "12.1", *(f"{label[2:4]}.{label[4:]}" for label in variants if label)]
    allowed = [
        GpuAllow(package=name, cuda=cuda, reason="-", origin=HERE)
        for name in BUILDS
        if name not in built
        for cuda in toolkits
    ]
    gpu = replace(
        spec.gpu,
        version=said.get("cuda"),
        driver=said.get("driver"),
        architectures=architectures,
        allow=tuple(allowed),
    )
    lines = {(reason.origin, reason.text) for reason in members if reason.kind == "requirement"}
    return replace(
        spec, requirements=tuple(line for line in spec.requirements if (line.origin, line.text) in lines), gpu=gpu
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(specs(), releases)
def test_without_any_one_member_the_rest_has_a_solution(spec: Spec, releases: Mapping[str, Sequence[str]]) -> None:
    error = refusal(spec, source_of(releases))
    members = [one for one in error.conflict if one.kind not in {"ruled-out", "note"}] if error else []
    if len(members) < 2:
        return

    def unsolvable(members: Sequence[Reason]) -> bool:
        pinned = any(member.kind == "package" for member in members)
        return refusal(only(spec, members), source_of(releases, pinned=pinned)) is not None

    assert unsolvable(members)
    for member in members:
        # An exception allows what a package is built for altogether: for the other packages and for the devices.
        less = [one for one in members if one is not member and (one.kind, one.requirer) != ("build", member.requirer)]
        if member.kind == "package":
            less = [one for one in members if one is not member]
        assert not unsolvable(less), member.lines


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(specs(), releases)
def test_every_fix_resolves(spec: Spec, releases: Mapping[str, Sequence[str]]) -> None:
    source = source_of(releases)

    async def trial(changed: Spec, lowest: frozenset[Name] = frozenset(), /) -> dict[Name, str]:
        return await solve(changed, source, lowest)

    error = refusal(spec, source)
    if error is None:
        return
    for fix in asyncio.run(find_fixes(spec, error, trial)).fixes:
        assert refusal(edited(spec, fix.edits), source) is None, fix.title
