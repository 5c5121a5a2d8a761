"""What is wrong with a command line, in the words of all other messages; click finds it, and has words of its own."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from envsolver.cli.base import EnvironmentName
from envsolver.model.wording import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["too_many", "unknown_command", "usage_words"]


def usage_words(error: click.ClickException) -> tuple[str, str | None]:
    """Return message and hint for what click has found."""
    context = getattr(error, "ctx", None)
    hint = f"`{context.command_path} --help` shows the usage" if context is not None else None
    if isinstance(error, click.NoSuchOption):
        return _unknown_option(error), hint
    if isinstance(error, click.MissingParameter) and error.param is not None:
        if context is not None and isinstance(error.param.type, EnvironmentName):
            hint = f"`envsolver list` shows the environments, `{context.command_path} --help` the usage"
        return _missing(error, error.param), hint
    if isinstance(error, click.BadParameter) and error.param is not None:
        # Of a path click says "File 'x' is a directory."
        message = error.message.partition(" ")[2] if isinstance(error.param.type, click.Path) else error.message
        return _of(error.param) + _plain(message), hint
    return _plain(error.format_message()), hint


def unknown_command(context: click.Context, name: str, known: Iterable[str]) -> click.UsageError:
    """Return the error for a command of a group that there is not."""
    near = get_close_matches(name, list(known), n=2)
    return click.UsageError(_with(f"there is no command {_joined(context, name)!r}", did_you_mean(near)), context)


def too_many(context: click.Context, rest: list[str]) -> click.UsageError:
    """Return the error for arguments that a command has no place for."""
    taken = [_argument(one) for one in context.command.params if one.param_type_name == "argument"]
    takes = listed([*taken, "nothing more"]) if taken else "no arguments"
    verb = "is" if len(rest) == 1 else "are"
    message = f"{_path_of(context)!r} takes {takes}: {listed([repr(one) for one in rest])} {verb} too much"
    return click.UsageError(message, context)


def _path_of(context: click.Context | None) -> str:
    """Return what a command is called, without the program: ``cache dir``; ``envsolver`` for that itself."""
    if context is None:
        return "envsolver"
    return context.command_path.partition(" ")[2] or context.command_path


def _argument(parameter: click.Parameter) -> str:
    """Return what the usage line calls an argument, without the signs for optional and repeated ones."""
    return (parameter.metavar or parameter.name or "").removesuffix("...").strip("[]")


def _unknown_option(error: click.NoSuchOption) -> str:
    name = error.option_name
    own = error.ctx.command.get_params(error.ctx) if error.ctx is not None else []
    known = [option for parameter in own for option in (*parameter.opts, *parameter.secondary_opts)]
    bare = {option.lstrip("-"): option for option in known if option.startswith("--")}
    typed = name.lstrip("-")
    # A word that is not complete is less like it than others may be.
    begun = [word for word in bare if len(typed) > 1 and word.startswith(typed)][:2]
    near = [bare[word] for word in begun or get_close_matches(typed, list(bare), n=2)]
    return _with(f"there is no option {name!r} of {_path_of(error.ctx)!r}", did_you_mean(near))


def _missing(error: click.MissingParameter, parameter: click.Parameter) -> str:
    choice = _choices(parameter.type)
    if parameter.param_type_name == "argument":
        wanted = choice or _argument(parameter)
    else:
        metavar = f" {parameter.metavar}" if parameter.metavar else ""
        wanted = f"{parameter.opts[0]}: {choice}" if choice else parameter.opts[0] + metavar
    return f"{_path_of(error.ctx)!r} needs {wanted}"


def _choices(kind: click.ParamType[object]) -> str | None:
    return f"one of {listed([str(one) for one in kind.choices], 'or')}" if isinstance(kind, click.Choice) else None


def _of(parameter: click.Parameter) -> str:
    name = _argument(parameter) if parameter.param_type_name == "argument" else max(parameter.opts, key=len)
    return "" if "|" in name else f"{name}: "  # an argument that is named by what it may be


def _joined(context: click.Context, name: str) -> str:
    return f"{_path_of(context)} {name}" if context.parent is not None else name


def _with(message: str, question: str | None) -> str:
    return f"{message}; {question}" if question else message


def _plain(message: str) -> str:
    return message[:1].lower() + message[1:].removesuffix(".")
