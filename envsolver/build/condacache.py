"""What is kept of packages of conda between builds: what they say of themselves, and what rattler has unpacked."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from envsolver.build.bundle import carried_of
from envsolver.build.condarecord import facts_of
from envsolver.lock.condapins import file_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envsolver.build.store import Store
    from envsolver.lock.model import Pin

__all__ = ["CondaCache", "DamagedError"]


class DamagedError(Exception):
    """Something of the cache is not what it should be: it is to be fetched and unpacked once more.

    Attributes:
        subject: what was wrong, a file name as a rule.
        reason: in which way.
        folder: into which rattler has unpacked it, where that is known.
    """

    def __init__(self, subject: str, reason: str, folder: str | None = None) -> None:
        super().__init__(subject)
        self.subject, self.reason, self.folder = subject, reason, folder


class CondaCache:
    """Archives that arrived, and what is known of those that rattler has unpacked.

    Args:
        store: beside whose trees it lies.
    """

    def __init__(self, store: Store) -> None:
        self.folder = store.folder / "conda"
        self.unpacked = self.folder / "pkgs"

    def archive(self, pin: Pin) -> Path:
        """Return where an archive lies, if it is there."""
        return self.folder / carried_of(pin).path

    def _known(self, pin: Pin) -> Path:
        return self.folder / "known" / f"{file_key(pin.file)}.json"

    def facts(self, pin: Pin) -> dict[str, Any] | None:
        """Return what is known of a package that was checked and unpacked before, None if nothing is."""
        try:
            found = json.loads(self._known(pin).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def know(self, pin: Pin) -> None:
        """Check an archive that arrived, and keep what it says of itself.

        Raises:
            ArtefactError: it is not what the lock says, or would write where no package may.
            OSError: that cannot be written.
        """
        facts = facts_of(pin, self.archive(pin))
        path = self._known(pin)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(json.dumps(facts), encoding="utf-8")
        part.replace(path)

    def forget(self, pins: Sequence[Pin], folder: str | None) -> None:
        """Have packages fetched again, and one of them, if its folder is known, unpacked again."""
        for pin in pins:
            self._known(pin).unlink(missing_ok=True)
        if folder is not None and os.path.dirname(folder) == str(self.unpacked):  # noqa: PTH120 - as rattler writes it
            shutil.rmtree(folder, ignore_errors=True)

    def drop_archives(self, pins: Sequence[Pin]) -> None:
        """Delete the archives: what is unpacked is enough."""
        for pin in pins:
            with suppress(OSError):
                self.archive(pin).unlink(missing_ok=True)
                self.archive(pin).parent.rmdir()
