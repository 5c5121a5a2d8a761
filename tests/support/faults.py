"""What can be wrong with a server's answers, as data that the loopback index applies."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

__all__ = ["Fault", "Faults"]


@dataclass(kw_only=True)
class Fault:
    """A misbehaviour of the paths that match, for the next ``times`` requests or for good.

    Attributes:
        path: pattern (``fnmatch``) that the request's path must match, ``*`` for all.
        times: how many requests it hits before it is used up; None for all.
        status: answer with this status and no content.
        headers: extra headers of the answer, e.g. ``{"Retry-After": "1"}``; they win over the real ones.
        delay: seconds before the answer begins.
        jitter: up to so many more seconds, drawn from ``seed``, the path and how often it was asked.
        drop_after: close the connection after so many bytes of the body (0: right after the headers; -1: without any
            answer at all), though Content-Length announced all of it.
        truncate: serve only so many bytes of the body, with a Content-Length that fits: a broken file, whole.
        corrupt: flip the byte at this position of the body.
        content_type: say this instead of the right type.
        body: serve this instead of the right body.
        redirect: answer 302 to this URL; ``{path}`` in it stands for the request's path and query.
        pause: seconds between pieces of 4 KiB: a slow link.
        methods: HTTP methods that it hits; empty means all.
    """

    path: str = "*"
    times: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    drop_after: int | None = None
    truncate: int | None = None
    corrupt: int | None = None
    content_type: str | None = None
    body: bytes | None = None
    redirect: str | None = None
    pause: float = 0.0
    methods: tuple[str, ...] = ()
    hits: int = 0
    """How many requests it has hit so far."""

    def matches(self, method: str, path: str) -> bool:
        """Say whether a request is hit, used-up faults never."""
        if self.times is not None and self.hits >= self.times:
            return False
        return fnmatchcase(path, self.path) and (not self.methods or method in self.methods)

    def wait(self, path: str, asked: int) -> float:
        """Return the seconds to wait before the ``asked``-th answer to a path; the same for the same seed."""
        return self.delay + random.Random(f"{self.seed}:{path}:{asked}").uniform(0, self.jitter)  # noqa: S311 - delays


class Faults:
    """The faults of a server, in the order added; safe to use from the server's threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Add a fault and return it, so that a test can read its ``hits``."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Behave well again."""
        with self._lock:
            self._faults.clear()

    def hit(self, method: str, path: str) -> list[Fault]:
        """Return the faults that hit a request, counted."""
        with self._lock:
            hit = [fault for fault in self._faults if fault.matches(method, path)]
            for fault in hit:
                fault.hits += 1
            return hit
