"""The warning that goes with the use of an environment that is no longer to be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.app.project import Environment, Project
    from envsolver.cli.ui import Ui

__all__ = ["warn_if_retired"]


def warn_if_retired(ui: Ui, project: Project, environment: Environment) -> None:
    """Tell the user if an environment is deprecated or removed; it can be used all the same."""
    from envsolver.app.status import retirement

    warning = retirement(project, environment)
    if warning is not None:
        ui.note(warning)
