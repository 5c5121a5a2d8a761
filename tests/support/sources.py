"""A cache, a default index and a spec, to ask for packages as one run after another would."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from envsolver.model.candidate import Name, Page
from envsolver.model.origin import Origin
from envsolver.model.spec import IndexSpec, Spec, SpecRequirement
from envsolver.sources.open import SourceSettings, open_session
from tests.support.packages import make_wheel, wheel_filename

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from envsolver.sources.indexes import IndexSet
    from envsolver.sources.open import Session
    from tests.support.index_server import IndexServer

LINUX = "linux-64"


async def no_sleep(_seconds: float) -> None:
    """Wait for nothing between tries."""


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def spec_with(*indexes: IndexSpec, requirements: tuple[str, ...] = ()) -> Spec:
    origin = Origin("specs/demo.yaml", 1)
    return Spec(
        name="demo",
        origin=origin,
        python="3.11",
        python_origin=origin,
        platforms=(LINUX,),
        requirements=tuple(SpecRequirement(text=text, origin=origin) for text in requirements),
        indexes=indexes,
    )


def index_spec(alias: str, url: str, *packages: str, **more: Any) -> IndexSpec:
    return IndexSpec(alias=alias, url=url, origin=Origin("specs/demo.yaml", 7), packages=packages, **more)


class World:
    """A cache, a default index and a spec: asks as one run after another would."""

    def __init__(
        self, root: Path, default: str, spec: Spec | None = None, environ: dict[str, str] | None = None
    ) -> None:
        self.root = root
        self.spec = spec or spec_with()
        self.environ = {
            "UV_DEFAULT_INDEX": default,
            "UV_NO_CONFIG": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        } | (environ or {})

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[Session]:
        settings = SourceSettings(
            cache_dir=self.root / "cache", environ=self.environ, home=self.root, cwd=self.root, **options
        )
        async with open_session(settings) as session:
            session.http._sleep = no_sleep
            yield session

    def ask(self, use: Callable[[IndexSet], Coroutine[Any, Any, Any]], *, platform: str = LINUX, **options: Any) -> Any:
        async def run() -> Any:
            async with self.session(**options) as session:
                return await use(session.source_for(self.spec, platform, self.root))

        return asyncio.run(run())

    def page(self, name: str, **options: Any) -> Page:
        page = self.ask(lambda source: source.page(Name(name)), **options)
        assert isinstance(page, Page)
        return page

    def versions(self, name: str, **options: Any) -> list[str]:
        page = self.page(name, **options)
        return [f"{release.version} of {page.index}" for release in page.releases]


def add(server: IndexServer, name: str, *versions: str, index: str = "simple", **said: Any) -> None:
    for version in versions:
        server.add(wheel_filename(name, version), make_wheel(name, version), index=index, **said)
