"""Credentials, given in each of four ways, reach the host that they are for, and nothing that stays or is shown."""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cli import Done
    from tests.support.index_server import IndexServer

USER = "some.one"
PASSWORD = "s3cret/%:w0rd"  # noqa: S105 - of a server of this test
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), BASIC, USER)

KEYRING = """\
#!{python}
import json, os, sys
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    print(*arguments, file=log)
service = arguments[arguments.index("get") + 1]
if {place!r} not in service:
    sys.exit(1)
if "json" in arguments:
    print(json.dumps({{"username": {user!r}, "password": {password!r}}}))
elif arguments[-1] == {user!r}:
    print({password!r})
else:
    sys.exit(1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A private index that the spec names, a public host that it leads to, and the command line."""

    cli: CommandLine
    private: IndexServer
    public: IndexServer
    patch: pytest.MonkeyPatch

    @property
    def home(self) -> Path:
        """The user's home folder."""
        return Path(os.environ["HOME"])

    def spec(self, url: str, *packages: str) -> None:
        """Write a spec that binds packages to the private index."""
        bound = ", ".join(packages)
        lines = "".join(f"  - {package}\n" for package in packages)
        self.cli.spec(
            "a",
            f'python: "3.11"\nplatforms: [linux-64]\nindexes:\n  my-corp:\n    url: {url}\n    packages: [{bound}]\n'
            f"pip:\n{lines}",
        )


def _by_url(world: World) -> None:
    """As the user's default index: in a spec, which others read, it would be refused."""
    userinfo = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"
    world.patch.setenv("UV_DEFAULT_INDEX", world.private.url().replace("://", f"://{userinfo}"))
    world.cli.spec("a", 'python: "3.11"\nplatforms: [linux-64]\npip: [lib, app]\n')


def _by_netrc(world: World) -> None:
    path = world.home / ".netrc"
    path.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    path.chmod(0o600)


def _by_keyring(world: World) -> None:
    folder = world.home / "bin"
    folder.mkdir()
    script = folder / "keyring"
    script.write_text(
        KEYRING.format(
            python=sys.executable,
            log=str(world.home / "keyring.log"),
            place=f"127.0.0.1:{world.private.port}",
            user=USER,
            password=PASSWORD,
        )
    )
    script.chmod(0o755)
    world.patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def _by_environment(world: World) -> None:
    world.patch.setenv("UV_INDEX_MY_CORP_USERNAME", USER)
    world.patch.setenv("UV_INDEX_MY_CORP_PASSWORD", PASSWORD)


WAYS = (_by_url, _by_netrc, _by_keyring, _by_environment)
way_ids = [way.__name__.removeprefix("_by_") for way in WAYS]
every_way = pytest.mark.parametrize("way", WAYS, ids=way_ids)


@pytest.fixture
def world(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    new_index_server: Callable[[], IndexServer],
) -> World:
    """``app`` and ``lib`` on an index that wants to know who asks; the page of ``app`` is on another host."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("envsolver.sources.retry.RetryPolicy.delay", lambda *_: 0.0)
    private, public = new_index_server(), new_index_server()
    private.index(auth=(USER, PASSWORD))
    public.index(links="root")  # a netrc speaks of hosts, whatever the port: its files are to stay on this one
    publish(private, "lib", "1.0")
    publish(public, "app", "1.0", "lib", hashes=False)
    private.fault("/simple/app/", redirect=f"{public.other_host}/simple/app/")
    made = World(cli=CommandLine(tmp_path, capsys), private=private, public=public, patch=monkeypatch)
    made.spec(private.url(), "lib", "app")
    return made


def nothing_shows(world: World, runs: list[Done]) -> list[Path]:
    """No secret in what was printed, in the project, in the names or contents of the cache's files.

    Returns the files that were looked at.
    """
    for done in runs:
        for secret in SECRETS:
            assert secret not in done.out + done.err
    kept = [path for root in (world.cli.root, Path(os.environ["ENVSOLVER_CACHE_DIR"])) for path in root.rglob("*")]
    for path in kept:
        for secret in SECRETS:
            assert secret not in str(path)
            assert path.is_dir() or secret.encode() not in path.read_bytes(), path
    return kept


def senders(server: IndexServer) -> set[str | None]:
    """Return the credentials that a server has seen."""
    return {request.headers.get("authorization") for request in server.requests}


@every_way
def test_they_are_sent_to_their_host_and_stay_nowhere(world: World, way: Callable[[World], None]) -> None:
    way(world)
    runs = [
        world.cli("lock", "a", "--verbose"),
        world.cli("lock", "a", "--refresh", "--json"),
        world.cli("lock", "a", "--upgrade", "--verbose"),
        world.cli("show", "a"),
        world.cli("show", "a", "--json"),
        world.cli("why", "a", "lib", "--json"),
        *(world.cli("export", "a", "--format", name) for name in ("requirements", "pylock", "constraints")),
    ]
    assert [done.status for done in runs] == [0] * len(runs), [done.err for done in runs if done.status]
    assert f"Basic {BASIC}" in senders(world.private)
    assert {request.path for request in world.public.requests} >= {"/simple/app/"}
    assert world.public.asked("*.whl")
    assert senders(world.public) == {None}
    looked_at = nothing_shows(world, runs)
    assert sum("cache" in path.parts for path in looked_at) > 4


@every_way
def test_errors_do_not_tell(world: World, way: Callable[[World], None]) -> None:
    way(world)
    publish(world.private, "lib", "2.0", hashes={"sha256": "0" * 64})
    runs = [world.cli("lock", "a", "--verbose"), world.cli("lock", "a", "--json")]
    world.private.fault("/simple/lib/", status=503)
    runs += [world.cli("lock", "a", "--refresh", "--verbose"), world.cli("lock", "a", "--refresh", "--json")]
    world.private.faults.clear()
    world.private.fault("/simple/lib/", body=b"<html><form></form></html>", content_type="text/html")
    runs += [world.cli("lock", "a", "--refresh", "--verbose"), world.cli("lock", "a", "--refresh", "--json")]
    world.private.stop()
    runs += [world.cli("lock", "a", "--refresh", "--verbose"), world.cli("lock", "a", "--refresh", "--json")]
    assert [done.status for done in runs] == [4] * len(runs)
    assert all(f"127.0.0.1:{world.private.port}" in done.out + done.err for done in runs[2:])
    for done in runs:
        for secret in SECRETS:
            assert secret not in done.out + done.err


@every_way
def test_another_host_that_asks_for_them_gets_none(world: World, way: Callable[[World], None]) -> None:
    way(world)
    world.public.index(auth=(USER, PASSWORD))
    done = world.cli("lock", "a")
    assert done.status == 4
    assert "refuses to answer (401)" in done.said
    assert f"localhost:{world.public.port}" in done.said
    assert senders(world.public) == {None}
    nothing_shows(world, [done])


def test_wrong_ones_are_said_to_be_refused(world: World) -> None:
    world.patch.setenv("UV_INDEX_MY_CORP_USERNAME", USER)
    world.patch.setenv("UV_INDEX_MY_CORP_PASSWORD", "another")
    done = world.cli("lock", "a")
    assert done.status == 4
    assert "index 'my-corp'" in done.said
    assert "UV_INDEX_MY_CORP_PASSWORD" in done.said
    assert "another" not in done.out + done.err


def test_the_keyring_is_asked_once_refused_and_about_its_host_alone(world: World) -> None:
    _by_keyring(world)
    assert world.cli("lock", "a").status == 0
    asked = (world.home / "keyring.log").read_text().splitlines()
    assert asked
    assert all(str(world.public.port) not in line for line in asked)
    assert PASSWORD not in "".join(asked)


def test_a_spec_that_holds_them_is_refused_without_repeating_them(world: World) -> None:
    world.spec(world.private.url().replace("://", f"://{USER}:{quote(PASSWORD, safe='')}@"), "lib", "app")
    runs = [world.cli("lock", "a"), world.cli("lock", "a", "--json"), world.cli("show", "a")]
    assert [done.status for done in runs] == [2, 2, 2]
    assert world.private.requests == []
    for done in runs:
        assert "specs/a.yaml:5" in done.out + done.err or done.json["error"]["facts"]["problems"][0]["line"] == 5
        for secret in SECRETS:
            assert secret not in done.out + done.err
