"""A spec as it would be loaded after a fix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.model.fix import Addition, Removal
from envsolver.model.spec import IgnoredRule, IndexSpec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from envsolver.model.fix import Edit
    from envsolver.model.spec import GpuSpec, Spec, SpecRequirement

__all__ = ["edited"]


def edited(spec: Spec, edits: Iterable[Edit | Addition | Removal]) -> Spec:
    """Return the spec as it would be loaded after the edits."""
    for edit in edits:
        if isinstance(edit, Addition):
            spec = _added(spec, edit)
        elif isinstance(edit, Removal):
            kept = (index for index in spec.indexes if edit.keys != ("indexes", index.alias))
            spec = replace(spec, indexes=tuple(kept))
        else:
            spec = replace(
                spec,
                requirements=_edited(spec.requirements, edit),
                constraints=_edited(spec.constraints, edit),
                overrides=_edited(spec.overrides, edit),
                gpu=_edited_gpu(spec.gpu, edit) if spec.gpu else None,
            )
    return spec


def _edited(requirements: tuple[SpecRequirement, ...], edit: Edit) -> tuple[SpecRequirement, ...]:
    return tuple(
        replace(requirement, text=edit.new) if _is(requirement, edit) and edit.new is not None else requirement
        for requirement in requirements
        if not (_is(requirement, edit) and edit.new is None)
    )


def _is(requirement: SpecRequirement, edit: Edit) -> bool:
    return requirement.origin == edit.origin and requirement.text == edit.old


def _edited_gpu(gpu: GpuSpec, edit: Edit) -> GpuSpec:
    if edit.new is None:
        kept = tuple(one for one in gpu.architectures if one != edit.old or gpu.place(one) != edit.origin)
        return replace(gpu, architectures=kept)
    if gpu.version == edit.old and gpu.place(gpu.backend) == edit.origin:
        return replace(gpu, version=edit.new)
    if gpu.driver == edit.old and gpu.place("driver") == edit.origin:
        return replace(gpu, driver=edit.new)
    return gpu


def _added(spec: Spec, addition: Addition) -> Spec:
    for key, content in addition.content.items():
        if key == "rules":
            rules = (IgnoredRule(origin=addition.origin, **rule) for rule in content["ignore"])
            spec = replace(spec, ignored_rules=(*spec.ignored_rules, *rules))
        elif key == "exclusive":
            spec = replace(spec, exclusive=(*spec.exclusive, *(tuple(groups) for groups in content)))
        elif key == "indexes":
            for alias, index in content.items():
                spec = replace(spec, indexes=_with_index(spec.indexes, alias, index, addition))
    return spec


def _with_index(
    indexes: tuple[IndexSpec, ...], alias: str, content: dict[str, Any], addition: Addition
) -> tuple[IndexSpec, ...]:
    packages = tuple(content["packages"])
    if any(index.alias == alias for index in indexes):
        return tuple(
            replace(index, packages=(*index.packages, *packages)) if index.alias == alias else index
            for index in indexes
        )
    new = IndexSpec(
        alias=alias, url=content["url"], origin=addition.origin, packages=packages, frozen=content.get("frozen")
    )
    return (*indexes, new)
