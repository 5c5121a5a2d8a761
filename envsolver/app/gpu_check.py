"""The use case ``gpu check``: an environment, tried on a node, held against its lock; and the receipt of that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.app.gpu import expectations
from envsolver.app.gpu_probe import read_report, run_probe
from envsolver.build.manifest import read_manifest
from envsolver.gpu.judge import judge
from envsolver.gpu.model import Receipt, Result
from envsolver.model.errors import UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.app.verifying import Verified
    from envsolver.gpu.model import Expectations, Report, Verdict
    from envsolver.model.ports import Progress

__all__ = ["CheckOptions", "Checked", "check_environment"]

_ABOUT_NODE = ("tree", "gpu", "driver", "architecture", "packages")
"""Results that come of no single check of the probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What the user asks of a check.

    Attributes:
        prefix: of the environment; None with ``report``.
        report: file that a probe wrote elsewhere, to be judged.
        groups: that are installed beside the base; None: those that it was built with.
        only: checks to run; empty for all.
        timeout: seconds for each check, None for its own.
        as_is: try what is there, whoever built it, and whether or not it was changed since.
        require_gpu: whether it is a failure that there is no GPU.
    """

    prefix: Path | None = None
    report: Path | None = None
    groups: tuple[str, ...] | None = None
    only: tuple[str, ...] = ()
    timeout: float | None = None
    as_is: bool = False
    require_gpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check.

    Attributes:
        expected: of the lock.
        report: of the probe.
        verdict: of both.
        receipt: of that, None where only some checks were run.
        lacks_gpu: whether there is no GPU, and one was required.
    """

    expected: Expectations
    report: Report
    verdict: Verdict
    receipt: Receipt | None
    lacks_gpu: bool


def check_environment(project: Project, environment: Environment, options: CheckOptions, progress: Progress) -> Checked:
    """Try an environment on this node, or judge what was found on another one.

    Raises:
        UsageError: neither or both of prefix and report are given, there is no environment, envsolver did not build it
            for this lock, or a check is unknown.
        FileError: there is no lock, or something cannot be read.
        InterpreterError: the environment's interpreter does not work.
    """
    if (options.prefix is None) == (options.report is None):
        raise UsageError(
            "`gpu check` needs one of --prefix DIR, an environment to try here, and --report FILE, what a probe wrote"
            " elsewhere",
            hint="`envsolver build NAME --prefix DIR` makes an environment, `envsolver gpu probe` the probe",
        )
    groups, python = _surroundings(options)
    expected = expectations(project, environment, groups=groups)
    _check_names(expected, options.only)
    verified: Verified | None = None
    if python is not None:
        if not options.as_is and not options.only:
            verified = _verified(project, environment, options, progress)
        report = run_probe(python, expected, progress, only=options.only, timeout=options.timeout)
    else:
        assert options.report is not None  # noqa: S101 - one of the two is given, as was checked above
        report = read_report(options.report)
    verdict = judge(expected, report, require_gpu=options.require_gpu, only=frozenset(options.only))
    if verified is not None:
        verdict = replace(verdict, results=(_tree(verified, environment.name), *verdict.results))
    return Checked(
        expected=expected,
        report=report,
        verdict=verdict,
        receipt=None if options.only else _receipt(expected, report, verdict, verified),
        lacks_gpu=options.require_gpu and expected.wants_gpu and not report.node.devices,
    )


def _surroundings(options: CheckOptions) -> tuple[tuple[str, ...], Path | None]:
    """Return the groups that are installed, and the interpreter to ask."""
    if options.prefix is None:
        return options.groups or (), None
    python = options.prefix.absolute() / "bin" / "python"
    if not python.exists():
        raise UsageError(
            f"{options.prefix} is no environment: it has no bin/python",
            hint="`envsolver build NAME --prefix DIR` builds one",
        )
    manifest = read_manifest(options.prefix.absolute())
    if manifest is None and not options.as_is:
        raise UsageError(
            f"envsolver did not build {options.prefix}: it has no manifest that can be read",
            hint="`envsolver build` builds it from the lock; --as-is tries what is there",
        )
    if options.groups is not None:
        return options.groups, python
    return (manifest.groups if manifest is not None else ()), python


def _check_names(expected: Expectations, only: tuple[str, ...]) -> None:
    known = [*_ABOUT_NODE, *(one.check for one in expected.checks)]
    for name in only:
        if name not in known:
            from difflib import get_close_matches

            near = did_you_mean(get_close_matches(name, known, n=2))
            raise UsageError(
                f"the lock of {expected.environment} has no check {name!r}", hint=near or f"it has {', '.join(known)}"
            )


def _verified(project: Project, environment: Environment, options: CheckOptions, progress: Progress) -> Verified:
    from envsolver.app.verifying import verify

    assert options.prefix is not None  # noqa: S101 - there is an interpreter in it
    return verify(project, environment, options.prefix, options.groups, progress)


def _tree(verified: Verified, name: str) -> Result:
    if verified.sound:
        return Result(check="tree", status="pass", message=f"{verified.files} files, {verified.tree}")
    wrong = [one.name for one in verified.moved] or sorted({one.package or one.path for one in verified.differences})
    shown = f"{', '.join(wrong[:4])}{' and more' if len(wrong) > 4 else ''}" or "another tree than the lock records"
    return Result(
        check="tree",
        status="fail",
        code="RUN001",
        message=f"not what the lock says: {shown}",
        fix=f"`envsolver verify {name} --prefix DIR` names the files; build it again, or use --as-is",
    )


def _receipt(expected: Expectations, report: Report, verdict: Verdict, verified: Verified | None) -> Receipt:
    from envsolver import __version__

    return Receipt(
        environment=expected.environment,
        lock=expected.lock,
        tree=verified.tree if verified is not None else None,
        sound=verified.sound if verified is not None else None,
        platform=expected.platform,
        python=report.python,
        groups=expected.groups,
        time=report.time,
        devices=report.node.devices,
        architectures=tuple(sorted({device.architecture for device in report.node.devices})),
        driver=report.node.driver,
        verdict="fail" if verdict.failed else "pass",
        counts={status: verdict.count(status) for status in ("pass", "fail", "not-run", "expected")},
        results=verdict.results,
        envsolver=__version__,
        probe=report.probe,
        kernel=report.system.get("kernel"),
    )
