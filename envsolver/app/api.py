"""The functions that other programs call; the package itself re-exports them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from envsolver.lock.model import Lock

__all__ = ["load_lock"]


def load_lock(path: str | os.PathLike[str]) -> Lock:
    """Read a lock file.

    ``load_lock("locks/train.lock.toml").requirements("linux-64")`` are the pins of a platform; see
    :class:`~envsolver.lock.model.Lock` for the rest.

    Args:
        path: of the ``.lock.toml`` file.

    Raises:
        FileError: there is no such file, or it cannot be read.
        LockError: it is not a lock that this version of envsolver can read; the message says where and why.
    """
    from envsolver.app.files import read_text
    from envsolver.lock.reader import loads
    from envsolver.model.errors import FileError

    text = read_text(Path(path))
    if text is None:
        raise FileError(f"{Path(path)}: there is no such file", hint="`envsolver lock` makes locks")
    return loads(text, str(Path(path)))
