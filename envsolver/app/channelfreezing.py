"""``channel freeze``: record what a live channel has for the environments of a project; the record then serves."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envsolver.app.condaside import conda_needs
from envsolver.app.files import require_folder, write_together
from envsolver.app.lockfile import read_lock
from envsolver.knowledge.conda import conda_candidates
from envsolver.model.candidate import conda_name, is_conda, normalize_name
from envsolver.model.errors import FileError, LockError, UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import system_reason, there_are
from envsolver.sources.open import SourceSettings, open_session
from envsolver.spec.conda import channel_url
from envsolver.spec.curated import PREFIX, REPODATA, frozen_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rattler import RepoDataRecord
    from rattler.platform import SubdirLiteral

    from envsolver.app.project import Environment, Project
    from envsolver.model.candidate import File
    from envsolver.model.ports import Progress
    from envsolver.model.spec import ChannelSpec, CondaSpec, Spec
    from envsolver.solve.conda import CondaRecords
    from envsolver.sources.open import Session

__all__ = ["FrozenChannel", "freeze_channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenChannel:
    """A record that was written.

    Attributes:
        name: of the channel, as the specs have it.
        path: of the folder, absolute.
        changed: whether any file of it was written, or all had these bytes already.
        packages: how many packages are recorded.
        builds: how many builds of them.
        named: whether the specs name the folder already, so that it will be used.
    """

    name: str
    path: Path
    changed: bool
    packages: int
    builds: int
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    """An environment that uses the channel."""

    environment: Environment
    spec: Spec
    conda: CondaSpec
    channel: ChannelSpec


class _Recorded:
    """The channels of an environment, which keep in mind what they were asked for."""

    def __init__(self, records: CondaRecords, position: int) -> None:
        self._records = records
        self._position = position
        self.seen: list[RepoDataRecord] = []

    @property
    def subdirs(self) -> tuple[SubdirLiteral, ...]:
        return self._records.subdirs

    async def load(self, names: Sequence[str]) -> Sequence[Sequence[RepoDataRecord]]:
        answers = await self._records.load(names)
        self.seen += answers[self._position]
        return answers

    def file(self, record: RepoDataRecord) -> File:
        return self._records.file(record)

    async def nearest(self, name: str) -> tuple[str, ...]:
        return await self._records.nearest(name)


def freeze_channel(
    project: Project,
    name: str,
    *,
    packages: Sequence[str] = (),
    every_build: bool = False,
    output: Path | None = None,
    progress: Progress,
) -> FrozenChannel:
    """Record a channel that specs of the project name.

    Recorded is what locking can come upon: the builds of what the specs ask for, of what provides projects of their
    requirements and locks, and of all that these lead to.

    Args:
        project: whose specs name the channel.
        name: of the channel, as the specs have it, or its URL.
        packages: further packages of conda to record, with what they lead to.
        every_build: record builds that no environment could use, too.
        output: folder to write; by default that which the specs name, else ``specs/channels/NAME``.
        progress: is told what goes on.

    Raises:
        UsageError: no spec names the channel, or what the user says of mirrors makes no sense.
        NetworkError: a channel did not answer.
        FileError: the record cannot be written.
    """
    if output is not None:
        require_folder(output)
    users = _users(project, name)
    channel = users[0].channel
    subdirs = list(dict.fromkeys([*(platform for user in users for platform in user.spec.platforms), "noarch"]))
    records = asyncio.run(_record(project, users, packages, every_build=every_build, progress=progress))
    if not records:
        raise UsageError(
            f"channel {channel.name} has nothing that an environment of the project could use",
            hint="--every-build records all builds of what is asked for",
        )
    named = _named(project, users)
    path = output or named or project.root / "specs" / "channels" / _folder_name(channel)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{project.relative(path)} cannot be made: {system_reason(error)}") from error
    written = write_together(
        {path / subdir / REPODATA: _repodata(channel, subdir, records).encode() for subdir in subdirs}
    )
    return FrozenChannel(
        name=channel.name,
        path=path,
        changed=bool(written),
        packages=len({record.name.normalized for record in records.values()}),
        builds=len(records),
        named=named is not None and path.resolve() == named.resolve(),
    )


def _users(project: Project, name: str) -> list[_User]:
    url = channel_url(name)
    users = []
    known: dict[str, None] = {}
    for environment in project.all():
        spec = project.spec(environment)
        for channel in spec.conda.channels if spec.conda else ():
            known[channel.name] = None
            if channel.url == url and spec.conda is not None:
                users.append(_User(environment=environment, spec=spec, conda=spec.conda, channel=channel))
    if not users:
        there = there_are(list(known)) if known else "the specs name no channel"
        raise UsageError(f"no spec has a channel {name!r}", hint=there)
    return users


def _named(project: Project, users: Sequence[_User]) -> Path | None:
    """Return the folder that specs of the project itself name."""
    return next(
        (
            frozen_path(user.channel, project.root)
            for user in users
            if user.channel.frozen and not user.channel.origin.path.startswith(PREFIX)
        ),
        None,
    )


def _folder_name(channel: ChannelSpec) -> str:
    from envsolver.sources.conda import channel_alias

    return channel_alias(channel).removeprefix(conda_name(""))


async def _record(
    project: Project, users: Sequence[_User], packages: Iterable[str], *, every_build: bool, progress: Progress
) -> dict[tuple[str, str], RepoDataRecord]:
    """Return subdir and file name → record."""
    from envsolver.solve.conda import CondaWorld

    progress.stage("reading the channel")
    found: dict[tuple[str, str], RepoDataRecord] = {}
    async with open_session(SourceSettings(refresh=True), progress) as session:
        for user in users:
            spec = await _live(user, session, project)
            for platform in spec.platforms:
                needs = conda_needs(spec, spec.target(platform), session, project.root)
                if needs is None:
                    continue
                position = user.conda.channels.index(user.channel)
                recorded = _Recorded(needs.records, position)
                world = CondaWorld(replace(needs, records=recorded))
                await world.open()
                await world.load([*_providers(project, user, needs.spec.names), *(one.lower() for one in packages)])
                usable = (record for listed in world.channels[position].by_name.values() for record in listed)
                for record in recorded.seen if every_build else usable:
                    found[str(record.subdir), record.file_name] = record
    return found


async def _live(user: _User, session: Session, project: Project) -> Spec:
    """Return the spec of a user with the channel itself in place of its record."""
    channels = tuple(replace(one, frozen=None) if one is user.channel else one for one in user.conda.channels)
    names = await session.conda_names(user.spec, project.root)
    return replace(user.spec, conda=replace(user.conda, channels=channels, names=names))


def _providers(project: Project, user: _User, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the packages of conda that could provide what the spec or its lock has of projects."""
    from packaging.requirements import Requirement

    projects = {normalize_name(Requirement(asked.text).name) for asked in user.spec.requirements}
    try:
        lock = read_lock(project, user.environment)
    except (FileError, LockError):
        lock = None
    projects |= {package.name for package in lock.packages if not is_conda(package.name)} if lock else set()
    for name in sorted(projects):
        yield from conda_candidates(name, names)


def _repodata(channel: ChannelSpec, subdir: str, records: Mapping[tuple[str, str], RepoDataRecord]) -> str:
    """Return the repodata of a subdir, with a record a line: a change of it reads well in a review."""
    of_kind: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
    for (where, filename), record in sorted(records.items()):
        if where == subdir:
            # Where a record comes from says the file itself (CEP 15), so that other tools of conda can use it, too.
            of_kind["packages.conda" if filename.endswith(".conda") else "packages"][filename] = {
                key: value for key, value in json.loads(record.to_json()).items() if key not in {"fn", "url", "channel"}
            }
    info = {"subdir": subdir, "base_url": f"{channel.url}/{subdir}/"}
    parts = [f'"info": {_json(info)}']
    for kind, listed in of_kind.items():
        lines = ",\n".join(f"{_json(filename)}: {_json(record)}" for filename, record in listed.items())
        parts.append(f'"{kind}": {{\n{lines}\n}}' if lines else f'"{kind}": {{}}')
    parts += ['"removed": []', '"repodata_version": 2']
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
