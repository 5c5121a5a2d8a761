"""A tunnelling proxy on loopback that counts the bytes of whoever is told to use it, and can play a slower link.

Both tools speak TLS to the index through ``CONNECT``, so the count is what really crossed the network, headers and
handshakes included, and nothing that the tools see is rewritten.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Link", "Relay", "Traffic"]

_PIECE = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to imitate.

    Attributes:
        delay: seconds that bytes take each way (half a round trip).
        bandwidth: bytes per second towards the client, shared by all connections; None for as fast as it goes.
    """

    delay: float = 0.0
    bandwidth: float | None = None


@dataclass(slots=True, kw_only=True)
class Traffic:
    """What crossed the relay.

    Attributes:
        received: bytes towards the client.
        sent: bytes from it.
        connections: how many tunnels were opened.
    """

    received: int = 0
    sent: int = 0
    connections: int = 0


class Relay:
    """The proxy, in a thread of its own; a context manager."""

    def __init__(self, link: Link | None = None) -> None:
        self.link = link or Link()
        self.traffic = Traffic()
        self._free_at = 0.0
        self._addresses: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0), self._loop
        ).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The proxy's URL, for ``HTTP_PROXY`` and ``HTTPS_PROXY``."""
        if self._server is None:
            raise RuntimeError("the relay has not been started")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def environment(self) -> dict[str, str]:
        """Return the variables that send a client's traffic through the relay."""
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        return dict.fromkeys(names, self.url) | {"no_proxy": "", "NO_PROXY": ""}

    def reset(self) -> Traffic:
        """Return what was counted so far and start again from nothing."""
        traffic, self.traffic = self.traffic, Traffic()
        return traffic

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side hung up, as clients do when they have what they want
        finally:
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        host, port = _authority(method, target)
        upstream_reader, upstream_writer = await self._connect(host, port)
        self.traffic.connections += 1
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # RFC 9112, section 3.2.2: servers accept the absolute form, so a plain request passes as it came.
            self.traffic.sent += len(head)
            upstream_writer.write(head)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream_writer, down=False))
                group.create_task(self._pump(upstream_reader, writer, down=True))
        except* OSError:
            pass  # the connection is over, whoever ended it
        finally:
            upstream_writer.close()

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # A name is resolved once: a resolver that stalls now and then would hit one tool and spare the other.
        if (host, port) not in self._addresses:
            found = await self._loop.getaddrinfo(host, port, type=1)
            self._addresses[host, port] = [(str(entry[4][0]), int(entry[4][1])) for entry in found]
        error: OSError | None = None
        for address, number in self._addresses[host, port]:
            try:
                return await asyncio.open_connection(address, number, limit=_PIECE)
            except OSError as failed:
                error = failed
        raise error or OSError(f"{host} has no address")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        """Copy until the end; ``down`` is towards the client."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(pieces, writer))
            with contextlib.suppress(OSError):
                while piece := await reader.read(_PIECE):
                    await pieces.put((self._due(len(piece), down=down), piece))
            await pieces.put((0.0, b""))

    def _due(self, size: int, *, down: bool) -> float:
        """Count a piece and return the loop's time at which it arrives over the imitated link."""
        now = self._loop.time()
        if not down:
            self.traffic.sent += size
            return now + self.link.delay
        self.traffic.received += size
        if self.link.bandwidth is not None:
            self._free_at = max(now, self._free_at) + size / self.link.bandwidth
            now = self._free_at
        return now + self.link.delay

    async def _deliver(self, pieces: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, piece = await pieces.get()
            if not piece:
                break
            wait = due - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _authority(method: str, target: str) -> tuple[str, int]:
    from urllib.parse import urlsplit

    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
