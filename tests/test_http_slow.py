"""Servers that drip: each piece comes before the timeout on silence, and the body never ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import NetworkError
from envsolver.sources import transport
from envsolver.sources.http import HttpClient
from envsolver.sources.retry import RetryPolicy
from envsolver.sources.transport import SLOW_BYTES, SLOW_SECONDS, Pace, TooSlowError

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_byte_now_and_then_is_too_slow() -> None:
    clock = Clock()
    pace = Pace(clock)
    while clock.now < SLOW_SECONDS - 1:
        clock.now += 1
        pace.took(1)
    clock.now += 1
    with pytest.raises(TooSlowError):
        pace.took(1)


def test_a_slow_line_is_not() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(1000):
        clock.now += 1
        pace.took(2 * SLOW_BYTES // int(SLOW_SECONDS))


def test_what_was_fast_once_may_not_stop() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.took(10**9)
    clock.now = SLOW_SECONDS
    pace.took(1)
    clock.now = 2 * SLOW_SECONDS
    with pytest.raises(TooSlowError):
        pace.took(1)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_client_gives_up(index_server: IndexServer, monkeypatch: pytest.MonkeyPatch, streamed: bool) -> None:
    monkeypatch.setattr(transport, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(transport, "SLOW_BYTES", 1 << 20)
    index_server.route("/a", b"x" * 100_000)
    index_server.fault("/a", pause=0.08)

    async def read() -> None:
        async with HttpClient(environ={}, retry=RetryPolicy(tries=1)) as http:
            if not streamed:
                await http.get(f"{index_server.base}/a")
                return
            async with http.stream(f"{index_server.base}/a") as stream:
                async for _ in stream.chunks:
                    pass

    with pytest.raises(NetworkError, match="bytes came within"):
        asyncio.run(read())
