"""A project whose environment has packages of conda and of pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.lock.reader import loads
from tests.support.channels import ChannelFolder

if TYPE_CHECKING:
    from envsolver.lock.model import Lock
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["HEAD", "Joint", "versions"]

HEAD = """\
python: "3.9"
platforms: [linux-64]
system: {{ glibc: "2.31" }}
channels: [{channels}]
"""


class Joint:
    """A project with channels and an index."""

    def __init__(self, cli: CommandLine, index: IndexServer) -> None:
        self.cli = cli
        self.index = index
        self.main = ChannelFolder(cli.root / "main")
        self.main.python("3.9.13", "3.10.4")

    def spec(self, body: str, *channels: str) -> None:
        head = HEAD.format(channels=", ".join(channels or (self.main.url,)))
        self.cli.spec("a", head + body)

    def lock(self, body: str, *channels: str, options: tuple[str, ...] = ()) -> Lock:
        self.spec(body, *channels)
        done = self.cli("lock", "a", *options)
        assert done.status == 0, done.err
        return self.read()

    def refused(self, body: str, *channels: str, status: int = 3) -> str:
        self.spec(body, *channels)
        done = self.cli("lock", "a")
        assert done.status == status, done.err
        return done.said

    def read(self) -> Lock:
        return loads(self.cli.lock_file("a").read_text(encoding="utf-8"))


def versions(lock: Lock) -> dict[str, str]:
    return {package.name: package.version for package in lock.packages}
