"""A pinned requirements file, as pip-tools, uv or a person writes them, with the comments that say who requires what.

Reference: https://pip.pypa.io/en/stable/reference/requirements-file-format/. pip's own parser opens files and drops
comments; here a text is read, and ``# via`` is what the graph is made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envsolver.formats.foreign import ForeignLock, ForeignLockError, ForeignPackage, ForeignRoot
from envsolver.model.candidate import normalize_name
from envsolver.spec.checks import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["loads"]

_COMMENT = re.compile(r"(?:^|\s)#\s?(.*)$")
_OPTION = re.compile(r"\s--([a-z-]+)(?:[ =](\S+))?")
_INDEX = re.compile(r"(?:-i|--index-url)[ =](\S+)")
_OTHER_FILE = re.compile(r"(?:-r|-e|--requirement|--editable)(?:[ =]|$)|-[re]\S")
_WHEEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9._]*)-[^-]+(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")
_FILE_VERSION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._]*?-(\d[^-]*?)(?:-.*\.whl|\.tar\.gz|\.tar\.bz2|\.zip)$")


@dataclass(slots=True)
class _Entry:
    line: int
    text: str
    comments: list[str] = field(default_factory=list)


def loads(text: str, path: str, target: Target) -> ForeignLock:
    """Read a requirements file.

    Args:
        text: of the file.
        path: for messages.
        target: whose markers decide.

    Raises:
        ForeignLockError: a line is no requirement.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    packages: dict[Name, ForeignPackage] = {}
    parents: dict[Name, set[str]] = {}
    roots: list[ForeignRoot] = []
    unpinned: list[str] = []
    index = None
    for entry in _entries(text):
        if entry.text.startswith("-"):
            if found := _INDEX.match(entry.text):
                index = found[1]
            elif _OTHER_FILE.match(entry.text):
                unpinned.append(f"{path}:{entry.line}: {redact(entry.text)}")
            continue
        head, hashes = _split(entry.text)
        try:
            requirement = Requirement(_named(head))
        except InvalidRequirement as error:
            if _is_place(head):
                unpinned.append(f"{path}:{entry.line}: {redact(head)}")
                continue
            raise ForeignLockError(
                f"{path}:{entry.line}: {redact(head)!r} is no requirement: {redact(str(error).splitlines()[0])}"
            ) from None
        if not _holds(requirement, target):
            continue
        name = normalize_name(requirement.name)
        package = _package(requirement, name, entry, hashes, index)
        if package is None:
            unpinned.append(f"{path}:{entry.line}: {head}")
            continue
        packages.setdefault(name, package)
        via, asked = _via(entry.comments)
        parents.setdefault(name, set()).update(via)
        if asked or not via:
            roots.append(ForeignRoot(name=name, text=head.partition(" ;")[0], line=entry.line))
    pinned = tuple(_with_needs(packages, parents))
    return ForeignLock(
        kind="requirements",
        packages=pinned,
        roots=(*roots, *_unreached(pinned, roots)),
        unpinned=tuple(unpinned),
    )


def _is_place(text: str) -> bool:
    """Say whether a line is the URL or the path of a project, as pip takes it in place of a requirement."""
    return bool(re.match(r"[a-z][a-z0-9+]*:|\.{0,2}/|~/|\.+$", text)) or text.endswith((".whl", ".tar.gz", ".zip"))


def _named(text: str) -> str:
    """Return ``NAME @ URL`` for the bare URL of a wheel, whose file name says whose it is; anything else as it is."""
    if "://" not in text or " @ " in text:
        return text
    filename = text.partition("#")[0].partition("?")[0].partition(" ")[0].rpartition("/")[2]
    found = _WHEEL.fullmatch(filename.replace("%2B", "+").replace("%2b", "+"))
    return text if found is None else f"{found[1]} @ {text}"


def _holds(requirement: Requirement, target: Target) -> bool:
    """Say whether a requirement is one of the target's; one whose marker cannot be evaluated is."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    try:
        return requirement.marker is None or requirement.marker.evaluate({**target.marker_environment, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True


def _unreached(packages: tuple[ForeignPackage, ...], roots: list[ForeignRoot]) -> Iterator[ForeignRoot]:
    """Yield what no requirement leads to: as torch 2.0 and triton require each other, none of them looks asked for."""
    needs = {package.name: package.needs for package in packages}
    seen: set[Name] = set()

    def walk(waiting: list[Name]) -> None:
        while waiting:
            name = waiting.pop()
            if name in needs and name not in seen:
                seen.add(name)
                waiting.extend(needs[name])

    walk([root.name for root in roots])
    for package in packages:
        if package.name not in seen:
            yield ForeignRoot(name=package.name, text=f"{package.name}=={package.version}", line=package.line)
            walk([package.name])


def _entries(text: str) -> Iterator[_Entry]:
    """Yield the logical lines: continued ones joined, comments beside them."""
    current: _Entry | None = None
    open_line = False
    for number, raw in enumerate(text.splitlines(), start=1):
        comment = _COMMENT.search(raw)
        body = (raw[: comment.start()] if comment else raw).strip()
        if body:
            if open_line and current is not None:
                current.text += " " + body.removesuffix("\\").strip()
            else:
                if current is not None:
                    yield current
                current = _Entry(number, body.removesuffix("\\").strip())
            open_line = body.endswith("\\")
        if comment and current is not None and (body or raw[:1].isspace()):
            current.comments.append(comment[1].strip())
    if current is not None:
        yield current


def _split(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the requirement on a line, and the hashes behind it."""
    found = _OPTION.search(text)
    if found is None:
        return text, ()
    return text[: found.start()].strip(), tuple(value for name, value in _OPTION.findall(text) if name == "hash")


def _package(
    requirement: Requirement, name: Name, entry: _Entry, hashes: tuple[str, ...], index: str | None
) -> ForeignPackage | None:
    filename, version = "", None
    if requirement.url is not None:
        filename = (
            requirement.url.partition("#")[0]
            .partition("?")[0]
            .rpartition("/")[2]
            .replace("%2B", "+")
            .replace("%2b", "+")
        )
        found = _FILE_VERSION.match(filename)
        version = found[1] if found else None
        if found is None:
            filename, version = "checkout", "0"
    else:
        pins = [
            one for one in requirement.specifier if one.operator in {"==", "==="} and not one.version.endswith(".*")
        ]
        version = pins[0].version if pins else None
    if version is None:
        return None
    source = next((comment[5:].strip() for comment in entry.comments if comment.startswith("from ")), None)
    if fragment := re.search(r"#sha256=([0-9a-f]{64})", requirement.url or ""):
        hashes = (*hashes, f"sha256:{fragment[1]}")
    digests = tuple(text.removeprefix("sha256:") for text in hashes if text.startswith("sha256:"))
    return ForeignPackage(
        name=name,
        version=version,
        line=entry.line,
        filename=filename,
        sha256=digests[0] if len(digests) == 1 else None,
        digests=digests,
        url=requirement.url,
        index_url=source or index,
        hashed=bool(hashes),
    )


def _via(comments: list[str]) -> tuple[set[str], bool]:
    """Return the packages that require an entry, and whether a person does."""
    packages: set[str] = set()
    asked = inside = False
    for comment in comments:
        text = comment
        if comment == "via" or comment.startswith("via "):
            inside, text = True, comment[3:].strip()
        elif comment.startswith("from "):
            inside = False
        if not inside or not text:
            continue
        for one in text.split(","):
            # A name is a package; `-r FILE`, `(pyproject.toml)` and paths stand for what a person wrote.
            word = one.strip().partition(" ")[0]
            if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?", word) and " (" not in one.strip():
                packages.add(normalize_name(word.partition("[")[0]))
            else:
                asked = True
    return packages, asked


def _with_needs(packages: dict[Name, ForeignPackage], parents: dict[Name, set[str]]) -> Iterator[ForeignPackage]:
    from dataclasses import replace

    needs: dict[str, list[Name]] = {}
    for name, above in parents.items():
        for parent in sorted(above):
            needs.setdefault(parent, []).append(name)
    for name, package in packages.items():
        yield replace(package, needs=tuple(sorted(needs.get(name, ()))))
