"""What the solver is asked: the requirements of one environment on one target."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from envsolver.model.rule import NoRules
from envsolver.model.values import dataclass
from envsolver.solve.horizon import Bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.model.candidate import Name
    from envsolver.model.origin import Origin
    from envsolver.model.rule import Rules
    from envsolver.model.spec import SpecRequirement
    from envsolver.model.target import Target
    from envsolver.solve.conda import CondaNeeds
    from envsolver.solve.gpu import GpuNeeds

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One solve.

    Attributes:
        requirements: in the order that is the objective: each as new as those before it allow.
        constraints: narrow a package if something requires it; they bring nothing in.
        overrides: replace what any package (not the spec itself) requires of the project that they name.
        as_of: seconds since 1970 UTC; files uploaded at or after it do not exist. None: no limit.
        as_of_origin: where the spec says so.
        preferences: versions to keep where they can be kept (those of the lock that is being updated).
        bounds: which implied bounds hold.
        rules: what is known of packages beyond what they declare.
        titles: id of a rule → what it says, in one line, for explanations.
        lowest: projects of which the lowest version that fits is wanted, not the newest.
        gpu: what the GPU of the nodes can run; None: nobody asked.
        conda: what is asked of conda, and its channels; None: nothing.
    """

    target: Target
    requirements: tuple[SpecRequirement, ...]
    constraints: tuple[SpecRequirement, ...] = ()
    overrides: tuple[SpecRequirement, ...] = ()
    as_of: int | None = None
    as_of_origin: Origin | None = None
    preferences: Mapping[Name, str] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=lambda: Bounds(horizon=None))
    rules: Rules = field(default_factory=NoRules)
    titles: Mapping[str, str] = field(default_factory=dict)
    lowest: frozenset[Name] = frozenset()
    gpu: GpuNeeds | None = None
    conda: CondaNeeds | None = None
