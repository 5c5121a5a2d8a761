"""Inputs that hypothesis draws, for so many seconds."""

from __future__ import annotations

import time
import traceback
from hashlib import sha256
from typing import TYPE_CHECKING

import click
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.guard import bounded_memory, judge
from tests.fuzz.inputs import inputs_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.guard import Target

__all__ = ["explore"]

_BATCH = 300
_FRAMES = 4


def explore(target: Target, seconds: float, found: Path) -> int:
    """Feed a target until the time is over; return 1 where something was found, which is in a file then."""
    counts = {"taken": 0, "refused": 0}
    last = b""

    @settings(
        max_examples=_BATCH,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.target, Phase.shrink),
        report_multiple_bugs=False,
    )
    @given(inputs_for(target))
    def feed(data: bytes) -> None:
        nonlocal last
        last = data
        counts["taken" if judge(target, data) else "refused"] += 1

    bounded_memory()
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            feed()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, a panic of Rust code as well, is the finding
        path = found / target.name / sha256(last).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(last)  # the last one is the smallest that still does it
        click.echo(f"{path}\n{told(error)}")
        return 1
    click.echo(f"{counts['taken']:7,} taken {counts['refused']:7,} refused")
    return 0


def told(error: BaseException) -> str:
    """Return what was raised, and through which lines of envsolver it came."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    own = [place for place in frames if "/envsolver/" in place][-_FRAMES:]
    return "\n".join([*own, f"{type(error).__name__}: {str(error)[:300]}"])
