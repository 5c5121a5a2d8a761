"""Running envsolver in this process, on a project that a test has written."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envsolver.cli.main import main
from tests.support.packages import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.index_pages import StoredFile
    from tests.support.index_server import IndexServer

__all__ = ["CommandLine", "Done", "publish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a run of the command line left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Standard error without the line breaks that its width brings."""
        return " ".join(self.err.split())

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


class CommandLine:
    """A project in a folder that is the current one, and the command line in it."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capture = capture

    def spec(self, name: str, text: str) -> Path:
        """Write ``specs/NAME.yaml``; the text may be indented."""
        path = self.root / "specs" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def lock_file(self, name: str) -> Path:
        """Where the lock of an environment lies."""
        return self.root / "locks" / f"{name}.lock.toml"

    def requirements_file(self, name: str) -> Path:
        """Where the requirements file beside it lies."""
        return self.root / "locks" / f"{name}.requirements.txt"

    def __call__(self, *args: str) -> Done:
        """Run ``envsolver ARGS``."""
        self._capture.readouterr()
        status = main(args)
        captured = self._capture.readouterr()
        return Done(status=status, out=captured.out, err=captured.err)

    def files(self) -> dict[str, bytes]:
        """Every file of the project, by its path in it."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


def publish(
    server: IndexServer, name: str, version: str, *requires: str, index: str = "simple", **facts: Any
) -> StoredFile:
    """Put a wheel on a loopback index, all at one time; ``facts`` go to :meth:`IndexServer.add`."""
    facts.setdefault("upload_time", "2023-01-01T00:00:00Z")
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return server.add(filename, make_wheel(name, version, requires=requires), index=index, **facts)
