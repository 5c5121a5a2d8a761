"""What lists say of every environment of a project, remembered as long as the bytes of the files behind it stay.

A catalogue has hundreds of environments, of which hardly any changes between two looks. Each row stands in the cache
with the digests of the files that it was made from: specs, frozen indexes, rules, locks. Where those are the same, so
is the row, and no YAML is read. Whatever is missing or damaged is found out anew.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from envsolver import __version__
from envsolver.app.exceptions import Passing, exceptions
from envsolver.app.project import Environment
from envsolver.model.errors import EnvsolverError, FileError, Problem, SpecError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecHead, SupportDates
from envsolver.model.values import dataclass
from envsolver.sources.cache import Cache, default_cache_root

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.app.project import Project
    from envsolver.model.spec import Spec
    from envsolver.spec.load import Parsed

__all__ = ["EnvironmentRow", "Freshness", "environments", "standing"]

Freshness = Literal["current", "stale", "missing", "unreadable"]

_BUCKET = "overview-1"
_UPLOADED = re.compile(r"\nuploaded = (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """One environment in a list.

    Attributes:
        head: its name, title and status.
        usable: whether the spec can be used; if not, ``problems`` say why, and what follows is empty.
        gpu: what the spec says of it, as plain data.
        lock: how the lock stands to the spec; None where there is no usable spec.
        reasons: why it is stale or unreadable.
        moved: environments that it builds on top of and that have moved, a sentence each.
        newest: when the newest file of the lock was uploaded, as the lock has it.
        passing: overrides and ignored rules that have an end.
    """

    head: SpecHead
    usable: bool
    problems: tuple[Problem, ...] = ()
    python: str | None = None
    platforms: tuple[str, ...] = ()
    gpu: dict[str, Any] | None = None
    groups: tuple[str, ...] = ()
    base_image: str | None = None
    support: SupportDates | None = None
    lock: Freshness | None = None
    reasons: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    newest: str | None = None
    passing: tuple[Passing, ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether lists leave it out unless they are asked for all."""
        return self.head.status in {"deprecated", "removed"}


def environments(project: Project) -> tuple[EnvironmentRow, ...]:
    """Return a row for each environment, sorted by name; one that cannot be used is a row with problems, no error."""
    from envsolver.app.rulefiles import rule_files
    from envsolver.spec.catalogue import spec_files, with_clashes

    files = _Files(project.root)
    paths = spec_files(project.root)
    names = _names(project, files.digests(rule_files(project)))
    remembered = _recall(project, names)
    kept: dict[str, Any] = {}
    rows: list[EnvironmentRow] = []
    parsed: Parsed = {}
    for path in paths:
        entry = remembered.get(path.name)
        row = _revived(entry, files)
        if row is None or entry is None:
            # Before they are read for the row: what changes in between is seen the next time.
            own = files.digests([path, project.lock_path(path.stem), project.requirements_path(path.stem)])
            row, behind = _row(project, path, parsed)
            entry = {"files": {**own, **files.digests(behind)}, "row": _plain(row)}
        if not row.problems:  # somebody is at work on the others
            kept[path.name] = entry
        rows.append(row)
    if kept != remembered:
        text = json.dumps({"by": __version__, "names": names, "rows": kept})
        _cache().put(_BUCKET, str(project.root), text.encode())
    # Whether two claim one name is a matter between files.
    heads = with_clashes([row.head for row in rows])
    return tuple(
        row if head is row.head else replace(row, head=head, problems=(*row.problems, *_new(head, row)))
        for row, head in zip(rows, heads, strict=True)
    )


def _names(project: Project, rules: dict[str, str]) -> str:
    """Return what changes when a file comes that can take the place of another, or with what holds for all locks.

    ``extends`` looks for two suffixes, and in the catalogue behind; rule files are part of every lock.
    """
    from envsolver.spec.catalogue import SPECS_FOLDER

    folder = project.root / SPECS_FOLDER
    specs = sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208 - names are all that is needed
    return sha256(json.dumps([specs, rules]).encode()).hexdigest()


def standing(project: Project, environment: Environment) -> tuple[Freshness, tuple[str, ...]]:
    """Return how the lock of one environment stands to its spec, and why it is not current."""
    from envsolver.app.freshness import lock_state

    try:
        state = lock_state(project, environment)
    except EnvsolverError as error:
        return "unreadable", (str(error),)
    if state.text is None:
        return "missing", ()
    return ("stale", state.reasons) if state.reasons else ("current", ())


def _new(head: SpecHead, row: EnvironmentRow) -> Iterable[Problem]:
    return head.problems[len(row.head.problems) :]


def _row(project: Project, path: Path, parsed: Parsed) -> tuple[EnvironmentRow, list[Path]]:
    """Return the row of an environment, and the files that it was made from besides its own."""
    from envsolver.spec.load import load_spec

    environment = Environment(name=path.stem, path=path)
    try:
        spec = load_spec(path, project.root, validate=False, parsed=parsed)
        row = _judged(project, environment, spec)
        return row, _behind(project, spec)
    except SpecError:
        return _unusable(project, environment), []
    except FileError as error:
        problem = Problem(str(error), None, error.hint)
        return EnvironmentRow(head=_head(project, path), usable=False, problems=(problem,)), []


def _judged(project: Project, environment: Environment, spec: Spec) -> EnvironmentRow:
    from envsolver.app.freshness import state_beside

    head = SpecHead(
        name=spec.name,
        path=project.relative(environment.path),
        aliases=spec.aliases,
        title=spec.title,
        description=spec.description,
        status=spec.status,
    )
    row = EnvironmentRow(
        head=head,
        usable=True,
        python=spec.python,
        platforms=spec.platforms,
        gpu=_plain(spec.gpu),
        groups=spec.groups,
        base_image=spec.base_image,
        support=spec.support,
        passing=tuple(exceptions(spec)),
    )
    try:
        state = state_beside(project, environment, spec)
    except EnvsolverError as error:
        return replace(row, lock="unreadable", reasons=(str(error),))
    if state.solve:
        project.spec(environment)  # of an unchanged lock the requirements were parsed when it was made
    if state.text is None:
        return replace(row, lock="missing")
    return replace(
        row,
        lock="stale" if state.reasons else "current",
        reasons=state.reasons,
        moved=tuple(why for _, why in state.moved),
        newest=max(_UPLOADED.findall(state.text), default=None),
    )


def _unusable(project: Project, environment: Environment) -> EnvironmentRow:
    head = _head(project, environment.path)
    try:
        project.spec(environment)  # says more than a look without the requirements
    except SpecError as error:
        return EnvironmentRow(head=head, usable=False, problems=error.problems)
    except EnvsolverError as error:
        return EnvironmentRow(head=head, usable=False, problems=(Problem(str(error), None, error.hint),))
    return EnvironmentRow(head=head, usable=False, problems=head.problems)


def _head(project: Project, path: Path) -> SpecHead:
    from envsolver.spec.catalogue import spec_head

    # Its problems are told with those of the whole spec.
    return replace(spec_head(path, project.root), problems=())


def _behind(project: Project, spec: Spec) -> list[Path]:
    from envsolver.app.freshness import spec_files
    from envsolver.spec.curated import PREFIX, located

    locks = [
        located(f"{PREFIX if base.path.startswith(PREFIX) else ''}locks/{base.name}.lock.toml", project.root)
        for base in spec.bases
    ]
    return [*(project.root / name for name in spec_files(project, spec)), *locks]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; ``dataclasses.asdict`` copies what need not be copied."""
    if value is None or isinstance(value, str):  # as nearly all is
        return value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    names = getattr(value, "__dataclass_fields__", None)
    return value if names is None else {name: _plain(getattr(value, name)) for name in names}


class _Files:
    """Digests of files, each read once; a file that is not there has one too."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._inside = os.path.join(root, "")  # noqa: PTH118 - ends with a separator
        self._known: dict[str, str] = {}

    def digests(self, paths: Iterable[Path]) -> dict[str, str]:
        """Return path → digest."""
        return {name: self._digest(name) for name in dict.fromkeys(map(self._name, paths))}

    def same(self, digests: dict[str, str]) -> bool:
        """Whether all of the files are as they were."""
        return all(self._digest(name) == digest for name, digest in digests.items())

    def _name(self, path: Path) -> str:
        plain = str(path)
        # `relpath` is slow, and nearly everything lies inside.
        inside = plain.startswith(self._inside) and ".." not in plain
        return plain[len(self._inside) :] if inside else os.path.relpath(plain, self._root)

    def _digest(self, name: str) -> str:
        if name not in self._known:
            try:
                with open(os.path.join(self._root, name), "rb") as stream:  # noqa: PTH118, PTH123 - a third of the time
                    self._known[name] = sha256(stream.read()).hexdigest()
            except OSError as error:
                self._known[name] = f"cannot be read: {error.errno}"
        return self._known[name]


def _recall(project: Project, names: str) -> dict[str, Any]:
    data = _cache().get(_BUCKET, str(project.root))
    try:
        found = json.loads(data or b"{}")
        if found.get("by") == __version__ and found.get("names") == names and isinstance(found["rows"], dict):
            return dict(found["rows"])
    except (ValueError, KeyError, AttributeError):  # of another layout
        pass
    return {}


def _revived(entry: Any, files: _Files) -> EnvironmentRow | None:
    try:
        if entry is None or not files.same(entry["files"]):
            return None
        return _row_of(entry["row"])
    except (KeyError, TypeError, ValueError, AttributeError):  # of another layout
        return None


def _row_of(data: dict[str, Any]) -> EnvironmentRow:
    if data["lock"] not in {None, *get_args(Freshness)}:
        raise ValueError(data["lock"])
    plain: dict[str, Any] = {
        **_with_tuples(data),
        "head": SpecHead(**_with_tuples(data["head"])),
        "support": SupportDates(**data["support"]) if data["support"] else None,
        "passing": tuple(Passing(**{**one, "origin": Origin(**one["origin"])}) for one in data["passing"]),
    }
    return EnvironmentRow(**plain)


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _cache() -> Cache:
    return Cache(default_cache_root(os.environ, Path.home()))
