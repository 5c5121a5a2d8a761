"""What the commands share: their common options, the lazy root group, the types of their arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envsolver import __version__
from envsolver.cli.registry import COMMANDS, sections
from envsolver.cli.ui import OUTPUT, Common, Ui

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

__all__ = [
    "Command",
    "EnvironmentName",
    "Group",
    "ReaderGoneError",
    "command",
    "group",
    "group_option",
    "output_option",
    "platform_option",
    "prefix_option",
    "python_option",
    "root",
    "shown_group_option",
]

COMMON_NAMES = ("project", "quiet", "verbose", "json", "offline", "no_color")
CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}


def _common_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--project"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="The project; by default the nearest folder upwards with specs/.",
        ),
        click.Option(["--offline"], is_flag=True, help="Use the cache and local files only."),
        click.Option(["--json"], is_flag=True, help="Print the result as one JSON document."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print results and errors only."),
        click.Option(["-v", "--verbose"], is_flag=True, help="Print details, such as the time per stage."),
        click.Option(["--no-color"], is_flag=True, help="Print no colours (as NO_COLOR does)."),
    ]


def _take_common(ctx: click.Context) -> None:
    """Move the common options out of the parameters into ``ctx.obj``, added to those of the outer group.

    They may stand before or after the command's name: ``envsolver --offline lock x`` and
    ``envsolver lock x --offline`` are the same.
    """
    own = {name: ctx.params.pop(name) for name in COMMON_NAMES}
    outer: Common = ctx.parent.obj.common if ctx.parent is not None else Common()
    # https://no-color.org: present and not empty, whatever its value.
    color = outer.color and not own["no_color"] and not os.environ.get("NO_COLOR")
    common = Common(
        project=own["project"] or outer.project,
        quiet=own["quiet"] or outer.quiet,
        verbose=own["verbose"] or outer.verbose,
        json=own["json"] or outer.json,
        offline=own["offline"] or outer.offline,
        color=color,
    )
    if common.quiet and common.verbose:
        raise click.UsageError("--quiet and --verbose exclude each other", ctx)
    ctx.color = None if color else False
    ctx.obj = Ui(common)


class ReaderGoneError(Exception):
    """Standard output leads into a pipe that nobody reads any more."""


class _Parsed(click.Command):
    """Says of an error while the help is printed that it is one of standard output, where nothing else is done yet."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments.

        Raises:
            ReaderGoneError: instead of BrokenPipeError, of which click would make an exit status of its own.
            OSError: with :data:`OUTPUT` for a file name: help or version cannot be written.
        """
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError as error:
            raise ReaderGoneError from error
        except OSError as error:
            raise OSError(error.errno, error.strerror, error.filename or OUTPUT) from error


class Command(_Parsed):
    """A command with the common options; its callback gets the :class:`Ui` first (``click.pass_obj``)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _common_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            click.UsageError: there are more than the command takes.
        """
        ctx.allow_extra_args = True  # click's own refusal does not say what there is room for
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            from envsolver.cli.usage import too_many

            raise too_many(ctx, rest)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the callback."""
        _take_common(ctx)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, the common ones in a section of their own."""
        _format_options(self, ctx, formatter)


class Group(_Parsed, click.Group):
    """A command with commands of its own (``cache dir``), and the common options."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _common_options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        _take_common(ctx)
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest that exist."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            from envsolver.cli.usage import unknown_command

            raise unknown_command(ctx, args[0], known)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write options as :class:`Command` does, then the commands."""
        _format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


class Root(Group):
    """``envsolver`` itself: imports the module of a command when that command is asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command.

        Raises:
            ReaderGoneError: instead of BrokenPipeError, of which click would make an exit status of its own.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        from importlib import import_module

        found: click.Command = getattr(import_module(f"envsolver.cli.commands.{entry.module}"), entry.attribute)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, or options, that an incomplete word may become; no command is imported for it."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(n, help=e.summary) for n, e in COMMANDS.items() if n.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, from the table alone."""
        for section, rows in sections().items():
            with formatter.section(section):
                formatter.write_dl(rows, col_spacing=4)


def _format_options(cmd: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    general = cmd.get_help_option(ctx)
    own: list[tuple[str, str]] = []
    shared: list[tuple[str, str]] = []
    for param in cmd.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and isinstance(param, click.Option):  # arguments stand in the usage line
            (shared if param is general or param.name in COMMON_NAMES else own).append(record)
    for title, records in (("Options", own), ("Common options", shared)):
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def command(name: str) -> Callable[[Callable[..., int | None]], Command]:
    """Make a command of a function ``f(ui, …) -> exit status or None``."""

    def wrap(function: Callable[..., int | None]) -> Command:
        made = click.command(name, cls=Command, context_settings=CONTEXT_SETTINGS)(click.pass_obj(function))
        assert isinstance(made, Command)  # noqa: S101 - click's decorator is typed for the base class
        return made

    return wrap


def group(name: str) -> Callable[[Callable[[], None]], Group]:
    """Make a group of commands of a documented, empty function."""

    def wrap(function: Callable[[], None]) -> Group:
        return click.group(name, cls=Group, context_settings=CONTEXT_SETTINGS)(function)

    return wrap


class EnvironmentName(click.ParamType[str]):
    """The name, alias or spec path of an environment; completes to the names of the project.

    Attributes:
        shipped: whether one that envsolver ships will do: what only reads takes those too.
    """

    name = "NAME"

    def __init__(self, *, shipped: bool = False) -> None:
        self.shipped = shipped

    def shell_complete(self, ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the environments whose name or alias starts with what was typed."""
        from click.shell_completion import CompletionItem

        from envsolver.app.project import complete_names

        names = complete_names(_completing_project(ctx), incomplete, shipped=self.shipped)
        return [CompletionItem(name, help=title) for name, title in names]


def _completing_project(ctx: click.Context) -> Path | None:
    # While completing, nothing is invoked: the option is still among the parameters of this context or an outer one.
    current: click.Context | None = ctx
    while current is not None:
        project: Path | None = current.params.get("project")
        if project is not None:
            return project
        current = current.parent
    return None


def output_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``-o FILE`` (``-`` for standard output), as all that write a document have it."""
    return click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE", help=text)


def prefix_option(text: str, *, required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--prefix DIR``: the folder of an environment."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--prefix", type=kind, required=required, metavar="DIR", help=text)


def group_option(
    text: str = "A group to add to the base; may be repeated.",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--group G``, which fills the parameter ``groups``; by default for what adds to the base."""
    return click.option("--group", "groups", multiple=True, metavar="G", help=text)


def shown_group_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--group G`` of what shows a lock: all of it, unless groups are chosen."""
    return group_option("Show the base and this group only; may be repeated.")


def platform_option(
    text: str = "The platform; the first of the lock by default.",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--platform P``; by default that of what shows one platform of a lock."""
    return click.option("--platform", metavar="P", help=text)


def python_option(
    text: str = "The interpreter; by default one of uv's, pyenv's or the PATH with the minor version of the lock.",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--python PATH``: the interpreter to work with."""
    return click.option("--python", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH", help=text)


@click.group("envsolver", cls=Root, context_settings=CONTEXT_SETTINGS, no_args_is_help=True)
@click.version_option(__version__, "-V", "--version", message="envsolver %(version)s")
def root() -> None:
    """Lock GPU environments so that they run, run the same everywhere, and prove it.

    A project is a folder with specs/, one YAML file per environment. Environments are given by name, alias or path.
    """
