"""Whether a file is, by its name, one of the package that a lock says it is of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.model.candidate import Name

__all__ = ["is_file_of"]

_SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2")


def is_file_of(filename: str, name: Name, version: str) -> bool:
    """Say whether a wheel or a source archive of an index is called as one of this project and version.

    Of files of other kinds nothing is said: they pass.

    Args:
        filename: as the index has it. A wheel has project, version and tags in its name (binary distribution format),
            a source archive project and version (PEP 625, and what came before it).
        name: canonical.
        version: normalised (PEP 440).
    """
    if filename.endswith(".whl"):
        written, _, rest = filename.partition("-")
        text = rest.partition("-")[0]
        return _canonical(written) == name and _same(text, version)
    suffix = next((suffix for suffix in _SDIST_SUFFIXES if filename.endswith(suffix)), None)
    if suffix is None:
        return True
    # The version may have hyphens (1.0-1) and so may the name: only the project says where one ends.
    found = re.match(re.escape(name).replace(r"\-", "[-_.]+") + "-", filename, re.IGNORECASE | re.ASCII)
    return found is not None and _same(filename[found.end() : -len(suffix)], version)


def _canonical(written: str) -> str:
    return re.sub(r"[-_.]+", "-", written).lower()


def _same(written: str, version: str) -> bool:
    if written == version:  # nearly always, and then nothing has to be imported
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(written) == Version(version)
    except InvalidVersion:
        return False
