"""An environment put together: linked from the store in a folder beside its place, then renamed to it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from envsolver.build.layout import FILE_TIME, Layout
from envsolver.build.linking import Linker, Tree
from envsolver.build.manifest import MANIFEST, PYTHON, Entry, Manifest, Part, dumps, link_entry
from envsolver.build.scratch import scratch, sweep
from envsolver.model.errors import UsageError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from envsolver.build.interpreter import Interpreter
    from envsolver.build.linking import LinkMode
    from envsolver.build.shelves import Shelf

__all__ = ["Content", "Plan", "Way", "assemble", "beside", "check_prefix", "plan", "put"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One package of an environment: what its file is, and where it lies.

    Attributes:
        name: canonical.
        version: of it.
        sha256: of its file.
        shelf: what it is made of.
        in_place: whether that lies in the environment already, and not in the store.
    """

    name: str
    version: str
    sha256: str
    shelf: Shelf
    in_place: bool = False


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an environment is built, beside what it is made of.

    Attributes:
        environment: its name.
        platform: of the lock.
        python: minor version.
        groups: that it has beside the base.
        bytecode: whether it is compiled.
    """

    environment: str
    platform: str
    python: str
    groups: tuple[str, ...]
    bytecode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be linked into an environment, and the manifest that follows from it.

    Attributes:
        manifest: of the whole.
        trees: folder of the store and the files of it that are taken.
        replaced: paths of files in place of which other packages have theirs.
        virtual: whether it stands over an interpreter that lies elsewhere.
        notes: for the user.
    """

    manifest: Manifest
    trees: tuple[tuple[Content, Path, tuple[Entry, ...]], ...]
    replaced: tuple[str, ...]
    virtual: bool
    notes: tuple[str, ...]


def plan(contents: Sequence[Content], way: Way, own: tuple[Entry, ...] | None = None) -> Plan:
    """Decide what an environment will hold. Nothing is written, or read from the store.

    Args:
        contents: the packages; where two bring one file, that of the later name stays, and one from the store rather
            than one that is in place.
        way: how it is built.
        own: files that are of no package and in place; None: those of a virtual environment, which are to be written.
    """
    contents = sorted(contents, key=lambda content: (not content.in_place, content.name))
    kept, notes = _kept(contents)
    trees: list[tuple[Content, Path, tuple[Entry, ...]]] = []
    replaced: set[str] = set()
    parts = [Part(name="", version="", sha256="", entries=_own_entries(way.python) if own is None else own)]
    for content, (wheel, compiled) in zip(contents, kept, strict=True):
        entries = tuple(sorted(wheel + compiled))
        if content.in_place:
            replaced |= {entry.path for entry in _all_of(content)} - {entry.path for entry in entries}
        else:
            trees.append((content, content.shelf.wheel.folder, tuple(wheel)))
            if content.shelf.bytecode is not None:
                trees.append((content, content.shelf.bytecode.folder, tuple(compiled)))
        parts.append(Part(name=content.name, version=content.version, sha256=content.sha256, entries=entries))
    parts.sort(key=lambda part: part.name)
    manifest = Manifest(
        environment=way.environment,
        platform=way.platform,
        python=way.python,
        groups=tuple(sorted(set(way.groups))),
        bytecode=way.bytecode,
        parts=tuple(parts),
    )
    return Plan(
        manifest=manifest,
        trees=tuple(trees),
        replaced=tuple(sorted(replaced)),
        virtual=own is None,
        notes=tuple(notes),
    )


def _all_of(content: Content) -> tuple[Entry, ...]:
    shelf = content.shelf
    return shelf.wheel.entries + (shelf.bytecode.entries if shelf.bytecode else ())


def assemble(folder: Path, planned: Plan, interpreter: Interpreter, mode: LinkMode = "auto") -> tuple[str, ...]:
    """Fill a folder with what of an environment is not in place; return notes for the user.

    Args:
        folder: to fill.
        planned: what with.
        interpreter: that it is for.
        mode: ``auto``: hard links where the file system can; ``copy``: files of its own.

    Raises:
        ArtefactError: two packages need one path as file and as folder.
        FileNotFoundError: the store was emptied meanwhile.
        OSError: something cannot be written.
    """
    for replaced in planned.replaced:
        (folder / replaced).unlink(missing_ok=True)
    linker = Linker(folder, mode)
    linker.link(
        Tree(f"{content.name} {content.version}", source, entries) for content, source, entries in planned.trees
    )
    if planned.virtual:
        _write_own(folder, interpreter)
    path = folder / MANIFEST
    path.parent.mkdir(exist_ok=True)
    _write(path, dumps(planned.manifest).encode())
    if linker.copied and mode == "auto":
        return ("the store lies on another file system than the environment, so files were copied, not linked",)
    return ()


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


def _config(home: str) -> bytes:
    return f"home = {home}\ninclude-system-site-packages = false\n".encode()


def _own_entries(minor: str) -> tuple[Entry, ...]:
    config = _config(PYTHON)
    return (
        link_entry("bin/python", PYTHON),
        link_entry("bin/python3", "python"),
        link_entry(f"bin/python{minor}", "python"),
        Entry("pyvenv.cfg", "644", sha256(config).hexdigest(), len(config)),
    )


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o644)
    os.utime(path, (FILE_TIME, FILE_TIME))


def _write_own(folder: Path, interpreter: Interpreter) -> None:
    """Write what makes a prefix an environment: its configuration, and the links to the interpreter."""
    _write(folder / "pyvenv.cfg", _config(str(interpreter.path.parent)))
    (folder / Layout(interpreter.minor).site_packages).mkdir(parents=True, exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "python").symlink_to(interpreter.path)
    for name in ("python3", f"python{interpreter.minor}"):
        (folder / "bin" / name).symlink_to("python")
