"""The two files of a lock on disk: their text, the seal in their last line, and whether they belong together.

The seal is a digest of the lines above it. It tells a file that envsolver wrote from one that a hand or an automatic
merge has changed, without parsing it. It guards against accidents, not against malice: what is installed is verified
file by file, by sha256.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envsolver.app.files import NotTextError, read_text
from envsolver.model.candidate import is_conda
from envsolver.model.errors import FileError, LockError

if TYPE_CHECKING:
    from envsolver.app.project import Environment, Project
    from envsolver.lock.model import Lock

__all__ = ["is_sealed", "lock_text", "read_lock", "read_lock_text", "requirements_text", "seal"]

_MARK = "# sealed: sha256:"


def seal(text: str, *, of: str | None = None) -> str:
    """Return the text with its digest in a last line.

    Args:
        text: ends with a newline.
        of: the sealed text of the lock that this one was made from; its digest then stands in the line too.
    """
    line = f"{_MARK}{_digest(text)}"
    return f"{text}{line} of lock sha256:{_digest(of)}\n" if of is not None else f"{text}{line}\n"


def is_sealed(text: str, *, of: str | None = None) -> bool:
    """Say whether a text is as :func:`seal` returned it (and, with ``of``, was made from that lock)."""
    # Version control may have changed the line ends on checkout; that changes no meaning.
    plain = _unix(text)
    body, mark, _ = plain.rpartition(_MARK)
    return bool(mark) and seal(body, of=of and _unix(of)) == plain


def lock_text(locked: Lock) -> str:
    """Return the content of a lock file."""
    from envsolver.lock.writer import dumps

    return seal(dumps(locked))


def requirements_text(locked: Lock, of: str) -> str:
    """Return the content of the requirements file that stands beside a lock with the text ``of``.

    It has the base of all platforms, with hashes unless a checkout of a version control system is among them: pip wants
    hashes of everything or of nothing.
    """
    from envsolver.formats.requirements import dumps

    of_pip = (package for package in locked.packages if not is_conda(package.name))
    hashes = all(file.sha256 is not None for package in of_pip for file in package.files)
    return seal(dumps(locked, hashes=hashes), of=of)


def read_lock_text(project: Project, environment: Environment) -> str | None:
    """Return the text of the lock of an environment, or None if there is none.

    Raises:
        LockError: it is no text.
        FileError: it cannot be read.
    """
    path = project.lock_path(environment.name)
    try:
        return read_text(path)
    except NotTextError as error:
        from envsolver.lock.header import remake

        shown = project.relative(path)
        raise LockError(shown, "is not UTF-8", hint=remake(shown)) from error


def read_lock(project: Project, environment: Environment) -> Lock:
    """Read the lock of an environment.

    Raises:
        FileError: there is none, or it cannot be read.
        LockError: it makes no sense, or is that of another environment.
    """
    from envsolver.lock.reader import loads

    path = project.lock_path(environment.name)
    text = read_lock_text(project, environment)
    if text is None:
        raise FileError(
            f"{environment.name} has no lock: there is no {project.relative(path)}",
            hint=f"run `envsolver lock {environment.name}`",
        )
    locked = loads(text, project.relative(path))
    if locked.name != environment.name:
        raise LockError(
            project.relative(path),
            f"this is the lock of {locked.name}",
            hint=f"`envsolver lock {environment.name}` makes one of {environment.name}, keeping versions where it can",
        )
    return locked


def _unix(text: str) -> str:
    # To look for what is rarely there is a hundred times faster than to replace it.
    return text.replace("\r\n", "\n") if "\r" in text else text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
