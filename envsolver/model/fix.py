"""A change of a spec that was solved before it is suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.model.origin import Origin

__all__ = ["REASON_TO_WRITE", "Addition", "Edit", "Fix", "FixKind", "Removal"]

FixKind = Literal["loosen", "move", "index", "rename", "gpu", "exclusive", "drop", "ignore-rule"]

REASON_TO_WRITE = "not given yet, say here why this rule does not hold"
"""What a fix writes as the reason to ignore a rule: nobody but the user can know it. `lock` asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change in a file of the project.

    Attributes:
        origin: the line.
        old: the text on it that is replaced.
        new: what takes its place; None takes the whole entry out.
    """

    origin: Origin
    old: str
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Something that is added to a spec.

    Attributes:
        origin: the file; its line is 0.
        content: what is added, as nested mappings with one key each, down to a mapping or list of texts (``{"rules":
            {"ignore": [{"id": "TORCH-NUMPY2", "reason": "…"}]}}``). Where a list stands already, it gets longer.
    """

    origin: Origin
    content: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """An entry of a mapping that is taken out of a spec.

    Attributes:
        origin: where it stands.
        keys: the way to it from the top (``("indexes", "pytorch-cu116")``). A mapping that is then empty goes as well.
    """

    origin: Origin
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A change after which the spec resolves.

    Attributes:
        kind: ``loosen``: a line admits more than before. ``move``: a pin names another version. ``index``: a package
            comes from another index. ``rename``: another distribution of the same project. ``gpu``: what the spec says
            of the GPU. ``exclusive``: groups are solved apart. ``drop``: a requirement goes. ``ignore-rule``: a rule
            does.
        title: what to change, in one line.
        outcome: what the projects that take part became.
        edits: the change; all of them belong together.
        warning: what else it means, if it is not as harmless as it looks.
    """

    kind: FixKind
    title: str
    outcome: str
    edits: tuple[Edit | Addition | Removal, ...]
    warning: str | None = None
