"""Packages of conda put into a prefix by rattler, and made the same wherever that lies.

rattler unpacks, links, and puts the prefix into files that carry it. What it leaves to chance or to the machine is
settled here: modes, bytecode, the starters of noarch packages, and what ``conda-meta`` says of dates and caches. Every
file is then read, and held against what its package says of it.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import shutil
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from envsolver.build.assemble import Content
from envsolver.build.bundle import gather
from envsolver.build.bytecode import compile_tree
from envsolver.build.compare import scan
from envsolver.build.condacache import CondaCache, DamagedError
from envsolver.build.condameta import read_metas, write_history, write_meta
from envsolver.build.condarecord import record_of
from envsolver.build.layout import OWN_FOLDER
from envsolver.build.linking import Linker, Tree
from envsolver.build.manifest import LINK
from envsolver.build.places import STARTERS, Place, Places, normal, write_places
from envsolver.build.scripts import entry_point
from envsolver.build.shelves import Shelf
from envsolver.build.stock import together
from envsolver.build.store import Stored
from envsolver.lock.condapins import file_key
from envsolver.model.candidate import CONDA_PREFIX
from envsolver.model.errors import ArtefactError, UsageError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from envsolver.build.condameta import CondaMeta
    from envsolver.build.download import Remote
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.linking import LinkMode
    from envsolver.build.manifest import Entry
    from envsolver.build.store import Store
    from envsolver.lock.model import Pin
    from envsolver.model.ports import Progress

__all__ = ["CondaPart", "CondaSet", "CondaSite", "place"]

_TURNS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSet:
    """The packages of conda of an environment.

    Attributes:
        pins: sorted by name.
        channels: alias → URL without a slash at its end, as ``conda-meta`` names it.
        requested: match specs of the spec, by package.
    """

    pins: tuple[Pin, ...]
    channels: Mapping[str, str]
    requested: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSite:
    """Where packages of conda go.

    Attributes:
        folder: to fill; it does not exist yet.
        prefix: where it will lie, which files carry.
        interpreter: of conda, in ``folder``.
        bytecode: whether to compile.
        mode: how files get from the cache into the folder.
    """

    folder: Path
    prefix: Path
    interpreter: Interpreter
    bytecode: bool
    mode: LinkMode


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPart:
    """What was put into a folder.

    Attributes:
        contents: the packages, which lie in their place.
        own: files that are of no package.
        received: bytes downloaded.
        notes: for the user.
    """

    contents: tuple[Content, ...]
    own: tuple[Entry, ...]
    received: int
    notes: tuple[str, ...]


def place(
    store: Store,
    wanted: CondaSet,
    site: CondaSite,
    remotes: Callable[[], AbstractAsyncContextManager[Remote]],
    progress: Progress,
) -> CondaPart:
    """Put packages of conda into a new folder.

    Args:
        store: in which archives arrive, and whose cache rattler unpacks into.
        wanted: the packages.
        site: where they go.
        remotes: opens what to fetch them from.
        progress: is told.

    Raises:
        NetworkError: a package cannot be had.
        ArtefactError: one is not what the lock says, or not safe to install.
        FileError: a channel does not have one, or the interpreter cannot compile.
        UsageError: the prefix is too long for a package.
        OSError: something cannot be written.
    """
    shelf = CondaCache(store)
    received = 0
    for turn in range(1, _TURNS + 1):
        missing = [pin for pin in wanted.pins if shelf.facts(pin) is None]
        if missing:
            received += gather(store, missing, remotes(), shelf.folder, progress)
            for pin in missing:
                shelf.know(pin)
        _check_length(shelf, wanted, site)
        try:
            progress.stage("installing packages of conda")
            metas = _install(shelf, wanted, site)
            found = _settle(site, metas)
        except DamagedError as error:
            if turn == _TURNS:
                raise ArtefactError(error.subject, error.reason) from error
            # The cache lost something, or was written into: what it has is fetched and unpacked once more.
            shelf.forget(wanted.pins, error.folder)
            shutil.rmtree(site.folder, ignore_errors=True)
        else:
            shelf.drop_archives(wanted.pins)
            compiled = _compile(store, wanted, site, found, progress) if site.bytecode else {}
            return replace(_finish(wanted, site, metas, found, compiled), received=received)
    raise AssertionError  # the last turn returns or raises


def _check_length(cache: CondaCache, wanted: CondaSet, site: CondaSite) -> None:
    """Refuse a prefix for which a binary has no room.

    Raises:
        UsageError: it is too long.
    """
    rooms = [(facts["room"], pin) for pin in wanted.pins if (facts := cache.facts(pin)) and facts.get("room")]
    length = len(os.fsencode(site.prefix))
    if rooms and (least := min(rooms, key=lambda one: one[0]))[0] < length:
        room, pin = least
        raise UsageError(
            f"{pin.file.filename} has room for a path of {room} characters, and {site.prefix} has {length}",
            hint="name a shorter --prefix",
        )


def _install(cache: CondaCache, wanted: CondaSet, site: CondaSite) -> list[CondaMeta]:
    from rattler import install
    from rattler.config import Config
    from rattler.exceptions import InstallerError, LinkError, TransactionError

    records = [
        record_of(pin, cache.facts(pin) or {}, cache.archive(pin), wanted.channels[pin.file.index])
        for pin in wanted.pins
    ]
    links = "true" if site.mode == "auto" else "false"
    config = Config.from_toml(f"allow-hard-links = {links}\n")
    # Where an installation fails, parts of it may go on for a moment: the next one must not meet them.
    work = site.folder.with_name(f"{site.folder.name}-{os.urandom(4).hex()}")
    work.mkdir()
    try:
        asyncio.run(
            install(
                records,
                work,
                cache_dir=cache.unpacked,
                execute_link_scripts=False,
                show_progress=False,
                alternative_target_prefix=site.prefix,
                config=config,
            )
        )
    except (InstallerError, LinkError, TransactionError) as error:
        raise DamagedError(
            "packages of conda", f"rattler cannot install them: {' '.join(str(error).split())}"
        ) from error
    work.rename(site.folder)
    return read_metas(site.folder)


def _settle(site: CondaSite, metas: Sequence[CondaMeta]) -> dict[str, Entry]:
    """Settle what rattler leaves open; return path → entry of all that is there, read and checked."""
    for meta in metas:
        for path, (module, attribute) in meta.starters().items():
            _write(site.folder / path, entry_point(module, attribute))
    _write_modes(site.folder)
    places = _places(site, metas)
    (site.folder / OWN_FOLDER).mkdir()
    write_places(site.folder, places)
    found = {entry.path: entry for entry in scan(site.folder, lies_at=site.prefix)}
    for meta in metas:
        for path, declared in meta.declared().items():
            entry = found.get(path)
            if entry is not None and entry.mode != LINK and entry.sha256 != declared:
                raise DamagedError(meta.filename, _why_other(site, places, path), meta.unpacked)
            if entry is None and not path.endswith(".pyc"):
                raise DamagedError(meta.filename, f"{path} is not there after installing it", meta.unpacked)
    return found


def _why_other(site: CondaSite, places: Places, path: str) -> str:
    if path in places.files:
        return f"{path} cannot carry the path {site.prefix}: it has that text, or none, where it should be replaced"
    return f"{path} is not what the package says of it"


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(0o755)


def _write_modes(root: Path) -> None:
    """Give files the modes 644 and 755, take bytecode away, and refuse links that lead out of the prefix."""
    for folder, folders, names in os.walk(root):
        here = os.path.relpath(folder, root)
        for name in (*names, *folders):
            path = os.path.join(folder, name)  # noqa: PTH118 - thousands of files
            if os.path.islink(path):  # noqa: PTH114 - as above
                target = os.readlink(path)  # noqa: PTH115 - as above
                if posixpath.isabs(target) or posixpath.normpath(posixpath.join(here, target)).startswith(".."):
                    raise ArtefactError(
                        f"{here}/{name}".removeprefix("./"), f"it is a link out of the prefix: {target}"
                    )
            elif name in names:
                if folder.endswith("__pycache__") and name.endswith(".pyc"):
                    os.unlink(path)  # noqa: PTH108 - as above
                else:
                    os.chmod(path, 0o755 if os.stat(path).st_mode & 0o111 else 0o644)  # noqa: PTH101, PTH116 - as above
        if folder.endswith("__pycache__") and not os.listdir(folder):  # noqa: PTH208 - as above
            os.rmdir(folder)  # noqa: PTH106 - as above


def _places(site: CondaSite, metas: Sequence[CondaMeta]) -> Places:
    """Return how the prefix stands in the files that carry it."""
    files = {}
    for meta in metas:
        declared = meta.declared()
        for path, (placeholder, binary) in meta.placeholders().items():
            full = site.folder / path
            if full.is_file():
                data = full.read_bytes()
                if placeholder.encode() in data:
                    raise DamagedError(meta.filename, f"{path} still has the place where it was built", meta.unpacked)
                files[path] = _place(site, data, Place(placeholder=placeholder, binary=binary), declared.get(path))
    return Places(prefix=str(site.prefix), files=files)


def _place(site: CondaSite, data: bytes, made: Place, declared: str | None) -> Place:
    """Return how the prefix stands in a file, as far as its digest in the package tells."""
    if not made.binary:
        for starter in STARTERS:
            found = replace(made, starter=starter)
            if sha256(normal(data, str(site.prefix), found)).hexdigest() == declared:
                return found
    return made


def _compile(
    store: Store, wanted: CondaSet, site: CondaSite, found: Mapping[str, Entry], progress: Progress
) -> dict[str, Stored]:
    """Compile the modules of each package by itself; return package → bytecode, which lies in its place then."""
    progress.stage("compiling packages of conda")
    digests = {pin.package.name.removeprefix(CONDA_PREFIX): file_key(pin.file) for pin in wanted.pins}
    metas = read_metas(site.folder)
    places = _places(site, metas).files
    compiled: dict[str, Stored] = {}
    linker = Linker(site.folder, site.mode)

    def one(meta: CondaMeta) -> None:
        library = f"lib/python{site.interpreter.minor}/"
        modules = [
            path
            for path in meta.files
            if path.startswith(library) and path.endswith(".py") and path not in places and path in found
        ]
        if not modules:
            return
        digest = digests[meta.name]
        stored = store.get("bytecode", digest)
        if stored is None:
            sources = site.folder.parent / "sources" / meta.name
            linked = Linker(sources, "auto")
            linked.link([Tree(meta.filename, site.folder, [found[path] for path in modules])])
            stored = store.make("bytecode", digest, lambda target: compile_tree(site.interpreter, sources, target))
            shutil.rmtree(sources)
        compiled[meta.name] = stored

    async def all_of(chosen: Sequence[CondaMeta]) -> None:
        hands = asyncio.Semaphore(os.cpu_count() or 1)

        async def in_turn(meta: CondaMeta) -> None:
            async with hands:
                await asyncio.to_thread(one, meta)

        await together(in_turn(meta) for meta in chosen)

    # The standard library first: what an interpreter compiles may depend on how it comes by its own modules.
    for chosen in ([m for m in metas if m.name == "python"], [m for m in metas if m.name != "python"]):
        asyncio.run(all_of(chosen))
        there = [(meta.filename, compiled[meta.name]) for meta in chosen if meta.name in compiled]
        linker.link(Tree(filename, stored.folder, stored.entries) for filename, stored in there)
    return compiled


def _finish(
    wanted: CondaSet,
    site: CondaSite,
    metas: Sequence[CondaMeta],
    found: Mapping[str, Entry],
    compiled: Mapping[str, Stored],
) -> CondaPart:
    """Write what conda reads of an environment; return what there is."""
    pins = {pin.package.name.removeprefix(CONDA_PREFIX): pin for pin in wanted.pins}
    owner = {path: meta.name for meta in metas for path in meta.files}
    contents, notes = [], []
    taken: set[str] = set()
    for meta in metas:
        pin = pins[meta.name]
        bytecode = compiled[meta.name].entries if meta.name in compiled else ()
        entries = [found[path] for path in sorted(set(meta.files)) if path in found and owner[path] == meta.name]
        taken |= {entry.path for entry in entries}
        channel = wanted.channels[pin.file.index]
        entries.append(
            write_meta(site.folder, meta, pin.file, channel, wanted.requested.get(meta.name, ()), found, bytecode)
        )
        shelf = Shelf(
            wheel=Stored(folder=site.folder, entries=tuple(sorted(entries))),
            bytecode=Stored(folder=site.folder, entries=tuple(bytecode)) if bytecode else None,
        )
        contents.append(
            Content(
                name=pin.package.name,
                version=pin.package.version,
                sha256=file_key(pin.file),
                shelf=shelf,
                in_place=True,
            )
        )
        if displaced := meta.displaced():
            shown = f"{displaced[0]}{', …' if len(displaced) > 1 else ''}"
            notes.append(f"{meta.name} and another package of conda both bring {shown}; that of the other is in place")
        if any(path.endswith(f"{meta.name}-post-link.sh") for path in meta.files):
            notes.append(f"{meta.name} has a script that conda runs after installing it; it was not run")
    if by_md5 := [pin.file.filename for pin in wanted.pins if pin.file.sha256 is None]:
        notes.append(f"held against an md5, for their channel gives no sha256: {', '.join(by_md5)}")
    own = [entry for path, entry in found.items() if path not in taken and not path.startswith("conda-meta/")]
    urls = [f"{wanted.channels[pin.file.index]}/{pin.file.subdir}/{pin.file.filename}" for pin in wanted.pins]
    own.append(write_history(site.folder, urls, wanted.requested))
    return CondaPart(contents=tuple(contents), own=tuple(sorted(own)), received=0, notes=tuple(notes))
