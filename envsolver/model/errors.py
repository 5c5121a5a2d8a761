"""The error tree: one class per thing that can go wrong for a user, one exit code per class.

Facts are attributes; ``str()`` is the message; ``hint`` is what to do next. The command line prints
``error: MESSAGE`` and ``hint: HINT`` and exits with ``exit_code``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.conflict import Reason
    from envsolver.model.fix import Fix
    from envsolver.model.origin import Origin

__all__ = [
    "ArtefactError",
    "BuildNeededError",
    "CacheError",
    "CheckFailedError",
    "EnvsolverError",
    "FileError",
    "InterpreterError",
    "LockError",
    "MetadataUnusableError",
    "NetworkError",
    "NoSolutionError",
    "Problem",
    "SpecError",
    "UnknownEnvironmentError",
    "UnknownPackageError",
    "UnknownPackagesError",
    "UsageError",
]


class EnvsolverError(Exception):
    """Root of every error that envsolver raises on purpose.

    Attributes:
        hint: what the user can do next, or None.
        code: a stable word for ``--json`` output, such as ``no-solution``.
        exit_code: the exit status of the command line.
    """

    exit_code: ClassVar[int] = 4
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class CheckFailedError(EnvsolverError):
    """A check found what it looks for (a stale lock, a finding)."""

    exit_code = 1
    code = "check-failed"


class UsageError(EnvsolverError):
    """The command line asks for something that cannot be."""

    exit_code = 2
    code = "usage"


class UnknownEnvironmentError(UsageError):
    """No spec has this name or alias."""

    code = "unknown-environment"

    def __init__(self, name: str, *, hint: str | None = None) -> None:
        super().__init__(f"no environment is called {name!r}", hint=hint)
        self.name = name


class Problem:
    """One defect of an input file: where, what, what was expected instead."""

    __slots__ = ("hint", "message", "origin")

    def __init__(self, message: str, origin: Origin | None, hint: str | None = None) -> None:
        self.message = message
        self.origin = origin
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.origin}: {self.message}" if self.origin else self.message
        return f"{text} ({self.hint})" if self.hint else text


class SpecError(EnvsolverError):
    """A spec file cannot be used. Carries *all* problems that were found, not the first alone."""

    exit_code = 2
    code = "bad-spec"

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)


class LockError(EnvsolverError):
    """A lock file cannot be read: not TOML, of an unknown version, or edited into nonsense."""

    exit_code = 2
    code = "bad-lock"

    def __init__(self, path: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}", hint=hint)
        self.path = path


class NoSolutionError(EnvsolverError):
    """The requirements cannot hold together.

    Attributes:
        summary: one line.
        conflict: the reasons, a minimal set; empty where the summary says all.
        fixes: changes of the spec with which it resolves, each solved, the smallest first; whoever looks for them puts
            them here.
        untried: changes that may help as well and could not be tried, with the reason.
    """

    exit_code = 3
    code = "no-solution"

    def __init__(self, summary: str, *, conflict: Sequence[Reason] = (), hint: str | None = None) -> None:
        lines = [f"  {line}" for reason in conflict for line in reason.lines]
        super().__init__("\n".join([summary, *lines]), hint=hint)
        self.summary = summary
        self.conflict = tuple(conflict)
        self.fixes: tuple[Fix, ...] = ()
        self.untried: tuple[str, ...] = ()


class UnknownPackageError(NoSolutionError):
    """No index that was asked knows this package."""

    code = "unknown-package"

    def __init__(
        self, name: str, *, indexes: Sequence[str], required_by: str | None = None, hint: str | None = None
    ) -> None:
        asked = ", ".join(indexes)
        by = f", required by {required_by}" if required_by else ""
        super().__init__(f"no index has a package {name!r}{by} (asked: {asked})", hint=hint)
        self.name = name
        self.indexes = tuple(indexes)
        self.required_by = required_by


class UnknownPackagesError(UnknownPackageError):
    """No index that was asked knows any of several packages. The attributes of one are those of the first.

    Attributes:
        errors: one a package.
    """

    def __init__(self, errors: Sequence[UnknownPackageError]) -> None:
        hints = [f"{error.name}: {error.hint}" for error in errors if error.hint]
        NoSolutionError.__init__(self, "\n".join(map(str, errors)), hint="\n".join(hints) or None)
        self.name = errors[0].name
        self.indexes = errors[0].indexes
        self.required_by = errors[0].required_by
        self.errors = tuple(errors)


class FileError(EnvsolverError):
    """A file or folder cannot be read or written."""

    exit_code = 4
    code = "file"


class CacheError(FileError):
    """The cache cannot be used."""

    code = "cache"


class ArtefactError(EnvsolverError):
    """A file is not the one that the lock names, or one that is not safe to install."""

    exit_code = 4
    code = "artefact"

    def __init__(self, filename: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{filename}: {reason}", hint=hint)
        self.filename = filename
        self.reason = reason


class InterpreterError(EnvsolverError):
    """The machine has no interpreter that the lock can be built with."""

    exit_code = 2
    code = "no-interpreter"


class NetworkError(EnvsolverError):
    """An index or file could not be had. The URL in the message has its credentials removed."""

    exit_code = 4
    code = "network"


class BuildNeededError(NetworkError):
    """Only a build could tell what a file requires, and none may be run."""


class MetadataUnusableError(EnvsolverError):
    """The metadata of one file cannot be had or parsed. The solver skips that candidate and remembers why."""

    code = "bad-metadata"

    def __init__(self, filename: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{filename}: {reason}", hint=hint)
        self.filename = filename
        self.reason = reason
