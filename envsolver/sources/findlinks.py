"""Local folders of wheels and sdists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import FileError
from envsolver.model.wording import system_reason
from envsolver.sources.compact import Link
from envsolver.sources.filenames import is_distribution
from envsolver.sources.urls import path_of_file_url, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["local_folder", "read_folder"]


def local_folder(url: str) -> Path | None:
    """Return the folder that a URL means, or None if it is a page (local or not)."""
    if not url.startswith("file:"):
        return None
    try:
        path = Path(path_of_file_url(url))
    except ValueError as error:
        raise FileError(f"{redact(url)}: {error}") from None
    return None if path.suffix in {".html", ".htm"} else path


def read_folder(folder: Path) -> Iterator[Link]:
    """Yield the distribution files of a folder, by name. Folders within it are not looked at.

    Raises:
        FileError: it cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if is_distribution(path.name) and path.is_file())
        sizes = [path.stat().st_size for path in paths]
    except OSError as error:
        raise FileError(
            f"{folder}: cannot be read as a folder of wheels and sdists: {system_reason(error)}",
            hint="check the index's url in the spec",
        ) from error
    for path, size in zip(paths, sizes, strict=True):
        yield Link(filename=path.name, url=path.absolute().as_uri(), size=size)
