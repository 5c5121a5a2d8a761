"""The ways to lock a stack that :mod:`benchmarks.stacks` compares."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from benchmarks.tools import Uv, default_index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.tools import InputSet
    from envsolver.model.resolution import Resolution
    from envsolver.model.rule import Rules
    from envsolver.model.spec import Spec
    from envsolver.solve.horizon import Bounds

__all__ = ["EnvsolverLocker", "Locked", "Locker", "Stack", "UvLocker", "make_locker"]

DAY = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What somebody wants to have.

    Attributes:
        inputs: requirements and target.
        year: when somebody would have wanted it.
        day: the date on which they would have locked it, a month after the newest of what it pins was uploaded.
        impossible: why no choice of versions can run, empty where one can.
    """

    inputs: InputSet
    year: int
    day: str = ""
    impossible: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.inputs.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What a locker made of a stack.

    Attributes:
        outcome: refused: there is no solution, it says; failed: it cannot tell.
        pins: canonical name → version.
        requirements: the lock as a requirements file with hashes.
        message: why there is no lock.
        held: packages that implied bounds keep below a version that the metadata admits.
        given_up: rules and implied bounds that gave way.
    """

    outcome: Literal["locked", "refused", "failed"]
    seconds: float
    pins: Mapping[str, str]
    requirements: str = ""
    message: str = ""
    held: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


class Locker(Protocol):
    """One way to lock."""

    name: str

    def lock(self, stack: Stack) -> Locked:
        """Lock a stack."""


class UvLocker:
    """``uv pip compile`` with its defaults."""

    name = "uv"

    def __init__(self, uv: Uv, build_constraints: Sequence[str]) -> None:
        self._uv = uv
        self._constraints = uv.scratch / "build-constraints.txt"
        self._constraints.write_text("".join(f"{line}\n" for line in build_constraints), encoding="utf-8")

    def lock(self, stack: Stack) -> Locked:
        """Lock a stack from nothing: without the versions of an earlier output."""
        self._uv.forget_lock()
        result = self._uv.lock(stack.inputs, environment={"UV_BUILD_CONSTRAINT": str(self._constraints)})
        if not result.solved:
            refused = "No solution found" in result.output
            return Locked(
                outcome="refused" if refused else "failed",
                seconds=result.seconds,
                pins={},
                message=result.output.strip()[-4000:],
            )
        text = self._uv.output_file.read_text(encoding="utf-8")
        return Locked(outcome="locked", seconds=result.seconds, pins=result.pins, requirements=text)


class EnvsolverLocker:
    """envsolver, with some of what it knows switched off."""

    def __init__(self, name: str, bounds: Bounds, cache: Path, rules: Rules | None = None) -> None:
        self.name = name
        self._bounds = bounds
        self._cache = cache
        self._rules = rules

    def lock(self, stack: Stack, keep: Mapping[str, str] | None = None) -> Locked:
        """Lock a stack.

        Args:
            stack: what is asked for.
            keep: pins of an earlier lock, which stay unless they must move.

        """
        from envsolver.model.errors import EnvsolverError, NoSolutionError

        started = time.perf_counter()
        try:
            resolution = asyncio.run(self._resolve(stack, keep or {}))
        except EnvsolverError as error:
            outcome: Literal["refused", "failed"] = "refused" if isinstance(error, NoSolutionError) else "failed"
            return Locked(outcome=outcome, seconds=time.perf_counter() - started, pins={}, message=str(error))
        return Locked(
            outcome="locked",
            seconds=time.perf_counter() - started,
            pins={package.name: package.version for package in resolution.packages},
            requirements="".join(
                f"{package.name}=={package.version} --hash=sha256:{package.file.sha256}\n"
                for package in resolution.packages
            ),
            held=tuple(
                f"{held.name} below {held.beyond} by {held.requirer} {held.version}" for held in resolution.held
            ),
            given_up=tuple(
                f"{given.rule or 'bound'}: {given.requirer} on {given.name}" for given in resolution.given_up
            ),
        )

    async def _resolve(self, stack: Stack, keep: Mapping[str, str]) -> Resolution:
        from envsolver.model.candidate import normalize_name
        from envsolver.model.ports import NullProgress
        from envsolver.model.rule import NoRules
        from envsolver.solve.problem import Problem
        from envsolver.solve.resolve import resolve
        from envsolver.sources.open import SourceSettings, open_session

        spec = _spec(stack)
        problem = Problem(
            target=spec.target("linux-64"),
            requirements=spec.requirements,
            preferences={normalize_name(name): version for name, version in keep.items()},
            bounds=self._bounds,
            rules=self._rules or NoRules(),
        )
        settings = SourceSettings(cache_dir=self._cache)
        async with open_session(settings, NullProgress()) as session:
            return await resolve(problem, session.source_for(spec, "linux-64", self._cache))


def _spec(stack: Stack) -> Spec:
    from envsolver.model.origin import Origin
    from envsolver.model.spec import Spec, SpecRequirement, SystemSpec

    path = f"specs/{stack.name}.yaml"
    return Spec(
        name=stack.name,
        origin=Origin(path),
        python=stack.inputs.python,
        python_origin=Origin(path),
        platforms=("linux-64",),
        systems=(SystemSpec(glibc=stack.inputs.glibc),),
        requirements=tuple(SpecRequirement(text=text, origin=Origin(path)) for text in stack.inputs.requirements),
    )


def make_locker(name: str, work: Path, build_constraints: Sequence[str]) -> Locker:
    """Return the locker of a name.

    Raises:
        ValueError: there is none.
    """
    from envsolver.knowledge.bounds import exemptions
    from envsolver.knowledge.effects import SolverRules
    from envsolver.knowledge.rules import load_rulebook
    from envsolver.solve.horizon import DEFAULT_HORIZON, Bounds

    if name == "uv":
        return UvLocker(Uv(work, index=default_index()), build_constraints)
    match = re.fullmatch(r"plain|rules|(?:bounds|both)(?:-(?P<days>\d+))?", name)
    if match is None:
        raise ValueError(f"no locker {name!r}: uv, plain, rules, bounds, both, bounds-N, both-N")
    horizon = int(match["days"]) * DAY if match["days"] else DEFAULT_HORIZON
    bounds = Bounds(horizon=horizon, exempt=frozenset(exemptions()))
    return EnvsolverLocker(
        name,
        bounds if name.startswith("b") else Bounds(horizon=None),
        work / "envsolver-cache",
        SolverRules(load_rulebook()) if name.startswith(("rules", "both")) else None,
    )
