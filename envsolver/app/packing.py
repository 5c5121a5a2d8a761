"""The use case ``pack``: an environment as a reproducible archive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envsolver.app.verifying import verify
from envsolver.build.packing import SUFFIXES, pack_tree
from envsolver.build.places import read_places
from envsolver.build.scratch import scratch, sweep
from envsolver.build.wheelhouse import file_digest
from envsolver.model.errors import CheckFailedError, FileError, UsageError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from envsolver.app.project import Environment, Project
    from envsolver.model.ports import Progress

__all__ = ["PackOptions", "Packed", "pack"]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions:
    """What the user asks for.

    Attributes:
        prefix: of the environment.
        output: archive to write; one that is there is replaced.
        python: where the interpreter lies on the machines that the archive is for; None: where it lies here.
    """

    prefix: Path
    output: Path
    python: PurePosixPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An archive that was written.

    Attributes:
        path: absolute.
        size: bytes.
        sha256: of the archive.
        tar: sha256 of what is compressed in it.
        tree: digest of the environment.
        files: how many it has.
        notes: for the user.
    """

    path: Path
    size: int
    sha256: str
    tar: str
    tree: str
    files: int
    notes: tuple[str, ...]


def pack(project: Project, environment: Environment, options: PackOptions, progress: Progress) -> Packed:
    """Write an environment into an archive, after it was verified.

    Raises:
        UsageError: it is none of this lock's, or the output has another suffix than an archive.
        CheckFailedError: it is not what the lock says.
        FileError: something cannot be read or written; an archive that was there still is.
    """
    output, prefix = options.output.absolute(), options.prefix.absolute()
    suffix = next((suffix for suffix in SUFFIXES if output.name.endswith(suffix)), None)
    if suffix is None:
        raise UsageError(f"{output.name} says nothing of its format", hint=f"end it with {', '.join(SUFFIXES)}")
    if output.is_relative_to(prefix):
        raise UsageError(f"{output} would lie in the environment that it is made of", hint="name another -o")
    if options.python is not None and not options.python.is_absolute():
        raise UsageError(f"--python {options.python}: an absolute path is needed, as it will be where it is unpacked")
    found = verify(project, environment, prefix, None, progress)
    if not found.sound:
        listed = "".join(f"\n  {one.path} ({one.cause})" for one in found.differences[:_SHOWN])
        raise CheckFailedError(
            f"{prefix} is not what its lock says, and was not packed{':' if listed else ''}{listed}",
            hint=f"`envsolver sync {environment.name} --prefix {prefix}` brings it there",
        )
    places = read_places(prefix)
    mark = f".{output.name}.envsolver-"
    progress.stage("writing the archive")
    try:
        sweep(output.parent, mark)
        with scratch(output.parent, mark) as folder:
            made = folder / "archive"
            tar = pack_tree(
                prefix,
                found.entries,
                made,
                suffix,
                python=options.python,
                free=() if places is None else places.files,
            )
            digest, size = file_digest(made), made.stat().st_size
            made.replace(output)
    except OSError as error:
        name = os.fsdecode(error.filename) if error.filename else str(output)
        raise FileError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    notes = found.notes
    if places is not None and places.files:
        notes += (f"{len(places.files)} files of packages of conda name {prefix}: it works at this path only",)
    return Packed(path=output, size=size, sha256=digest, tar=tar, tree=found.tree, files=found.files, notes=notes)
