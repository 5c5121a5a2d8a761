"""What is read of a lock that another tool made: packages, who requires whom, and where each stands in the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from envsolver.formats.aliases import weighs_too_much
from envsolver.model.errors import EnvsolverError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = [
    "CondaPlace",
    "ForeignLock",
    "ForeignLockError",
    "ForeignPackage",
    "ForeignRoot",
    "best_file",
    "channels_in",
    "conda_channel",
    "conda_place",
    "load_yaml",
    "mapping",
    "rows",
    "unrequired",
]

_PACKAGE_URL = re.compile(
    r"(?P<channel>.*)/(?P<subdir>[^/]+)/(?P<file>(?P<name>[^/]+)-[^/-]+-[^/-]+\.(?:conda|tar\.bz2))"
)
_TOKEN = re.compile(r"/t/[^/]+/")
"""How conda puts an access token into the URL of a channel."""

ForeignKind = Literal["requirements", "pylock", "uv", "conda-lock", "explicit", "environment", "pixi"]


class ForeignLockError(EnvsolverError):
    """A file of another tool cannot be read: the message says where and why."""

    exit_code = 2
    code = "bad-foreign-lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRoot:
    """A requirement that a person wrote, as far as the file tells."""

    name: Name
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPackage:
    """One package.

    Attributes:
        name: canonical; of a package of conda, its own name.
        version: as written.
        line: where it stands, from 1; 0 where that cannot be told.
        filename: of the file that the target would get; empty where the lock does not say.
        sha256: of that file, or None.
        digests: sha256 of all files that the lock admits, where it does not say which one the target gets.
        url: of that file, or None.
        index_url: of the index, or None.
        needs: names of what it requires.
        hashed: whether the file ties it to its bytes.
        manager: who installs it.
        build_string: of a package of conda.
    """

    name: Name
    version: str
    line: int = 0
    filename: str = ""
    sha256: str | None = None
    digests: tuple[str, ...] = ()
    url: str | None = None
    index_url: str | None = None
    needs: tuple[Name, ...] = ()
    hashed: bool = False
    manager: Literal["pip", "conda"] = "pip"
    build_string: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLock:
    """The packages of one target.

    Attributes:
        packages: in the order of the file.
        roots: empty where the file does not say who asked for what.
        unpinned: what the file leaves open, so that it cannot be judged.
        channels: of conda, in the order of their priority; empty where the file does not name them.
    """

    kind: ForeignKind
    packages: tuple[ForeignPackage, ...]
    roots: tuple[ForeignRoot, ...] = ()
    unpinned: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


class CondaPlace(NamedTuple):
    """Where a file of conda lies.

    Attributes:
        name: of the package, as conda has it.
        channel: URL without credentials and tokens; ``conda`` where it is not known.
        subdir: of the channel; empty where it is not known.
        filename: empty where it is not known.
    """

    name: str
    channel: str
    subdir: str
    filename: str


def conda_place(package: ForeignPackage) -> CondaPlace:
    """Return where a package of conda lies. Its URL has the name as it is; readers have made a project's of it."""
    url = (package.url or "").partition("#")[0]
    found = _PACKAGE_URL.fullmatch(url)
    if found is None:
        return CondaPlace(package.name, "conda", "", "")
    return CondaPlace(found["name"].lower(), conda_channel(found["channel"]), found["subdir"], found["file"])


def channels_in(value: Any) -> tuple[str, ...]:
    """Return the channels of a list of theirs: each a URL or a name, or a table with one."""
    listed = value if isinstance(value, list) else ()
    found = (one.get("url") if isinstance(one, dict) else one for one in listed)
    return tuple(conda_channel(one) for one in found if isinstance(one, str))


def conda_channel(url: str) -> str:
    """Return a channel without credentials and tokens."""
    return re.sub(r"//[^/@]*@", "//", _TOKEN.sub("/", url)).rstrip("/")


def mapping(value: Any) -> dict[str, Any]:
    """Return a table that was parsed; an empty one for anything else: what a stranger wrote is of any type."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the tables of a list that was parsed; none for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def load_yaml(text: str, path: str) -> dict[str, Any]:
    """Return a table of YAML.

    Raises:
        ForeignLockError: it is none.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        # The end of the file counts as a line of its own, which no editor shows.
        place = path if mark is None else f"{path}:{min(mark.line + 1, max(1, len(text.splitlines())))}"
        said = [getattr(error, part, None) or "" for part in ("context", "problem")]
        raise ForeignLockError(f"{place}: not YAML: {' '.join(filter(None, said)) or error}") from None
    if not isinstance(data, dict):
        raise ForeignLockError(f"{path}: not a table of YAML")
    if weighs_too_much(data):
        raise ForeignLockError(f"{path}: its aliases stand for millions of values, or for themselves")
    return data


def unrequired(packages: Iterable[ForeignPackage]) -> tuple[ForeignRoot, ...]:
    """Return those that none of the others requires: what somebody asked for, as far as can be told.

    What conda has was not asked for by a wheel, even where it meets the requirement of one.
    """
    listed = list(packages)
    required = {(package.manager, name) for package in listed for name in package.needs if name != package.name}
    return tuple(
        ForeignRoot(
            name=package.name,
            text=f"{package.name}{'=' if package.manager == 'conda' else '=='}{package.version}",
            line=package.line,
        )
        for package in listed
        if (package.manager, package.name) not in required
    )


def best_file(filenames: Iterable[str], target: Target) -> str | None:
    """Return the file that an installer would take on a target: the best wheel, else a source archive, else None."""
    names = list(filenames)
    ranked = [
        (rank, name)
        for name in names
        if name.endswith(".whl")
        and name.count("-") >= 4
        and (rank := target.wheel_rank("-".join(name.removesuffix(".whl").rsplit("-", 3)[1:]))) is not None
    ]
    if ranked:
        return min(ranked)[1]
    return next((name for name in names if name.endswith((".tar.gz", ".zip", ".tar.bz2"))), None)
