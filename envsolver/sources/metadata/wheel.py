"""METADATA of a wheel, out of the wheel.

Reference: https://packaging.python.org/specifications/binary-distribution-format/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import MetadataUnusableError
from envsolver.sources.metadata.limits import MAX_METADATA
from envsolver.sources.metadata.remote import DamagedArchiveError, open_bytes, zip_member, zip_members
from envsolver.sources.metadata.zipdir import ArchiveError

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Name
    from envsolver.sources.metadata.ports import Http

__all__ = ["read_wheel_metadata"]

_SUFFIX = b".dist-info/METADATA"


async def read_wheel_metadata(http: Http, file: File) -> bytes:
    """Return the bytes of a wheel's METADATA, fetching little more than them.

    Raises:
        MetadataUnusableError: the wheel is gone, damaged, or has not exactly one METADATA of its project.
        NetworkError: the server did not answer.
    """
    async with open_bytes(http, file) as source:
        try:
            found = await zip_members(source, _is_metadata)
            own = [member for member in found if _is_of(member.path, file.name)]
            if len(own) == 1:
                return await zip_member(source, own[0], MAX_METADATA)
        except ArchiveError as error:
            raise DamagedArchiveError(file.filename, str(error)) from None
    raise MetadataUnusableError(file.filename, _wrong_count(file.name, [member.path for member in found]))


def _is_metadata(path: bytes) -> bool:
    return path.endswith(_SUFFIX) and path.count(b"/") == 1


def _is_of(path: str, name: Name) -> bool:
    """Tell whether a ``*.dist-info`` folder is the project's: a wheel may carry those of vendored ones too.

    Old wheels do not escape the hyphens of name and version, so every hyphen may be the one between them.
    """
    folder = path.partition("/")[0].removesuffix(".dist-info")
    parts = folder.split("-")
    return any(
        normalize_name("-".join(parts[:cut])) == name and parts[cut].lstrip("v")[:1].isdigit()
        for cut in range(1, len(parts))
    )


def _wrong_count(name: Name, found: list[str]) -> str:
    if not found:
        return "it has no METADATA: not a wheel"
    return f"it has not one METADATA of {name!r} but: {', '.join(sorted(found)[:5])}"
