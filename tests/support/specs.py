"""Small projects with specs, and what loading them says."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import SpecError
from envsolver.spec.load import load_spec

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.model.spec import Spec

__all__ = ["MINIMAL", "load", "messages", "write_specs"]

MINIMAL = "python: 3.9\nplatforms: [linux-64]\npip: [numpy]\n"


def write_specs(project: Path, **texts: str) -> None:
    """Write ``specs/NAME.yaml`` for each keyword; ``__`` in a name stands for ``-``."""
    folder = project / "specs"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name.replace('__', '-')}.yaml").write_text(dedent(text), encoding="utf-8")


def load(project: Path, name: str = "env") -> Spec:
    """Load one spec of a project."""
    return load_spec(project / "specs" / f"{name}.yaml", project)


def messages(project: Path, name: str = "env") -> list[str]:
    """Return what is said about a spec that cannot be used, a line a problem."""
    with pytest.raises(SpecError) as caught:
        load(project, name)
    return str(caught.value).splitlines()
