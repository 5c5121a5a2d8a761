"""When to ask a server again, and how long to wait before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RETRIED_STATUSES", "RetryPolicy", "retry_after"]

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that may be different in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The budget of one request.

    Attributes:
        tries: how often it is sent at most.
        base: seconds before the second try; doubled for each further one.
        longest: the longest wait in seconds that a server may ask for. One that asks for more has failed.
    """

    tries: int = 4
    base: float = 0.5
    longest: float = 60.0

    def delay(self, attempt: int, jitter: float) -> float:
        """Return the seconds to wait after try number ``attempt`` (from 1).

        ``jitter`` (0 to 1) spreads the tries of many clients over half the interval.
        """
        return float(self.base * 2 ** (attempt - 1) * (1 + jitter / 2))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110 10.2.3: seconds or a date), or None.

    Args:
        headers: by lower-case name.
        now: seconds since 1970 UTC.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
