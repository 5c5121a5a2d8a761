"""The frozen indexes that a project has recorded, whether or not a spec names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.app.project import Project
    from envsolver.model.spec import Spec

__all__ = ["frozen_files"]


def frozen_files(project: Project, spec: Spec) -> Mapping[str, str]:
    """Return URL of an index → the file that has recorded it, relative to the folder of a spec.

    A file that cannot be read is none: whoever names it in a spec is told.
    """
    import msgspec

    from envsolver.sources.frozen import FORMAT

    class Head(msgspec.Struct):
        format: str
        index: str

    folder = (project.root / spec.origin.path).parent
    found: dict[str, str] = {}
    for path in sorted((folder / "indexes").glob("*.json")):
        try:
            head = msgspec.json.decode(path.read_bytes(), type=Head)
        except (OSError, msgspec.MsgspecError, RecursionError):
            continue
        if head.format == FORMAT:
            found.setdefault(head.index.rstrip("/"), path.relative_to(folder).as_posix())
    return found
