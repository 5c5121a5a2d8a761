"""Whether a lock still says what its spec asks for: digests are compared, nothing is solved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.files import NotTextError, read_text
from envsolver.app.lockfile import is_sealed, read_lock_text
from envsolver.model.errors import FileError, SpecError
from envsolver.model.values import dataclass
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.model.spec import BaseSpec, Spec

__all__ = ["LockState", "current_digest", "lock_state", "remember", "spec_files", "state_beside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockState:
    """How the files of a lock stand to their spec.

    Attributes:
        digest: of the spec as it is.
        text: of the lock file, None if there is none.
        solve: why the lock itself is out of date; empty if it is not.
        render: why the requirements file beside it is; empty if it is not.
        moved: the environments that the spec builds on top of and that are not what they were, each with a sentence;
            where one is frozen, that is among the reasons in ``solve`` as well.
    """

    digest: str
    text: str | None
    solve: tuple[str, ...] = ()
    render: tuple[str, ...] = ()
    moved: tuple[tuple[BaseSpec, str], ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that is out of date."""
        return (*self.solve, *self.render)


def lock_state(project: Project, environment: Environment) -> LockState:
    """Compare the files of a lock with the spec.

    The spec is read without parsing its requirements: equal digests mean that it is the one that was locked, and that
    one was valid.

    Raises:
        SpecError: the spec cannot be used; all problems are named.
        LockError: the lock is not one that this envsolver can read.
        FileError: a file cannot be read.
    """
    try:
        spec = project.spec(environment, validate=False)
    except SpecError:
        project.spec(environment)  # raises with the problems of the requirements as well
        raise
    return state_beside(project, environment, spec)


def state_beside(project: Project, environment: Environment, spec: Spec) -> LockState:
    """Compare the files of a lock with a spec that was read, as :func:`lock_state` does.

    Raises:
        LockError: the lock is not one that this envsolver can read.
        FileError: a file cannot be read.
    """
    digest = current_digest(project, spec)
    shown = project.relative(project.lock_path(environment.name))
    text = read_lock_text(project, environment)
    if text is None:
        return LockState(digest=digest, text=None, solve=(f"there is no {shown}",))
    from envsolver.lock.header import read_header

    header = read_header(text, shown)
    reasons = []
    if header.inputs_digest != digest:
        reasons.append("the spec has changed since it was locked")
    if header.name != environment.name:
        reasons.append(f"{shown} is the lock of {header.name}")
    if not is_sealed(text):
        reasons.append(f"{shown} was changed by hand or by a merge")
    moved = _moved(project, spec, text, shown)
    reasons += [why for base, why in moved if base.frozen]
    render = () if reasons else _render_reasons(project, environment, text)
    return LockState(digest=digest, text=text, solve=tuple(reasons), render=render, moved=moved)


def _moved(project: Project, spec: Spec, text: str, path: str) -> tuple[tuple[BaseSpec, str], ...]:
    if not spec.bases:  # the usual case imports nothing
        return ()
    from envsolver.app.bases import moved

    return moved(project, spec, text, path)


def remember(project: Project, environment: Environment) -> None:
    """Leave a stamp of a lock that was just found up to date, for the next run to begin with.

    Everything is looked at once more between two readings of the bytes: a file that changes in the meantime must not
    get into a stamp with an answer that was true of its old content.
    """
    from envsolver.app.rulefiles import rule_files
    from envsolver.app.stamps import SPECS, stamp, stamped_files

    if environment.path.parent != project.root / SPECS:
        return  # the shortest way knows the specs of that folder only
    spec = project.spec(environment, validate=False)
    looked_at = [
        *spec_files(project, spec),
        *map(project.relative, rule_files(project)),
        project.relative(project.lock_path(environment.name)),
        project.relative(project.requirements_path(environment.name)),
    ]
    content = stamped_files(project.root, looked_at)
    if content is None or lock_state(project, environment).reasons:
        return
    if stamped_files(project.root, looked_at) == content:
        stamp(project.root, environment.name, content)


def spec_files(project: Project, spec: Spec) -> list[str]:
    """Return the files that a spec is made of, with frozen sources and the locks of bases; relative, or absolute."""
    from envsolver.spec.curated import frozen_path, frozen_repodata, located, mapping_path

    frozen = (frozen_path(index, project.root) for index in spec.indexes if index.frozen)
    specs = [located(shown, project.root) for shown in spec.files]
    locks = _base_locks(project, spec)
    names = mapping_path(spec, project.root)
    channels = frozen_repodata(spec, project.root).values()
    return [project.relative(path) for path in (*specs, *frozen, *channels, *locks, *([names] if names else []))]


def _base_locks(project: Project, spec: Spec) -> list[Path]:
    if not spec.bases:
        return []
    from envsolver.app.bases import base_lock_files

    return base_lock_files(project, spec)


def current_digest(project: Project, spec: Spec) -> str:
    """Return the digest of a spec, of the files that it names, and of the project's own rules.

    Raises:
        FileError: a frozen index, a mapping of names or a rule file cannot be read.
    """
    from envsolver.app.rulefiles import rule_digests
    from envsolver.spec.digest import inputs_digest

    frozen = {index.alias: index for index in spec.indexes if index.frozen}
    rules = rule_digests(project)
    channels = spec.conda is not None and any(channel.frozen for channel in spec.conda.channels)
    if not frozen and not channels and (spec.conda is None or spec.conda.mapping is None):
        return inputs_digest(spec, rule_files=rules)
    import hashlib

    from envsolver.spec.curated import frozen_path

    digests = {**_mapping_digest(project, spec), **(_channel_digests(project, spec) if channels else {})}
    for alias, index in frozen.items():
        path = frozen_path(index, project.root)
        try:
            digests[alias] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            reason = system_reason(error)
            raise FileError(
                f"{index.origin}: index {alias!r}: {project.relative(path)} cannot be read: {reason}",
                hint=f"`envsolver index freeze {alias}` records the index",
            ) from error
    return inputs_digest(spec, digests, rules)


def _channel_digests(project: Project, spec: Spec) -> dict[str, str]:
    """Return the sha256 of the repodata that stands in place of frozen channels.

    Raises:
        FileError: it cannot be read.
    """
    import hashlib

    from envsolver.spec.curated import frozen_repodata
    from envsolver.spec.digest import CHANNEL

    found = {}
    for (channel, subdir), path in frozen_repodata(spec, project.root).items():
        try:
            found[f"{CHANNEL}{channel.url}/{subdir}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise FileError(
                f"{channel.origin}: channel {channel.name}: {project.relative(path)} cannot be read:"
                f" {system_reason(error)}",
                hint=f"`envsolver channel freeze {channel.name}` records the channel",
            ) from error
    return found


def _mapping_digest(project: Project, spec: Spec) -> dict[str, str]:
    """Return the sha256 of the mapping of names of conda under what stands for it; nothing if it is no file.

    Raises:
        FileError: it cannot be read.
    """
    import hashlib

    from envsolver.spec.curated import mapping_path
    from envsolver.spec.digest import MAPPING

    path = mapping_path(spec, project.root)
    if path is None or spec.conda is None:
        return {}
    try:
        return {MAPPING: hashlib.sha256(path.read_bytes()).hexdigest()}
    except OSError as error:
        where = f"{spec.conda.mapping_origin}: conda-mapping"
        raise FileError(f"{where}: {project.relative(path)} cannot be read: {system_reason(error)}") from error


def _render_reasons(project: Project, environment: Environment, lock_text: str) -> tuple[str, ...]:
    path = project.requirements_path(environment.name)
    try:
        text = read_text(path)
    except NotTextError:  # it is made from the lock, whatever stands in it
        text = ""
    if text is None:
        return (f"there is no {project.relative(path)}",)
    if not is_sealed(text, of=lock_text):
        return (f"{project.relative(path)} is not what belongs to the lock",)
    return ()
