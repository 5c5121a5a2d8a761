"""``envsolver schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envsolver.app.exporting import spec_schema
from envsolver.cli.base import command, output_option
from envsolver.cli.output import write_document

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.cli.ui import Ui

__all__ = ["schema"]


@command("schema")
@output_option("Write the schema to FILE; standard output by default (-).")
def schema(ui: Ui, output: Path | None) -> None:
    """Write the JSON Schema of a spec file.

    An editor that knows it completes keys and marks mistakes while you type.
    """
    write_document(ui, json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n", output)
