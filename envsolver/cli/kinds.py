"""Types of values on the command line that say what they expect as the messages about specs do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from envsolver.model.wording import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Choice", "Seconds", "WholeNumber"]


class Choice(click.Choice[str]):
    """One of some words."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Say what was expected, and which of it looks most like what was found."""
        del ctx
        words = [str(one) for one in self.choices]
        meant = did_you_mean(get_close_matches(str(value).lower(), words, n=1))
        return f"expected {listed(words, 'or')}, found {str(value)!r}" + (f" ({meant})" if meant else "")


class WholeNumber(click.IntRange):
    """A whole number of at least ``least``."""

    def __init__(self, least: int) -> None:
        super().__init__(min=least)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; else fail, saying what was expected."""
        return _or_expected(super().convert, f"a whole number, {self.min} or more", value, param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds of at least ``least``."""

    def __init__(self, least: float) -> None:
        super().__init__(min=least)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; else fail, saying what was expected."""
        return _or_expected(super().convert, f"a number of seconds, {self.min} or more", value, param, ctx)


def _or_expected(
    convert: Callable[[Any, click.Parameter | None, click.Context | None], Any],
    expected: str,
    value: Any,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> Any:
    try:
        return convert(value, param, ctx)
    except click.BadParameter:
        raise click.BadParameter(f"expected {expected}, found {value!r}", ctx, param) from None
