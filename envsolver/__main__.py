"""``python -m envsolver``."""

from __future__ import annotations

from envsolver.cli.main import run

run()
