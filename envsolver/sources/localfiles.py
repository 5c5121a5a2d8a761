"""``file:`` URLs, answered as a server would: local indexes need no code of their own elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import NetworkError
from envsolver.model.wording import system_reason
from envsolver.sources.reply import Reply, Stream
from envsolver.sources.urls import path_of_file_url, redact

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator

__all__ = ["read_file", "read_file_range", "stream_file"]

_CHUNK = 1 << 20


def read_file(url: str, *, max_bytes: int) -> Reply:
    """Return a file, or the ``index.html`` of a folder; status 404 where there is none.

    Raises:
        NetworkError: it cannot be read, or is larger than ``max_bytes``.
    """
    found = _find(url)
    if found is None:
        return Reply(status=404, url=url, headers={}, body=b"")
    path, stat, final = found
    if stat.st_size > max_bytes:
        raise NetworkError(f"{redact(url)} is larger than the {max_bytes} bytes that are sensible here")
    return Reply(status=200, url=final, headers=_headers(path, stat), body=_read(path, 0, stat.st_size))


def read_file_range(url: str, start: int | None, end: int | None) -> Reply:
    """Return bytes ``start`` to ``end`` (inclusive) of a file, or its last ``end`` bytes if ``start`` is None.

    Raises:
        NetworkError: it cannot be read.
    """
    found = _find(url)
    if found is None:
        return Reply(status=404, url=url, headers={}, body=b"")
    path, stat, final = found
    size = stat.st_size
    first, last = (max(0, size - (end or 0)), size - 1) if start is None else (start, size - 1)
    if start is not None and end is not None:
        last = min(end, last)
    if first > last:
        return Reply(status=416, url=final, headers={"content-range": f"bytes */{size}"}, body=b"")
    headers = _headers(path, stat) | {"content-range": f"bytes {first}-{last}/{size}"}
    return Reply(status=206, url=final, headers=headers, body=_read(path, first, last - first + 1))


def stream_file(url: str) -> Stream:
    """Return a file in pieces; status 404 where there is none.

    Raises:
        NetworkError: it cannot be read.
    """
    found = _find(url)
    if found is None:
        return Stream(status=404, url=url, headers={}, chunks=_chunks(None))
    path, stat, final = found
    return Stream(status=200, url=final, headers=_headers(path, stat), chunks=_chunks(path))


async def _chunks(path: Path | None) -> AsyncIterator[bytes]:
    if path is None:
        return
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise NetworkError(f"cannot read {path}: {system_reason(error)}") from error


def _find(url: str) -> tuple[Path, os.stat_result, str] | None:
    try:
        path = Path(path_of_file_url(url))
        if path.is_dir():
            url, path = url.rstrip("/") + "/index.html", path / "index.html"
        return path, path.stat(), url
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise NetworkError(f"cannot read {redact(url)}: {error}") from error


def _headers(path: Path, stat: os.stat_result) -> dict[str, str]:
    # Size and time of change stand in for a server's validator; they cost nothing to ask for.
    headers = {"content-length": str(stat.st_size), "etag": f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'}
    if path.suffix == ".html":
        headers["content-type"] = "text/html"
    return headers


def _read(path: Path, start: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)
    except OSError as error:
        raise NetworkError(f"cannot read {path}: {system_reason(error)}") from error
