"""Receivers of progress: a live line on a terminal, or notes alone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from envsolver.cli.text import duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from envsolver.cli.ui import Ui

__all__ = ["LiveProgress", "PlainProgress"]

QUIET_START = 0.3
"""Seconds before the live line appears: what is done sooner needs none, and rich need not be imported."""


class PlainProgress:
    """Prints notes, each once; stages and updates are dropped."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._seen: set[str] = set()

    def stage(self, name: str) -> None:
        """Ignore it."""

    def update(self, text: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Print it, if it was not printed before (two platforms meet the same trouble)."""
        if text not in self._seen:
            self._seen.add(text)
            self._ui.note(text)

    def close(self) -> None:
        """Nothing is open."""


class LiveProgress(PlainProgress):
    """Draws ``stage · how far · elapsed`` on one line of the terminal, gone when the work is done."""

    def __init__(self, ui: Ui) -> None:
        super().__init__(ui)
        self._began = time.monotonic()
        self._stage = ""
        self._text = ""
        self._live: Live | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._closed = False

    def stage(self, name: str) -> None:
        """Name what begins."""
        self._stage, self._text = name, ""
        if self._timer is None:
            self._timer = threading.Timer(QUIET_START, self._show)
            self._timer.daemon = True
            self._timer.start()

    def update(self, text: str) -> None:
        """Say how far it is."""
        self._text = text

    def note(self, text: str) -> None:
        """Print a note above the line."""
        with self._lock:
            live = self._live
            if live is not None:
                live.stop()
            super().note(text)
            if live is not None:
                live.start()

    def close(self) -> None:
        """Remove the line."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._live is not None:
                self._live.stop()
                self._live = None

    def _show(self) -> None:
        """Begin to draw; runs in a thread of its own, as everything that rich draws does."""
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._closed:
                return
            # Redirecting would send what the commands print through rich, which would wrap and colour it.
            self._live = Live(
                get_renderable=self._line,
                console=Console(stderr=True, no_color=not self._ui.common.color),
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _line(self) -> RenderableType:
        from rich.text import Text

        parts = [part for part in (self._stage, self._text) if part]
        line = Text(" · ".join(parts), no_wrap=True, overflow="ellipsis")
        line.append(f" · {duration(time.monotonic() - self._began)}", style="dim")
        return line
