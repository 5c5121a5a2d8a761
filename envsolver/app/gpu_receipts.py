"""Receipts on disk, under ``locks/receipts/``: written, read, and asked for before a release."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from envsolver.app.files import write_together
from envsolver.app.lockfile import read_lock
from envsolver.gpu.codec import dumps, load_receipt
from envsolver.model.errors import EnvsolverError, FileError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.values import dataclass
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from envsolver.app.checking import CheckOutcome
    from envsolver.app.project import Environment, Project
    from envsolver.findings.model import Finding
    from envsolver.gpu.model import Receipt

__all__ = ["Proof", "Wanted", "parse_age", "receipts_of", "wanted", "with_receipts", "write_receipt"]

FOLDER = "receipts"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A receipt of an environment.

    Attributes:
        path: of its file.
        receipt: itself.
        current: whether it is for what the lock says now.
    """

    path: Path
    receipt: Receipt
    current: bool

    @property
    def counts(self) -> bool:
        """Whether it proves that the lock runs: current, without failures, of the files that the lock stands for."""
        return self.current and self.receipt.verdict == "pass" and self.receipt.sound is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The receipts that are asked for.

    Attributes:
        architectures: ``sm_90``.
        max_age: of a receipt, None for any.
    """

    architectures: tuple[str, ...]
    max_age: timedelta | None = None


def write_receipt(project: Project, receipt: Receipt) -> tuple[Path, bool]:
    """Write a receipt in the place of an older one of the same environment and kind of device.

    Returns:
        Its path, and whether anything was written.

    Raises:
        FileError: it cannot be written; an older one is still there.
    """
    path = project.root / "locks" / FOLDER / f"{receipt.environment}.{receipt.place}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{project.relative(path.parent)} cannot be made: {system_reason(error)}") from error
    return path, path in write_together({path: dumps(receipt).encode()})


def receipts_of(project: Project, name: str) -> tuple[Proof, ...]:
    """Return the receipts of an environment, the newest first; files that are none are left out.

    Args:
        project: that keeps the receipts.
        name: of an environment of the project, or of one that envsolver ships; without a lock no receipt is current.
    """
    digest = _digest(project, name)
    found = []
    for path in sorted((project.root / "locks" / FOLDER).glob("*.json")):
        try:
            receipt = load_receipt(path.read_bytes())
        except (OSError, ValueError):
            continue
        if receipt.environment == name:
            found.append(Proof(path=path, receipt=receipt, current=receipt.lock == digest))
    return tuple(sorted(found, key=lambda proof: proof.receipt.time, reverse=True))


def _digest(project: Project, name: str) -> str | None:
    from envsolver.app.project import locate_environment
    from envsolver.lock.digest import content_digest

    try:
        return content_digest(read_lock(*locate_environment(project.root, name)))
    except EnvsolverError:
        return None


def parse_age(text: str) -> timedelta:
    """Return how long ``30d``, ``12h`` or ``4w`` is.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no age", hint="write a number of hours, days or weeks: 12h, 30d, 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def wanted(architectures: str, max_age: str | None) -> Wanted:
    """Return what ``--require-receipt`` and ``--max-age`` ask for.

    Raises:
        UsageError: an architecture or an age makes no sense.
    """
    named = tuple(dict.fromkeys(one.strip() for one in architectures.split(",") if one.strip()))
    for one in named:
        if not re.fullmatch(r"sm_\d{2,3}|gfx[0-9a-f]{3,5}|cpu", one):
            raise UsageError(f"{one!r} is no architecture", hint="write sm_80, sm_90, gfx90a, or cpu")
    if not named:
        raise UsageError("--require-receipt needs an architecture", hint="write --require-receipt sm_80,sm_90")
    return Wanted(architectures=named, max_age=parse_age(max_age) if max_age is not None else None)


def with_receipts(
    project: Project,
    environments: Sequence[Environment],
    outcomes: Sequence[CheckOutcome],
    asked: Wanted,
    *,
    folder: Path | None = None,
) -> tuple[CheckOutcome, ...]:
    """Return the outcomes of ``check`` with a finding for each receipt that is missing or does not count.

    Environments that are not for GPUs, by their spec, need none but that of a CPU.

    Args:
        project: of the environments.
        environments: that were judged.
        outcomes: one for each.
        asked: the receipts that must be there.
        folder: of the user's project, which keeps the receipts of what envsolver ships; None: the nearest.

    Raises:
        UsageError: envsolver ships the environments, and there is no project.
    """
    from envsolver.app.project import open_project
    from envsolver.findings.judge import ordered

    home = open_project(folder) if project.shipped else project
    now = datetime.now(UTC)
    found = []
    for environment, outcome in zip(environments, outcomes, strict=True):
        if outcome.error is not None or outcome.standing == "missing":
            found.append(outcome)
            continue
        lacks = tuple(_lacks(project, home, environment, asked, now))
        found.append(replace(outcome, findings=ordered((*lacks, *outcome.findings))) if lacks else outcome)
    return tuple(found)


def _lacks(
    project: Project, home: Project, environment: Environment, asked: Wanted, now: datetime
) -> Iterator[Finding]:
    from envsolver.findings.model import Finding

    gpu = project.spec(environment, validate=False).gpu
    proofs = receipts_of(home, environment.name)
    for architecture in asked.architectures:
        if architecture != "cpu" and (gpu is None or gpu.backend == "cpu"):
            continue
        of_it = [one for one in proofs if architecture in (one.receipt.architectures or ("cpu",))]
        reasons = [_reason(one, asked, now) for one in of_it]
        if any(reason is None for reason in reasons):
            continue
        message = (
            f"the receipt for {architecture} does not count: {reasons[0]}"
            if reasons
            else f"there is no receipt for {architecture}"
        )
        yield Finding(
            code="RUN021" if reasons else "RUN020",
            severity="error",
            message=message,
            environment=environment.name,
            packages=(),
            place=Origin(home.relative(of_it[0].path) if of_it else project.relative(environment.path), 1),
            hint=f"`envsolver gpu check {environment.name} --prefix DIR` on such a node writes one; commit it",
        )


def _reason(proof: Proof, asked: Wanted, now: datetime) -> str | None:
    """Return why a receipt does not count, None if it does."""
    receipt = proof.receipt
    if not proof.current:
        return f"the lock has changed since {receipt.time}"
    if receipt.verdict != "pass":
        return f"{receipt.counts.get('fail', 0)} checks failed on {receipt.time}"
    if receipt.sound is not True:
        return "nobody held the files that were tried against the lock (--as-is, or a report from elsewhere)"
    if asked.max_age is not None:
        try:
            age = now - datetime.fromisoformat(receipt.time)
        except (ValueError, TypeError):
            return f"{receipt.time!r} is no time"
        if age > asked.max_age:
            return f"it is {age.days} days old"
        if age < timedelta(days=-1):
            return f"it is of the future: {receipt.time}"
    return None
