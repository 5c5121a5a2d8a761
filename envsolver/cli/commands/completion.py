"""``envsolver completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envsolver.cli.base import command, root
from envsolver.cli.kinds import Choice

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish")


@command("completion")
@click.argument("shell", type=Choice(SHELLS), metavar="bash|zsh|fish")
def completion(ui: Ui, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options and the names of the project's environments. Write it where the shell looks: bash in
    ~/.local/share/bash-completion/completions/envsolver, zsh in a file _envsolver of a folder in $fpath, fish in
    ~/.config/fish/completions/envsolver.fish.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click ships these three
    complete = made(root, {}, "envsolver", "_ENVSOLVER_COMPLETE")
    # Not complete.source(): that runs the shell to find out its version.
    script = complete.source_template % complete.source_vars()
    if ui.json_wanted:
        ui.json({"shell": shell, "script": script})
    else:
        ui.out(script)
