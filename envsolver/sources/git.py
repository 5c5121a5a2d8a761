"""Git, for references to repositories: which commit a revision is, and its files."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from envsolver.model.errors import FileError, NetworkError
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Checkout", "Git", "is_commit"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SETTINGS = {
    # No question may wait for an answer: there may be nobody to give one.
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    # Large files are no part of what a build backend reads for metadata.
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C.UTF-8",
}
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Set where envsolver runs in a hook; they would point git at another repository than the one it is asked for."""


def is_commit(revision: str) -> bool:
    """Tell whether a revision is the full name of a commit (SHA-1 or SHA-256), so that it can mean nothing else."""
    return _COMMIT.fullmatch(revision) is not None


class Checkout(NamedTuple):
    """The files of a commit."""

    folder: Path
    commit: str


class Git:
    """Runs the ``git`` program, never through a shell, never with a question.

    Args:
        environ: environment variables; credential helpers and ssh settings of the user stay in force.
        timeout_s: seconds after which a command is killed.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, timeout_s: float = 900.0) -> None:
        given = os.environ if environ is None else environ
        self._environ = {key: value for key, value in given.items() if key not in _FOREIGN} | _SETTINGS
        self._environ.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
        self._timeout_s = timeout_s

    async def resolve(self, url: str, revision: str) -> str | None:
        """Return the commit that a branch, a tag or ``HEAD`` is now; None if the repository has none of that name.

        Raises:
            NetworkError: the repository cannot be reached.
            FileError: there is no git.
        """
        listing = await self._run("ls-remote", "--", url, revision, f"{revision}^{{}}", about=url)
        found: dict[str, str] = {}
        for line in listing.splitlines():
            commit, _, name = line.partition("\t")
            found[name] = commit
        # An annotated tag is an object of its own; what it stands for is listed with ^{}.
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", revision):
            if is_commit(found.get(name, "")):
                return found[name]
        return None

    async def checkout(self, url: str, revision: str, parent: str) -> Checkout:
        """Clone into a new folder below ``parent`` and check a revision out. Submodules come along.

        The whole history comes too (without old contents, where the server can leave them out): version numbers are
        often made of the distance to the last tag.

        Raises:
            NetworkError: the repository cannot be reached, or has no such revision.
            FileError: there is no git.
        """
        folder = Path(parent) / "repository"
        await self._run("clone", "--quiet", "--no-checkout", "--filter=blob:none", "--", url, str(folder), about=url)
        try:
            commit = await self._commit(folder, revision, url)
        except NetworkError:
            # Commits that no branch or tag leads to (pull requests) come only when asked for.
            await self._run("fetch", "--quiet", "origin", revision, folder=folder, about=url)
            commit = await self._commit(folder, "FETCH_HEAD", url)
        await self._run("checkout", "--quiet", "--detach", commit, folder=folder, about=url)
        if (folder / ".gitmodules").is_file():
            await self._run("submodule", "--quiet", "update", "--init", "--recursive", folder=folder, about=url)
        return Checkout(folder, commit)

    async def _commit(self, folder: Path, revision: str, url: str) -> str:
        wanted = f"{revision}^{{commit}}"
        return (await self._run("rev-parse", "--verify", "--quiet", wanted, folder=folder, about=url)).strip()

    async def _run(self, *arguments: str, about: str, folder: Path | None = None) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                cwd=folder,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError:
            raise FileError(
                f"{redact(about)} is a git repository, and there is no git here", hint="install git"
            ) from None
        try:
            output, errors = await asyncio.wait_for(process.communicate(), self._timeout_s)
        except TimeoutError:
            raise NetworkError(f"{redact(about)}: git took longer than {self._timeout_s:.0f} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise NetworkError(f"{redact(about)}: git {arguments[0]}: {_reason(errors)}")
        return output.decode("utf-8", "replace")


def _reason(errors: bytes) -> str:
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    # What matters begins with "fatal:"; advice on what might be the matter follows it.
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    return redact("; ".join(fatal)) or "it failed without a word"
