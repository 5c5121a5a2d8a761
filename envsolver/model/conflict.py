"""What an explanation is made of: the reasons that cannot hold together, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.model.origin import Origin

__all__ = ["Reason", "ReasonKind"]

ReasonKind = Literal["requirement", "constraint", "package", "rule", "gpu", "build", "ruled-out", "note", "conda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One member of a conflict.

    Attributes:
        kind: ``requirement``, ``constraint``, ``conda`` and ``gpu`` stand in the spec; ``package``: what versions of a
            project require; ``rule``: what the knowledge base adds; ``build``: for which GPU software files are built.
            These are the conflict: without any one of them it is none. ``ruled-out``: versions that would do but cannot
            be chosen; ``note``: what else there is to know. Both are told for information.
        lines: the words for it.
        project: the project that it restricts; what is said of the GPU restricts a name with underscores, which no
            index has.
        requirer: for ``package``, ``rule`` and ``build``, the project that brings it.
        extra: for ``package``, the extra of the requirer that brings it, or empty.
        origin: where it stands, if in a file of the user's.
        text: the requirement, or what is said of the GPU, as written there.
        group: of the requirement, empty for the base.
        setting: for ``gpu``, the key: ``cuda``, ``rocm``, ``driver``, ``architectures`` or ``backend``; for ``build``,
            ``architectures`` where it lacks code for one.
        rule: the id of the rule.
        builds: for ``build``, the CUDA (or ROCm) versions for which the files are built, where they are known.
    """

    kind: ReasonKind
    lines: tuple[str, ...]
    project: Name
    requirer: Name | None = None
    extra: str = ""
    origin: Origin | None = None
    text: str | None = None
    group: str = ""
    setting: str | None = None
    rule: str | None = None
    builds: tuple[str, ...] = ()
