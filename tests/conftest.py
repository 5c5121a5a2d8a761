"""Fixtures for all tests, and the guard that keeps them on this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cli import CommandLine
from tests.support.index_server import IndexServer
from tests.support.joint import Joint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Deadlines measure the machine, not the code. On a runner the examples are the same every time; whoever wants new
# ones sets HYPOTHESIS_PROFILE=explore.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "explore",
    deadline=None,
    max_examples=2000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Nothing listens on port 9 (discard): what should have gone to a loopback index and did not fails at once.
_NOWHERE = "http://127.0.0.1:9/simple/"
_FOREIGN = ("PIP_", "UV_", "CONDA_", "ENVSOLVER_", "RATTLER_", "NETRC", "XDG_", "VIRTUAL_ENV")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class LeftMachineError(AssertionError):
    """A test that is not marked ``live`` tried to reach another machine."""


def _is_local(address: Any) -> bool:
    # Unix sockets have a path for an address.
    return not isinstance(address, tuple) or address[0] in _LOOPBACK or str(address[0]).startswith("127.")


@pytest.fixture(autouse=True)
def _hermetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests reach loopback addresses only, unless they are marked ``live``."""
    if request.node.get_closest_marker("live") is not None:
        return
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise LeftMachineError(f"connection to {address}")
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if not _is_local(address):
            raise LeftMachineError(f"connection to {address}")
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _is_local((name,)):
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: tests resolve no names but localhost")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture(autouse=True)
def _own_surroundings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Give each test an empty home and cache, and none of the user's configuration.

    Live tests keep the configuration, which says where the index is, but not the cache.
    """
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(home / "cache" / "envsolver"))
    if request.node.get_closest_marker("live") is not None:
        return
    for key in list(os.environ):
        if (key.startswith(_FOREIGN) and key != "ENVSOLVER_CACHE_DIR") or key.lower() in _PROXIES:
            monkeypatch.delenv(key)
    for key, folder in {"XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data"}.items():
        monkeypatch.setenv(key, str(home / folder))
    for key in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(key, str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    # For subprocesses, which the guard above does not reach: no configuration file, no index, no downloads.
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_INDEX_URL", _NOWHERE)
    monkeypatch.setenv("UV_DEFAULT_INDEX", _NOWHERE)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")


@pytest.fixture
def new_index_server() -> Iterator[Callable[[], IndexServer]]:
    """Return a function that starts one more loopback index; all are stopped at the end."""
    started: list[IndexServer] = []

    def start() -> IndexServer:
        server = IndexServer()
        started.append(server)
        return server.__enter__()

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def index_server(new_index_server: Callable[[], IndexServer]) -> IndexServer:
    """Return a running loopback index, empty."""
    return new_index_server()


@pytest.fixture
def default_index(index_server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> IndexServer:
    """Return ``index_server``, configured as the user's default index for pip, uv and envsolver."""
    monkeypatch.setenv("PIP_INDEX_URL", index_server.url())
    monkeypatch.setenv("UV_DEFAULT_INDEX", index_server.url())
    return index_server


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the folder that the tests stand in, with specs and locks."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line in an empty project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


@pytest.fixture
def joint(cli: CommandLine, default_index: IndexServer) -> Joint:
    """Return a project in the current folder, with a channel of conda and the default index."""
    return Joint(cli, default_index)
