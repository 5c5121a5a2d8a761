"""The recorded metadata against the real index: what a release declares today is what was recorded of it."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from envsolver.knowledge.rules import Constrains, Requires, load_rulebook
from envsolver.model.candidate import DEFAULT_INDEX, normalize_name
from envsolver.sources.cache import Cache
from envsolver.sources.config import default_index_url
from envsolver.sources.http import HttpClient
from envsolver.sources.metadata import MetadataReader
from envsolver.sources.pagestore import IndexAddress, PageStore
from tests.support.rule_data import declared, expected, specifier_of

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Name

pytestmark = pytest.mark.live


def recorded() -> dict[Name, tuple[str, set[Name]]]:
    """Return for each project its newest release that a rule matches, and the projects that rules name beside it."""
    found: dict[Name, tuple[str, set[Name]]] = {}
    for rule in load_rulebook().rules:
        for effect in rule.effects:
            for project, match in expected()[rule.id].items():
                if isinstance(effect, Constrains | Requires) and effect.project != project:
                    name = normalize_name(project)
                    _, others = found.setdefault(name, (match["last"], set()))
                    found[name] = (max(found[name][0], match["last"], key=Version), others | {effect.project})
    return found


async def _requires(http: HttpClient, name: Name, version: str) -> tuple[str, ...]:
    location = default_index_url(os.environ, Path.home(), Path.cwd())
    address = IndexAddress(url=http.credentials.register(location.url))
    page = await PageStore(http=http, cache=Cache(None)).page(address, name, DEFAULT_INDEX)
    assert page is not None
    (release,) = (release for release in page.releases if Version(release.version) == Version(version))
    file = min(page.files(release.version), key=_preference)
    return (await MetadataReader(http, Cache(None)).read(file)).requires_dist


def _preference(file: File) -> tuple[bool, bool, str]:
    """Order files as the record was made: a wheel for linux x86_64 or for all before anything else."""
    fitting = ("linux" in file.tags and "x86_64" in file.tags) or "none-any" in file.tags
    return (file.kind != "wheel", not fitting, file.filename)


@cache
def requires(name: Name, version: str) -> tuple[str, ...]:
    """Return the requirements of a release as the index serves them."""

    async def read() -> tuple[str, ...]:
        async with HttpClient() as http:
            return await _requires(http, name, version)

    return asyncio.run(read())


@pytest.mark.parametrize(("name", "release"), recorded().items(), ids=recorded())
def test_a_release_declares_what_was_recorded(name: Name, release: tuple[str, set[Name]]) -> None:
    version, projects = release
    parsed = [Requirement(text) for text in requires(name, version)]
    for project in projects:
        served = {
            str(requirement.specifier)
            for requirement in parsed
            if normalize_name(requirement.name) == project and "extra ==" not in str(requirement.marker)
        }
        assert served == {str(specifier_of(text)) for text in declared(name, version, project)}
