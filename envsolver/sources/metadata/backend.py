"""Running a build backend, through pypa/build: blocking, in a thread of its own."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, TypeAlias

from envsolver.children import run_child

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BackendFailedError", "Stop", "prepare_metadata"]

Stop: TypeAlias = Callable[[], bool]
"""Tells whether the work is not wanted any more."""

_GAVE_UP = re.compile(rb"Retry\(total=0\b|Max retries exceeded")
"""What pip prints before it treats an index that does not answer as one that is empty."""
_LINES = 15
_LINE_BYTES = 300


class BackendFailedError(Exception):
    """A backend, or the installation of its requirements, failed.

    Attributes:
        lines: the last that were printed.
        unreachable: an index did not answer, so that nothing is known of the backend itself.
    """

    def __init__(self, message: str, lines: Sequence[str] = (), *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.lines = tuple(lines)
        self.unreachable = unreachable


def prepare_metadata(source: Path, timeout_s: float, stop: Stop) -> bytes:
    """Return the METADATA that the backend of a project's folder prepares (or, failing that hook, builds).

    Raises:
        BackendFailedError: the environment cannot be made, or the backend fails, or takes too long.
    """
    import warnings

    import pyproject_hooks
    from build import BuildBackendException, BuildException, FailedProcessError, ProjectBuilder, TypoWarning
    from build.env import DefaultIsolatedEnv

    # What backends have to say about an author's settings is nothing that a user of the package can act on.
    warnings.simplefilter("ignore", getattr(pyproject_hooks, "BuildBackendWarning", TypoWarning))
    warnings.simplefilter("ignore", TypoWarning)
    run = _Runner(time.monotonic() + timeout_s, stop)
    try:
        with TemporaryDirectory(prefix="envsolver-") as out, DefaultIsolatedEnv() as env:
            builder = ProjectBuilder.from_isolated_env(env, source, runner=run)
            env.install(builder.build_system_requires)
            env.install(builder.get_requires_for_build("wheel"))
            return (Path(builder.metadata_path(out)) / "METADATA").read_bytes()
    except BuildBackendException as error:
        reason = f"it was killed after {timeout_s:.0f} s" if run.killed else _first_line(error)
        raise BackendFailedError(reason, run.tail()) from error
    except FailedProcessError as error:
        raise BackendFailedError(_first_line(error), _last_lines(_output(error.exception))) from error
    except subprocess.CalledProcessError as error:
        output = _output(error)
        raise BackendFailedError(
            "its build requirements cannot be installed",
            _last_lines(output),
            unreachable=_GAVE_UP.search(output) is not None,
        ) from error
    except (BuildException, OSError, RuntimeError) as error:
        raise BackendFailedError(_first_line(error)) from error
    finally:
        run.close()


class _Runner:
    """Runs the backend's hooks; keeps what they print in a file, for its last lines."""

    def __init__(self, deadline: float, stop: Stop) -> None:
        self._deadline = deadline
        self._stop = stop
        self.killed = False
        self._log: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed by close()

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        environ = {**os.environ, **(extra_environ or {})}
        status = run_child(cmd, cwd=cwd, environ=environ, log=self._log, unwanted=self._unwanted)
        if status:
            raise subprocess.CalledProcessError(status, list(cmd))

    def _unwanted(self) -> bool:
        if self._stop() or time.monotonic() > self._deadline:
            self.killed = True
        return self.killed

    def tail(self) -> list[str]:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 2 * _LINES * _LINE_BYTES))
        return _last_lines(self._log.read())

    def close(self) -> None:
        self._log.close()


def _output(error: subprocess.CalledProcessError) -> bytes:
    parts = [part if isinstance(part, bytes) else str(part or "").encode() for part in (error.stdout, error.stderr)]
    return b"\n".join(parts)


def _last_lines(output: bytes) -> list[str]:
    lines = output.decode("utf-8", "replace").splitlines()
    return [line[:_LINE_BYTES] for line in lines if line.strip()][-_LINES:]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
