"""The license that core metadata declare, as their author wrote it.

References: https://peps.python.org/pep-0639/, https://packaging.python.org/specifications/core-metadata/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.sources.metadata.wheel import read_wheel_metadata

if TYPE_CHECKING:
    from envsolver.model.candidate import File
    from envsolver.sources.metadata.ports import Http

__all__ = ["declared_license", "read_license"]

_CLASSIFIER = "License :: "
_APPROVED = "OSI Approved :: "
_NOTHING = frozenset({"", "unknown", "none", "n/a", "license", "other"})
_LONGEST = 80

_SAME = {
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Classifiers that mean one license only, in the words of SPDX. Most are ambiguous, as PEP 639 says: they stay."""


async def read_license(http: Http, file: File) -> str | None:
    """Return the license that a wheel declares, None if it declares none.

    Raises:
        MetadataUnusableError: the wheel is gone or damaged.
        NetworkError: the server did not answer.
    """
    data = await _beside(http, file)
    return declared_license(await read_wheel_metadata(http, file) if data is None else data)


async def _beside(http: Http, file: File) -> bytes | None:
    """Return the metadata file that the index announces (PEP 658); None where there is none, or it is another."""
    from hashlib import sha256

    from envsolver.sources.metadata.limits import MAX_METADATA

    if not file.metadata_sha256:
        return None
    path, mark, query = file.url.partition("?")
    reply = await http.get(f"{path}.metadata{mark}{query}", max_bytes=MAX_METADATA)
    if reply.status != 200 or sha256(reply.body).hexdigest() != file.metadata_sha256:
        return None
    return reply.body


def declared_license(data: bytes) -> str | None:
    """Return the license that core metadata declare: the expression, else the classifiers, else the first line of text.

    Args:
        data: METADATA or PKG-INFO.
    """
    from email.parser import BytesHeaderParser
    from email.policy import compat32

    fields = BytesHeaderParser(policy=compat32).parsebytes(data)
    expression = _line(str(fields.get("License-Expression", "")))
    if expression is not None:
        return expression
    classifiers = [str(one).strip() for one in fields.get_all("Classifier", [])]
    named = {
        one.removeprefix(_CLASSIFIER).removeprefix(_APPROVED)
        for one in classifiers
        if one.startswith(_CLASSIFIER) and one != f"{_CLASSIFIER}OSI Approved"
    }
    if named:
        return _line(" and ".join(sorted(_SAME.get(one, one) for one in named)))
    return _line(str(fields.get("License", "")))


def _line(text: str) -> str | None:
    """Return the first line of a text that is not empty, shortened; None where it says nothing. Strangers wrote it."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    plain = " ".join("".join(one if one.isprintable() else " " for one in first).split())
    if plain.lower() in _NOTHING:
        return None
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1].rstrip()}…"
