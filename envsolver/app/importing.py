"""The use case ``import``: a spec made from a file of another tool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envsolver.app.files import write_atomic
from envsolver.app.foreign import is_lock, read_locks
from envsolver.app.starting import check_spec, default_python, new_spec_path
from envsolver.formats.condaenv import read_environment
from envsolver.formats.imported import Imported, Written
from envsolver.formats.lockimport import take_over
from envsolver.formats.piplines import Place, compiled_for, read_requirements
from envsolver.formats.pixifile import read_pixi
from envsolver.formats.projectfile import read_pyproject
from envsolver.formats.spectext import NewIndex, NewSpec, dumps
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import FileError, SpecError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.target import KNOWN_PLATFORMS, LATEST_PATCH
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.formats.imported import ImportedIndex
    from envsolver.formats.piplines import Include

__all__ = ["ImportOptions", "ImportResult", "import_file", "write_imported"]

MAX_BYTES = 8 * 1024 * 1024
"""A larger file is no list of requirements."""

_ANONYMOUS = frozenset(
    {"requirements", "environment", "pyproject", "pixi", "conda-lock", "env", "dev-requirements", "requirements-dev"}
)
"""File names that say nothing about what is in them: the folder's name says more."""

_TORCH = ("torch", "torchvision", "torchaudio", "pytorch-triton*")
"""What the indexes of pytorch.org are for. They hold copies of many other packages, too, often older ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the user says beside the file.

    Attributes:
        name: of the environment; None: what the file or its name tells.
        python: None: what the file tells, else the newest that it admits.
        platforms: empty: what the file tells, else linux-64.
        cuda: version of the CUDA toolkit that the environment is for; None: what a lock tells.
    """

    name: str | None = None
    python: str | None = None
    platforms: tuple[str, ...] = ()
    cuda: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """A spec that was made.

    Attributes:
        name: of the environment.
        path: where the project would have it, absolute.
        text: YAML, valid as a spec.
        notes: what was left out, and what was decided, in words.
        start: a lock of another tool whose versions the first lock can keep: the file itself, or one beside it.
    """

    name: str
    path: Path
    text: str
    notes: tuple[str, ...]
    start: Path | None = None


def import_file(folder: Path, source: Path, options: ImportOptions) -> ImportResult:
    """Make a spec from a file of pip or conda, or from a lock with packages of conda. Writes nothing.

    Args:
        folder: of the project that the spec is for; it need not have ``specs/``.
        source: the file.
        options: what the user says beside it.

    Raises:
        SpecError: something in the file has no counterpart in a spec and must not get lost; all of it at once.
        UsageError: the format is none that can be read, there is such a spec already, or none can be made.
        FileError: a file cannot be read.
    """
    into = Imported()
    beside = _read(folder.resolve(), source, into, options.platforms)
    python = options.python or _python(into)
    indexes = _new_indexes(into, folder.resolve())
    if into.problems:
        raise SpecError(into.problems)
    platforms = options.platforms or _platforms(into)
    name = options.name or _name(into, source)
    path = new_spec_path(folder, name)
    spec = NewSpec(
        comments=(
            f"Made from {source.name} by `envsolver import`. `envsolver lock {name}` resolves it.",
            "`envsolver schema` has all keys: groups, constraints, overrides, gpu, extends and more.",
        ),
        python=python,
        platforms=platforms,
        indexes=indexes,
        channels=[written.text for written in into.channels],
        conda=list(_of_conda(into, platforms)),
        requirements=[written.text for written in into.requirements],
        constraints=[written.text for written in into.constraints],
        groups={group: [written.text for written in listed] for group, listed in into.groups.items()},
        live=into.live,
        cuda=options.cuda or (into.cuda.text if into.cuda else None),
        glibc=into.glibc.text if into.glibc else None,
    )
    text = dumps(spec)
    check_spec(path.name, text, beside)
    start = source if is_lock(source.name, _text(source)) else _lock_beside(source)
    return ImportResult(name=name, path=path, text=text, notes=tuple(dict.fromkeys(into.notes)), start=start)


def write_imported(result: ImportResult) -> None:
    """Write the spec into the project.

    Raises:
        FileError: it cannot be written.
    """
    write_atomic(result.path, result.text.encode())


# Reading


def _read(folder: Path, source: Path, into: Imported, platforms: Sequence[str]) -> dict[str, bytes]:
    """Read a file and what it includes; return the files of the project that the spec will refer to."""
    text = _text(source)
    shown = _shown(source)
    if is_lock(source.name, text):
        take_over(read_locks(source, text, platforms), shown, into)
    elif source.name == "pixi.toml":
        read_pixi(text, shown, into)
    elif source.suffix == ".toml":
        live = _live_path(folder, source)
        read_pyproject(text, shown, into, live=live)
        return {live: text.encode()} if live else {}
    elif source.suffix in {".yml", ".yaml"}:
        _follow(read_environment(text, Place(shown), into), source, into, {})
    elif source.suffix in {".txt", ".in", ".pip", ""}:
        if series := compiled_for(text):
            into.python = Written(series, Origin(shown))
        _follow(read_requirements(text, Place(shown), into), source, into, {source.resolve(): False})
    else:
        raise UsageError(f"{shown}: not a format that can be imported", hint=_KNOWN)
    return {}


_KNOWN = (
    "what can be: requirements.in, requirements.txt, pyproject.toml, environment.yml, pixi.toml, conda-lock.yml,"
    " pixi.lock and lists of conda (@EXPLICIT)"
)


def _of_conda(into: Imported, platforms: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what is asked for of conda on some of the platforms, with these, where they are not all."""
    for written in into.conda:
        only = tuple(platform for platform in platforms if platform in written.platforms)
        if only or not written.platforms:
            yield written.text, () if len(only) == len(platforms) else only
        else:
            where = " and ".join(written.platforms)
            into.notes.append(f"{written.origin}: left out {written.text}, which is asked for on {where} alone")


def _follow(includes: Iterator[Include], source: Path, into: Imported, seen: dict[Path, bool]) -> None:
    """Read what a file includes, where it includes it. Each file is read once, a circle ends itself.

    Args:
        includes: of the file, as they are met.
        source: the file, against which paths are resolved.
        into: gets what they say.
        seen: files read so far → whether as constraints.
    """
    for include in includes:
        if "://" in include.path:
            into.refuse(
                f"{include.path} is not on this machine", include.origin, "download it, and name the file instead"
            )
            continue
        if "\0" in include.path:
            into.refuse(f"{include.path!r} is no path", include.origin)
            continue
        path = (source.parent / include.path).resolve()
        if seen.get(path) in {include.constraint, False}:
            continue
        seen[path] = include.constraint
        try:
            text = _text(path)
        except FileError as error:
            into.refuse(str(error), include.origin)
            continue
        place = Place(_shown(source.parent / include.path), include.constraint)
        _follow(read_requirements(text, place, into), path, into, seen)


def _text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        FileError: it cannot be read, or is no text.
    """
    shown = _shown(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > MAX_BYTES:
        raise FileError(f"{shown} is too large for a list of requirements")
    if b"\0" in data:  # nothing that a file of this kind names can have one, paths least of all
        raise FileError(f"{shown} is no text: it has a NUL byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{shown} is not UTF-8 (byte {error.start})") from error


def _shown(path: Path) -> str:
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _live_path(folder: Path, source: Path) -> str | None:
    """Return the path by which a spec refers to a project file, None if it lies outside the project."""
    try:
        path = source.resolve().relative_to(folder).as_posix()
    except ValueError:
        return None
    return path if re.fullmatch(r"[^\[\]:\s]+\.toml", path) else None


# Deciding


def _platforms(into: Imported) -> tuple[str, ...]:
    unknown = [one for one in into.platforms if one not in KNOWN_PLATFORMS]
    if unknown:
        into.notes.append(f"left out {', '.join(unknown)}: a spec knows {', '.join(KNOWN_PLATFORMS)}")
    return tuple(dict.fromkeys(one for one in into.platforms if one in KNOWN_PLATFORMS)) or ("linux-64",)


def _lock_beside(source: Path) -> Path | None:
    """Return the lock that was probably made from a file, if it lies beside it."""
    names = {"environment.yml": "conda-lock.yml", "environment.yaml": "conda-lock.yml", "pixi.toml": "pixi.lock"}
    path = source.with_name(names[source.name]) if source.name in names else None
    return path if path is not None and path.is_file() else None


def _name(into: Imported, source: Path) -> str:
    stem = into.name or source.stem
    if stem in _ANONYMOUS:
        stem = source.resolve().parent.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "imported"


def _python(into: Imported) -> str:
    if into.python is not None:
        return into.python.text
    preferred = default_python()
    if into.requires_python is None:
        into.notes.append(f"python is {preferred}, for the file names none: --python names another")
        return preferred
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text, origin = into.requires_python.text, into.requires_python.origin
    try:
        specifier = SpecifierSet(text)
    except InvalidSpecifier:
        into.refuse(f"{text!r} is no specifier of Python versions (PEP 440)", origin, "--python names one")
        return preferred
    admitted = [series for series, patch in LATEST_PATCH.items() if specifier.contains(patch)]
    if not admitted:
        into.refuse(f"no Python from {min(LATEST_PATCH, key=_order)} on is {text}", origin, "--python names one")
        return preferred
    chosen = preferred if preferred in admitted else max(admitted, key=_order)
    into.notes.append(f"python is {chosen}, for the file admits {text}: --python names another")
    return chosen


def _order(series: str) -> tuple[int, ...]:
    return tuple(int(part) for part in series.split("."))


def _new_indexes(into: Imported, folder: Path) -> list[NewIndex]:
    torch = [index for index in into.indexes if _is_torch(index)]
    chosen = _best_torch(torch, into)
    found: dict[str, NewIndex] = {}
    for index in into.indexes:
        if index in torch and index is not chosen:
            into.notes.append(
                f"{index.origin}: left out {index.url}: torch comes from one index, {chosen and chosen.url}"
            )
            continue
        if index.kind == "default" and _is_default(index.url):
            continue
        new = _new_index(index, into, folder, bound=index is chosen)
        if new is not None:
            alias, number = new.alias, 2
            while new.alias in found:
                new = NewIndex(
                    alias=f"{alias}-{number}",
                    url=new.url,
                    packages=new.packages,
                    find_links=new.find_links,
                    note=new.note,
                )
                number += 1
            found[new.alias] = new
    return list(found.values())


def _new_index(index: ImportedIndex, into: Imported, folder: Path, *, bound: bool) -> NewIndex | None:
    url = index.url
    if "://" not in url:
        # pip takes the path from the file that it stands in.
        path = (Path(index.origin.path).parent / url).resolve()
        if not path.is_relative_to(folder):
            into.refuse(f"the folder {url!r} lies outside the project", index.origin, "move it below the project")
            return None
        url = path.relative_to(folder).as_posix()
    if bound:
        note = "It holds copies of other packages, too: only what is bound to it comes from there."
    else:
        into.notes.append(
            f"{index.origin}: {url} is asked first for every package; name those that are to come from it under"
            " 'packages'"
        )
        note = "Asked first for every package that is bound to no other: 'packages: [...]' binds some to it."
    return NewIndex(
        alias=_alias(url, torch=bound),
        url=url,
        packages=_TORCH if bound else (),
        find_links=index.kind == "find-links",
        note=note,
    )


def _is_default(url: str) -> bool:
    """Say whether a URL is that of the index which pip asks where nothing else is configured."""
    from pip._internal.models.index import PyPI

    return url.rstrip("/") == PyPI.simple_url.rstrip("/")


def _is_torch(index: ImportedIndex) -> bool:
    host = urlsplit(index.url).hostname or ""
    return host == "pytorch.org" or host.endswith(".pytorch.org")


def _best_torch(indexes: Sequence[ImportedIndex], into: Imported) -> ImportedIndex | None:
    """Return the one whose variant a requirement names (``+cu116``), else the first."""
    listed = [*into.requirements, *into.constraints, *(item for group in into.groups.values() for item in group)]
    variants = {match[1] for written in listed for match in re.finditer(r"\+([a-z]+[0-9.]*)\b", written.text)}
    named = [index for index in indexes if urlsplit(index.url).path.rstrip("/").rsplit("/", 1)[-1] in variants]
    return next(iter([*named, *indexes]), None)


def _alias(url: str, *, torch: bool) -> str:
    parts = urlsplit(url)
    last = [part for part in parts.path.split("/") if part and part not in {"simple", "whl", "pypi"}]
    word = last[-1] if last else (parts.hostname or "index")
    word = word.removesuffix(".html")
    if torch:
        word = f"pytorch-{word}" if last else "pytorch"
    alias = normalize_name(re.sub(r"[^A-Za-z0-9._-]+", "-", word)).strip("-")
    return f"{alias}-index" if alias in {"default", "direct", ""} else alias
