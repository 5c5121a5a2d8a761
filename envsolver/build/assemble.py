"""An environment put together: linked from the store in a folder beside its place, then renamed to it."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

from envsolver.build.layout import Layout
from envsolver.build.manifest import MANIFEST, PYTHON, Entry, Manifest, Part, dumps, link_entry, normal_config
from envsolver.build.scratch import scratch, sweep
from envsolver.build.unpack import FILE_TIME
from envsolver.model.errors import ArtefactError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from envsolver.build.interpreter import Interpreter
    from envsolver.build.stock import Shelf

__all__ = ["Content", "LinkMode", "assemble", "beside", "check_prefix", "put"]

LinkMode: TypeAlias = Literal["auto", "copy"]
_FICLONE = 0x40049409
"""``_IOW(0x94, 9, int)`` of linux/fs.h: share the blocks of another file (btrfs, XFS)."""
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One package of an environment: what its wheel is, and where it lies in the store."""

    name: str
    version: str
    sha256: str
    shelf: Shelf


def check_prefix(prefix: Path) -> None:
    """Refuse to build where something else is.

    Raises:
        UsageError: there is something that is no environment of envsolver's.
    """
    if (prefix / MANIFEST).is_file():
        return
    if prefix.is_dir() and not any(prefix.iterdir()):
        return
    if prefix.exists() or prefix.is_symlink():
        raise UsageError(
            f"{prefix} is there already, and envsolver did not build it",
            hint="name another --prefix, or remove it yourself",
        )


@contextmanager
def beside(prefix: Path) -> Iterator[Path]:
    """Return a folder in which to build what is to lie at ``prefix``; deleted on leaving unless it was put there."""
    mark = f".{prefix.name}.envsolver-"
    sweep(prefix.parent, mark)
    with scratch(prefix.parent, mark) as folder:
        yield folder


def put(folder: Path, prefix: Path) -> None:
    """Rename a finished environment to its place; one that is there goes.

    Raises:
        OSError: it cannot be done; what was there still is.
    """
    if not (prefix / MANIFEST).exists():
        folder.rename(prefix)  # over nothing, or over an empty folder
        return
    with scratch(prefix.parent, f".{prefix.name}.envsolver-") as away:
        prefix.rename(away / "old")
        try:
            folder.rename(prefix)
        except BaseException:
            (away / "old").rename(prefix)
            raise


def assemble(
    folder: Path,
    contents: Sequence[Content],
    interpreter: Interpreter,
    *,
    environment: str,
    platform: str,
    groups: Sequence[str],
    bytecode: bool,
    mode: LinkMode = "auto",
) -> tuple[Manifest, tuple[str, ...]]:
    """Fill an empty folder with an environment.

    Args:
        folder: to fill.
        contents: the packages; where two bring one file, that of the later name stays.
        interpreter: that it is for.
        environment: its name.
        platform: of the lock.
        groups: that it has beside the base.
        bytecode: whether it is compiled.
        mode: ``auto``: hard links where the file system can; ``copy``: files of its own.

    Returns:
        The manifest, and notes for the user.

    Raises:
        ArtefactError: two packages need one path as file and as folder.
        FileNotFoundError: the store was emptied meanwhile.
        OSError: something cannot be written.
    """
    contents = sorted(contents, key=lambda content: content.name)
    kept, notes = _kept(contents)
    linker = _Linker(folder, mode)
    for content, (wheel, compiled) in zip(contents, kept, strict=True):
        linker.link(content, content.shelf.wheel.folder, wheel)
        if content.shelf.bytecode is not None:
            linker.link(content, content.shelf.bytecode.folder, compiled)
    own = _own_files(folder, interpreter)
    parts = [
        Part(name=content.name, version=content.version, sha256=content.sha256, entries=tuple(sorted(wheel + compiled)))
        for content, (wheel, compiled) in zip(contents, kept, strict=True)
    ]
    manifest = Manifest(
        environment=environment,
        platform=platform,
        python=interpreter.minor,
        groups=tuple(sorted(groups)),
        bytecode=bytecode,
        parts=(Part(name="", version="", sha256="", entries=own), *parts),
    )
    path = folder / MANIFEST
    path.parent.mkdir()
    path.write_text(dumps(manifest), encoding="utf-8")
    if linker.copied and mode == "auto":
        notes.append("the store lies on another file system than the environment, so files were copied, not linked")
    return manifest, tuple(notes)


def _kept(contents: Sequence[Content]) -> tuple[list[tuple[list[Entry], list[Entry]]], list[str]]:
    """Return what is taken of each package's files and bytecode, and notes on what two packages bring."""
    owners: dict[str, int] = {}
    digests: dict[str, str] = {}
    shared = False
    clashes: dict[tuple[int, int], str] = {}
    for number, content in enumerate(contents):
        for entry in content.shelf.wheel.entries:
            if (before := owners.get(entry.path)) is not None:
                shared = True
                if digests[entry.path] != entry.sha256:
                    clashes.setdefault((before, number), entry.path)
            owners[entry.path], digests[entry.path] = number, entry.sha256
    found = []
    for number, content in enumerate(contents):
        wheel = list(content.shelf.wheel.entries)
        compiled = list(content.shelf.bytecode.entries) if content.shelf.bytecode else []
        if shared:
            wheel = [entry for entry in wheel if owners[entry.path] == number]
            # Bytecode is believed unseen, so it must be of the very module that lies beside it.
            compiled = [entry for entry in compiled if owners[_source(entry.path)] == number]
        found.append((wheel, compiled))
    notes = [
        f"{contents[one].name} and {contents[other].name} both bring {path}; that of {contents[other].name} is in place"
        for (one, other), path in sorted(clashes.items())
    ]
    return found, notes


def _source(compiled: str) -> str:
    folder, _, name = compiled.rpartition("/")
    return f"{folder.removesuffix('/__pycache__')}/{name.rsplit('.', 2)[0]}.py"


class _Linker:
    """Puts files of the store into a folder."""

    def __init__(self, root: Path, mode: LinkMode) -> None:
        self._root = f"{root}{os.sep}"
        self._folders: set[str] = set()
        self._links = mode == "auto"
        self.copied = False

    def link(self, content: Content, source: Path, entries: Sequence[Entry]) -> None:
        """Put some files of a tree into place."""
        base = f"{source}{os.sep}"
        folder = ""
        try:
            for entry in entries:
                parent = entry.path.rpartition("/")[0]
                if parent != folder:
                    folder = parent
                    if folder not in self._folders:
                        os.makedirs(self._root + folder, exist_ok=True)  # noqa: PTH103 - thousands of folders
                        self._folders.add(folder)
                if self._links:
                    try:
                        os.link(base + entry.path, self._root + entry.path)
                        continue
                    except OSError as error:
                        if error.errno not in _NO_LINKS:
                            raise
                        # A file with too many links is alone in that; anything else holds for all.
                        self._links = error.errno == errno.EMLINK
                self.copied = True
                _copy(base + entry.path, self._root + entry.path, int(entry.mode, 8))
        except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
            raise ArtefactError(
                f"{content.name} {content.version}",
                f"another package has a file where it needs a folder, or the reverse: {_named(error, self._root)}",
            ) from error


def _named(error: OSError, root: str) -> str:
    return os.fsdecode(error.filename2 or error.filename or "").removeprefix(root)


def _copy(source: str, target: str, mode: int) -> None:
    import fcntl

    with open(source, "rb") as old, open(target, "xb") as new:  # noqa: PTH123 - thousands of files
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)
        os.fchmod(new.fileno(), mode)
    os.utime(target, (FILE_TIME, FILE_TIME))


def _own_files(folder: Path, interpreter: Interpreter) -> tuple[Entry, ...]:
    """Write what makes a prefix an environment: its configuration, and the links to the interpreter."""
    config = f"home = {interpreter.path.parent}\ninclude-system-site-packages = false\n".encode()
    path = folder / "pyvenv.cfg"
    path.write_bytes(config)
    path.chmod(0o644)
    os.utime(path, (FILE_TIME, FILE_TIME))
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "python").symlink_to(interpreter.path)
    entries = [
        Entry("pyvenv.cfg", "644", sha256(normal_config(config)).hexdigest(), len(normal_config(config))),
        link_entry("bin/python", PYTHON),
    ]
    for name in ("python3", f"python{interpreter.minor}"):
        (folder / "bin" / name).symlink_to("python")
        entries.append(link_entry(f"bin/{name}", "python"))
    (folder / Layout(interpreter.minor).site_packages).mkdir(parents=True, exist_ok=True)
    return tuple(sorted(entries))
