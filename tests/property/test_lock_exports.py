"""Laws of the exports: read by the rules of each format, they install what the lock says, on every target."""

from __future__ import annotations

import tomllib
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given, settings
from packaging.pylock import PackageArchive, PackageSdist, PackageVcs, PackageWheel, Pylock
from packaging.requirements import Requirement
from packaging.tags import parse_tag

from envsolver.formats import constraints, pylock, requirements
from envsolver.model.errors import UsageError
from tests.property.strategies_lock import locks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.lock.model import Lock, LockedFile

fewer = settings(max_examples=settings().max_examples // 3)


def _url_of(file: LockedFile) -> str:
    return f"https://files.invalid/{file.index}/{file.sha256}/{file.filename.replace('+', '%2B')}"


def _identity(file: object) -> str | None:
    if isinstance(file, PackageVcs):
        return file.commit_id
    return file.hashes["sha256"] if isinstance(file, PackageWheel | PackageSdist | PackageArchive) else None


def _choices(lock: Lock) -> Iterator[tuple[str, tuple[str, ...]]]:
    for platform in lock.platforms:
        for count in range(len(lock.groups) + 1):
            for groups in combinations(lock.groups, count):
                if all(len(set(groups).intersection(members)) <= 1 for members in lock.exclusive):
                    yield platform, groups


@fewer
@given(locks())
def test_a_pylock_selects_what_the_lock_selects(lock: Lock) -> None:
    parsed = Pylock.from_dict(tomllib.loads(pylock.dumps(lock, url_of=_url_of)))
    for platform, groups in _choices(lock):
        target = lock.target(platform, groups).to_target(lock.python)
        tags = [tag for text in target.tag_ranks for tag in parse_tag(text)]
        chosen = parsed.select(
            environment=target.marker_environment,  # type: ignore[arg-type] # a TypedDict of these very keys
            tags=tags,
            dependency_groups=groups,
        )
        got = {(str(package.name), str(package.version), _identity(file)) for package, file in chosen}
        assert got == {
            (str(pin.package.name), pin.package.version, pin.file.commit or pin.file.sha256)
            for pin in lock.select(platform, groups)
        }


@fewer
@given(locks())
def test_requirements_and_constraints_hold_the_pins_of_every_target(lock: Lock) -> None:
    for platform, groups in _choices(lock):
        environment = {**lock.target(platform, groups).to_target(lock.python).marker_environment, "extra": ""}
        pins = lock.select(platform, groups)
        expected = sorted(
            Requirement(pin.requirement).name + str(Requirement(pin.requirement).specifier) for pin in pins
        )
        for only in (None, platform):
            texts = [constraints.dumps(lock, platform=only, groups=groups)]
            try:
                texts.append(requirements.dumps(lock, platform=only, groups=groups))
            except UsageError as error:
                if "is a checkout" not in str(error):
                    raise
                texts.append(requirements.dumps(lock, platform=only, groups=groups, hashes=False))
            for text in texts:
                lines = (line.removesuffix(" \\") for line in text.splitlines() if line and line[0] not in "#- ")
                found = [Requirement(line) for line in lines]
                here = [one for one in found if one.marker is None or one.marker.evaluate(environment)]
                assert sorted(one.name + str(one.specifier) for one in here) == expected
