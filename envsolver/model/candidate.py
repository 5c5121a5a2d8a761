"""Candidates: what an index offers of a project, and what one of its files declares."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, NewType

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CONDA_PREFIX",
    "DEFAULT_INDEX",
    "DIRECT_INDEX",
    "CondaFacts",
    "File",
    "FileKind",
    "Metadata",
    "MetadataSource",
    "Name",
    "Noarch",
    "Page",
    "Release",
    "Shape",
    "conda_name",
    "is_conda",
    "normalize_name",
]

DEFAULT_INDEX = "default"
"""Alias of the index that the reader's own configuration names, where the spec binds a package to no other."""

DIRECT_INDEX = "direct"
"""Alias under which the files of direct references (``name @ url``) stand; no index has them."""

Name = NewType("Name", str)
"""A project name in canonical form (PEP 503): lower case, single hyphens."""

FileKind = Literal["wheel", "sdist", "conda"]

Noarch = Literal["python", "generic", "none"]
"""What a package of conda under ``noarch`` holds."""

CONDA_PREFIX = "conda:"
"""Before the name of a package of conda, to tell it from the project of the same name: they need not be the same."""

MetadataSource = Literal[
    "metadata-file",  # PEP 658/714: the index serves the wheel's METADATA beside it
    "wheel",  # read out of the wheel itself
    "sdist-static",  # PKG-INFO of an sdist whose requirements are static (PEP 643)
    "sdist-claim",  # requires.txt or PKG-INFO of an sdist: what its author's machine saw
    "built",  # the backend was run
    "frozen",  # recorded in a frozen index file
]


def normalize_name(name: str) -> Name:
    """Return the PEP 503 form of a project name, without importing packaging."""
    import re

    return Name(re.sub(r"[-_.]+", "-", name).lower())


def conda_name(name: str) -> Name:
    """Return the name under which a package of conda stands among projects."""
    return Name(f"{CONDA_PREFIX}{name}")


def is_conda(name: str) -> bool:
    """Say whether a name is that of a package of conda."""
    return name.startswith(CONDA_PREFIX)


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides whether a file can serve a target. Few per project, though its files are many."""

    kind: FileKind
    tags: str
    """Compressed tag set of a wheel (``cp38-cp38-manylinux1_x86_64``), empty for an sdist."""
    requires_python: str
    """The file's ``Requires-Python`` as the index has it, empty where there is none."""
    yanked: bool


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project on one index.

    Attributes:
        version: in PEP 440 normal form, local part included.
        shapes: indexes into :attr:`Page.shapes` of the shapes that its files have, ascending.
        uploaded: seconds since 1970 UTC when its first file appeared, or None where the index does not say.
    """

    version: str
    shapes: tuple[int, ...]
    uploaded: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaFacts:
    """What the record of a package of conda says beyond its dependencies and its file name.

    Attributes:
        virtual: match specs of the virtual packages that it depends on (``__glibc >=2.17``).
        constrains: match specs of packages that need not be there, but are so if they are.
        features: those that it tracks: a solver avoids it.
        number: of its build, where the file name does not end with it.
        noarch: ``python`` or ``generic``, where subdir and build do not tell; ``none`` for neither.
    """

    virtual: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    number: int | None = None
    noarch: Noarch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One wheel or sdist.

    Attributes:
        index: alias of the index it came from.
        url: absolute URL without fragment; never printed with credentials, never written to a lock as it is.
        sha256: lower-case hex, or None where the index gives none: then it is computed from the bytes.
        size: bytes, or None.
        uploaded: seconds since 1970 UTC, or None.
        yanked: the reason given (may be empty), or None if not yanked (PEP 592).
        metadata_sha256: digest of the PEP 658 metadata file; empty if announced without digest; None if not announced.
        provenance: ``seen``, or how it is known otherwise (``inferred: …``, as frozen indexes record it).
        md5: lower-case hex; of a package of conda, where its channel says so.
        subdir: of a package of conda: the part of the channel that it lies in.
        conda: what else its record says; None if that is nothing.
    """

    name: Name
    version: str
    kind: FileKind
    filename: str
    index: str
    url: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None
    uploaded: int | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None
    provenance: str = "seen"
    md5: str | None = None
    subdir: str | None = None
    conda: CondaFacts | None = None

    @property
    def tags(self) -> str:
        """The compressed tag set of a wheel (PEP 425), empty for an sdist."""
        return "-".join(self.filename.removesuffix(".whl").rsplit("-", 3)[1:]) if self.kind == "wheel" else ""


def _no_files(_version: str) -> tuple[File, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that one index offers of one project.

    ``releases`` ascend by PEP 440. The files of a release are decoded when asked for: a page may list ten thousand, of
    which a lock needs one.
    """

    name: Name
    index: str
    shapes: tuple[Shape, ...]
    releases: tuple[Release, ...]
    load_files: Callable[[str], tuple[File, ...]] = field(default=_no_files, repr=False, compare=False)

    def files(self, version: str) -> tuple[File, ...]:
        """Return the files of a version, ordered by file name."""
        return self.load_files(version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What one file declares (core metadata), as strings: parsing is the solver's business.

    Attributes:
        requires_dist: PEP 508 strings, in the file's order.
        provides_extra: canonical extra names.
        source: how it was read; ``sdist-claim`` is checked against the wheel when that is built.
        repaired: what had to be repaired to be valid (``torch (>=1.9.*) -> torch>=1.9``), for the user to see.
        built_with: interpreter that ran the backend (``CPython 3.11.7 linux-x86_64``) if ``source`` is ``built``.
    """

    requires_dist: tuple[str, ...]
    source: MetadataSource
    requires_python: str | None = None
    provides_extra: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    built_with: str | None = None
