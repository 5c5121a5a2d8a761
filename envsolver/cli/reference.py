"""The reference part of ``docs/cli.md``, made from the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envsolver.cli.base import COMMON_NAMES, root
from envsolver.cli.registry import sections

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BEGIN", "reference_markdown"]

BEGIN = "<!-- The rest of this page is made from the commands: python -m envsolver.cli.reference -->"


def reference_markdown() -> str:
    """Return the reference of all commands: usage, description, own options."""
    context = click.Context(root, info_name="envsolver")
    lines = [BEGIN, "", "## Options of every command", "", *_options(root, context, common=True)]
    for section, rows in sections().items():
        lines += ["", f"## {section}"]
        for name, _ in rows:
            command = root.get_command(context, name)
            assert command is not None  # noqa: S101 - the table and the modules agree, which a test checks
            lines += _command(command, click.Context(command, parent=context, info_name=name))
    return "\n".join(lines) + "\n"


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    pieces = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    yield from ("", f"### `{' '.join([context.command_path, *pieces])}`", "")
    yield _paragraphs(command.help or "")
    options = list(_options(command, context, common=False))
    if options:
        yield from ("", *options)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None  # noqa: S101 - the group has just listed it
            yield from _command(inner, click.Context(inner, parent=context, info_name=name))


def _options(command: click.Command, context: click.Context, *, common: bool) -> Iterator[str]:
    for parameter in command.params:
        if (
            isinstance(parameter, click.Option)
            and (parameter.name in COMMON_NAMES) == common
            and not parameter.is_eager
        ):
            names, text = parameter.get_help_record(context) or ("", "")
            yield f"- `{names}`: {' '.join(text.split())}"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


if __name__ == "__main__":
    click.echo(reference_markdown(), nl=False)
