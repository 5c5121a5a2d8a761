"""A lock out of its text. The file may have been edited or merged by hand, or come from somebody hostile."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from envsolver.lock.canonical import canonical
from envsolver.lock.check import defects
from envsolver.lock.header import LOCK_VERSION, check_text, not_toml, read_header, remake
from envsolver.lock.knowledge import LockedBound, LockedEffect, LockedRule
from envsolver.lock.model import (
    DEFAULT_INDEX,
    DIRECT_INDEX,
    BuildFile,
    Dependency,
    Lock,
    LockedBase,
    LockedBuild,
    LockedFile,
    LockedIndex,
    LockedPackage,
    LockedRoot,
    LockedTarget,
    LockedTree,
)
from envsolver.lock.places import line_of
from envsolver.model.candidate import CondaFacts, Name
from envsolver.model.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.check import KeyPath

__all__ = ["loads"]

_T = TypeVar("_T", bound=str)


def loads(text: str, path: str = "lock") -> Lock:
    """Read a lock.

    Keys and tables that a newer minor version of the format may have added are ignored; unknown ones of this version
    are mistakes.

    Args:
        text: of the file.
        path: for messages.

    Raises:
        LockError: it is not TOML, of a version that cannot be read, or does not make sense. The message says where.
    """
    import tomli

    check_text(text, path)
    header = read_header(text, path)
    try:
        data = tomli.loads(text)
    except (ValueError, RecursionError) as error:
        raise not_toml(path, error) from None
    try:
        # Checked in the order of the file, so that the places of its defects are those of the file.
        return canonical(_checked(_lock(_Table(data, (), lenient=header.lock_version > LOCK_VERSION))))
    except _BadValueError as error:
        line_number = line_of(text, error.path)
        where = f"{path}:{line_number}" if line_number else path
        raise LockError(where, f"{_dotted(error.path)}: {error.message}", hint=remake(path)) from None


def _checked(lock: Lock) -> Lock:
    for path, message in defects(lock):
        raise _BadValueError(path, message)
    return lock


class _BadValueError(Exception):
    def __init__(self, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class _Table:
    """A TOML table that hands out its values by type and knows where it stands."""

    def __init__(self, data: dict[str, Any], path: KeyPath, *, lenient: bool) -> None:
        self._data = data
        self._path = path
        self._lenient = lenient
        self._asked: set[str] = set()

    def _get(self, key: str, kind: type[Any], what: str) -> Any:
        self._asked.add(key)
        value = self._data.get(key)
        # bool is a subclass of int; TOML keeps them apart.
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise _BadValueError((*self._path, key), f"must be {what}")
        return value

    def optional(self, key: str) -> str | None:
        """Return a string, or None if the key is not there."""
        value: str | None = self._get(key, str, "a string")
        return value

    def text(self, key: str) -> str:
        """Return a string that must be there."""
        value = self.optional(key)
        if value is None:
            raise _BadValueError(self._path, f"{key} is missing")
        return value

    def one_of(self, key: str, values: Sequence[_T]) -> _T:
        """Return one of some words; the first if the key is not there."""
        return self.optional_of(key, values) or values[0]

    def optional_of(self, key: str, values: Sequence[_T]) -> _T | None:
        """Return one of some words, or None if the key is not there."""
        found = self.optional(key)
        for value in values:
            if found == value:
                return value
        if found is None:
            return None
        raise _BadValueError((*self._path, key), f"must be one of {', '.join(values)}")

    def integer(self, key: str) -> int | None:
        value: int | None = self._get(key, int, "an integer")
        return value

    def instant(self, key: str) -> str | None:
        """Return an RFC 3339 instant in UTC, to the second."""
        value: datetime | None = self._get(key, datetime, "a date and time")
        if value is None:
            return None
        if value.tzinfo is None:
            raise _BadValueError((*self._path, key), "must say its offset from UTC")
        try:
            return value.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        except OverflowError:
            raise _BadValueError((*self._path, key), "is out of range") from None

    def day(self, key: str) -> str | None:
        """Return a date."""
        value: date | None = self._get(key, date, "a date")
        if isinstance(value, datetime):
            raise _BadValueError((*self._path, key), "must be a date without time")
        return None if value is None else value.isoformat()

    def flag(self, key: str) -> bool:
        """Return true or false; false if the key is not there."""
        self._asked.add(key)
        value = self._data.get(key, False)
        if not isinstance(value, bool):
            raise _BadValueError((*self._path, key), "must be true or false")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        values: list[object] = self._get(key, list, "an array of strings") or []
        return tuple(self._string((key, at), value) for at, value in enumerate(values))

    def lists(self, key: str) -> tuple[tuple[str, ...], ...]:
        """Return an array of arrays of strings."""
        found = []
        for at, values in enumerate(self._get(key, list, "an array of arrays") or []):
            if not isinstance(values, list):
                raise _BadValueError((*self._path, key, at), "must be an array of strings")
            found.append(tuple(self._string((key, at), value) for value in values))
        return tuple(found)

    def tables(self, key: str) -> list[_Table]:
        found = []
        for at, value in enumerate(self._get(key, list, "an array of tables") or []):
            path = (*self._path, key, at)
            if not isinstance(value, dict):
                raise _BadValueError(path, "must be a table")
            found.append(_Table(value, path, lenient=self._lenient))
        return found

    def finish(self) -> None:
        """Refuse keys that nobody has asked for."""
        unknown = sorted(self._data.keys() - self._asked)
        if unknown and not self._lenient:
            raise _BadValueError((*self._path, unknown[0]), "unknown key")

    def _string(self, at: KeyPath, value: object) -> str:
        if not isinstance(value, str):
            raise _BadValueError((*self._path, *at), "must be a string")
        return value


def _lock(table: _Table) -> Lock:
    table.text("lock-version")
    lock = Lock(
        name=table.text("name"),
        inputs_digest=table.text("inputs-digest"),
        python=table.text("python"),
        groups=table.strings("groups"),
        exclusive=table.lists("exclusive"),
        roots=tuple(_root(root) for root in table.tables("requirements")),
        targets=tuple(_target(target) for target in table.tables("target")),
        indexes=tuple(_index(index) for index in table.tables("index")),
        packages=tuple(_package(package) for package in table.tables("package")),
        knowledge=table.optional("knowledge"),
        bounds=tuple(_bound(bound) for bound in table.tables("bound")),
        rules=tuple(_rule(rule) for rule in table.tables("rule")),
        builds=(
            *(_build(build, built=True) for build in table.tables("build")),
            *(_build(build, built=False) for build in table.tables("closure")),
        ),
        trees=tuple(_tree(tree) for tree in table.tables("tree")),
        bases=tuple(_base(base) for base in table.tables("bases")),
    )
    table.finish()
    return lock


def _base(table: _Table) -> LockedBase:
    base = LockedBase(name=table.text("name"), digest=table.text("digest"), frozen=table.flag("frozen"))
    table.finish()
    return base


def _root(table: _Table) -> LockedRoot:
    root = LockedRoot(
        name=Name(table.text("name")),
        text=table.text("text"),
        extras=table.strings("extras"),
        group=table.optional("group") or "",
        spec=table.text("spec"),
        project=_name(table.optional("project")),
        targets=table.strings("targets"),
    )
    table.finish()
    return root


def _target(table: _Table) -> LockedTarget:
    target = LockedTarget(
        platform=table.text("platform"),
        glibc=table.optional("glibc"),
        macos=table.optional("macos"),
        choice=table.strings("choice"),
    )
    table.finish()
    return target


def _index(table: _Table) -> LockedIndex:
    index = LockedIndex(
        alias=table.text("alias"), url=table.text("url"), kind=table.one_of("kind", ("simple", "find-links", "conda"))
    )
    table.finish()
    return index


def _package(table: _Table) -> LockedPackage:
    package = LockedPackage(
        name=Name(table.text("name")),
        version=table.text("version"),
        groups=table.strings("groups"),
        extras=table.strings("extras"),
        targets=table.strings("targets"),
        dependencies=tuple(_dependency(edge) for edge in table.tables("dependencies")),
        files=tuple(_file(file) for file in table.tables("file")),
    )
    table.finish()
    return package


def _dependency(table: _Table) -> Dependency:
    edge = Dependency(
        name=Name(table.text("name")),
        extras=table.strings("extras"),
        specifier=table.optional("specifier") or "",
        marker=table.optional("marker"),
        extra=table.optional("extra"),
        declared=table.optional("declared"),
        rule=table.optional("rule"),
        project=_name(table.optional("project")),
        targets=table.strings("targets"),
    )
    table.finish()
    return edge


def _bound(table: _Table) -> LockedBound:
    bound = LockedBound(
        package=Name(table.text("package")),
        below=table.optional("below"),
        released=table.instant("released"),
        requirer=Name(table.text("requirer")),
        version=table.text("version"),
        uploaded=table.instant("uploaded"),
        gave_way=table.flag("gave-way"),
        targets=table.strings("targets"),
    )
    table.finish()
    return bound


def _rule(table: _Table) -> LockedRule:
    rule = LockedRule(
        id=table.text("id"),
        title=table.optional("title") or "",
        effects=tuple(_effect(effect) for effect in table.tables("effects")),
        ignored=table.optional("ignored"),
        until=table.day("until"),
    )
    table.finish()
    return rule


def _build(table: _Table, *, built: bool) -> LockedBuild:
    build = LockedBuild(
        name=Name(table.text("name")),
        version=table.text("version"),
        source=table.text("source"),
        platform=table.text("platform"),
        requires=table.strings("requires"),
        wheel=table.text("wheel") if built else "",
        sha256=table.text("sha256") if built else "",
        tools=table.strings("tools"),
        beside=table.strings("beside"),
        environment=table.strings("environment"),
        path=table.strings("path"),
        needs=table.strings("needs"),
        files=tuple(_build_file(file) for file in table.tables("file")),
    )
    table.finish()
    return build


def _build_file(table: _Table) -> BuildFile:
    name, version = Name(table.text("package")), table.text("version")
    return BuildFile(name=name, version=version, file=_file(table))


def _tree(table: _Table) -> LockedTree:
    tree = LockedTree(
        target=table.text("target"),
        groups=table.strings("groups"),
        bytecode=not table.flag("no-bytecode"),
        digest=table.text("digest"),
    )
    table.finish()
    return tree


def _effect(table: _Table) -> LockedEffect:
    effect = LockedEffect(
        package=Name(table.text("package")),
        kind=table.one_of("kind", ("constrains", "excludes", "requires", "replaces", "unusable")),
        requirement=table.text("requirement"),
        gave_way=table.flag("gave-way"),
        targets=table.strings("targets"),
    )
    table.finish()
    return effect


def _file(table: _Table) -> LockedFile:
    url = table.optional("url")
    file = LockedFile(
        filename=table.optional("name") or "",
        index=table.optional("index") or (DEFAULT_INDEX if url is None else DIRECT_INDEX),
        url=url,
        commit=table.optional("commit"),
        sha256=table.optional("sha256"),
        md5=table.optional("md5"),
        subdir=table.optional("subdir"),
        size=table.integer("size"),
        uploaded=table.instant("uploaded"),
        path=table.optional("path"),
        provenance=table.optional("provenance") or "seen",
        requirements=table.one_of("requirements", ("seen", "claimed", "recorded", "built")),
        conda=_record(table),
        targets=table.strings("targets"),
    )
    table.finish()
    return file


def _record(table: _Table) -> CondaFacts | None:
    facts = CondaFacts(
        virtual=table.strings("virtual"),
        constrains=table.strings("constrains"),
        features=table.strings("features"),
        number=table.integer("build-number"),
        noarch=table.optional_of("noarch", ("python", "generic", "none")),
    )
    return None if facts == CondaFacts() else facts


def _name(text: str | None) -> Name | None:
    return None if text is None else Name(text)


def _dotted(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "lock"
