"""Running envsolver on a terminal of a chosen width."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["on_terminal"]


def on_terminal(folder: Path, *args: str, columns: int, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Run ``envsolver ARGS`` in a folder, with a pseudo-terminal for both outputs; return status and what it shows."""
    import pty

    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                shown.append(data)
        except OSError:  # Linux says EIO where nobody writes any more
            pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        status = subprocess.run(
            [sys.executable, "-m", "envsolver", *args],
            cwd=folder,
            env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            check=False,
        ).returncode
    finally:
        os.close(theirs)
        reader.join(10)
        os.close(ours)
    return status, b"".join(shown).decode().replace("\r\n", "\n")
