"""Does a lock run? It is installed into a fresh environment, whose packages are then used (:mod:`benchmarks.smoke`)."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from uv import find_uv_bin

from benchmarks.tools import interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Finding", "Trial", "Workshop", "clashes", "digest", "findings"]

Outcome = Literal["runs", "breaks", "clashes", "not installed"]

SMOKE = Path(__file__).with_name("smoke")
_INSTALL_SECONDS = 1800
_SMOKE_SECONDS = 900
# What the user's shell or Python configuration brings along would be tested too.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "JAVA_HOME")
_OFFLINE = {
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONFAULTHANDLER": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "WANDB_MODE": "offline",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found wrong.

    Attributes:
        error: the exception, one line.
        at: file and line that raised it, relative to site-packages.
        trace: the end of the traceback.
    """

    check: str
    error: str
    at: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one lock.

    Attributes:
        key: of what was tried, see :func:`digest`.
        findings: of the checks that failed; the installer's words where it was not installed.
        clashes: files that two packages own with different content, one line for each pair of packages.
    """

    key: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    clashes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """One line, empty if it runs."""
        if self.clashes:
            return self.clashes[0]
        return f"{self.findings[0].check}: {self.findings[0].error}" if self.findings else ""

    def document(self) -> dict[str, Any]:
        """Return the trial for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Trial:
        """Return the trial that :meth:`document` wrote."""
        return cls(
            key=document["key"],
            outcome=document["outcome"],
            findings=tuple(Finding(**finding) for finding in document["findings"]),
            clashes=tuple(document["clashes"]),
            checks=tuple(document["checks"]),
        )


def digest(python: str, pins: Mapping[str, str], checks: Sequence[str], build_constraints: Sequence[str]) -> str:
    """Return what identifies a trial: the packages, and the code of the checks that they have to pass."""
    content = json.dumps([python, sorted(pins.items()), list(checks), list(build_constraints), _code(checks)])
    return hashlib.sha256(content.encode()).hexdigest()


def _code(checks: Sequence[str]) -> list[str]:
    """Return the source of the checks and of all that they could share, comments and layout left out."""
    code = []
    for path in sorted(set(SMOKE.glob("*.py")) - {SMOKE / "__main__.py"}):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_check = isinstance(node, ast.FunctionDef) and any(
                isinstance(decorator, ast.Name) and decorator.id == "check" for decorator in node.decorator_list
            )
            if not is_check or (isinstance(node, ast.FunctionDef) and node.name.replace("_", "-") in checks):
                code.append(ast.unparse(node))
    return code


class Workshop:
    """Where environments are made, tried, and removed again. All of them share one uv cache and its hard links."""

    def __init__(self, root: Path, *, cache: Path, settings: Path, keep_free: float = 15e9) -> None:
        """Use a folder on the cache's file system.

        Args:
            root: for what is made; removed by the caller.
            cache: uv's, emptied when the disk has less than ``keep_free`` bytes left.
            settings: uv's configuration file, which names the index.
            keep_free: bytes.

        """
        self.root = root
        self.cache = cache
        self.settings = settings
        self.keep_free = keep_free

    def trial(self, key: str, python: str, requirements: str, checks: Sequence[str], build: Sequence[str]) -> Trial:
        """Install a lock and run its checks.

        Args:
            key: see :func:`digest`.
            python: minor version.
            requirements: the lock, a requirements file with a hash for each file.
            checks: names, ``import:MODULE`` included.
            build: constraints on what source archives are built with.

        """
        self._make_room()
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            failure = self._install(folder, python, requirements, build)
            if failure:
                finding = Finding(check="install", error=_summary(failure), trace=failure[-4000:])
                return Trial(key=key, outcome="not installed", findings=(finding,), checks=tuple(checks))
            clashing = clashes(_records(folder / "env"))
            found = self._smoke(folder, checks)
        outcome: Outcome = "clashes" if clashing else "breaks" if found else "runs"
        return Trial(key=key, outcome=outcome, findings=found, clashes=clashing, checks=tuple(checks))

    def _make_room(self) -> None:
        if self.cache.exists() and shutil.disk_usage(self.cache).free < self.keep_free:
            self._uv("cache", "clean")
        if shutil.disk_usage(self.root.parent).free < self.keep_free:
            raise SystemExit(f"less than {self.keep_free / 1e9:.0f} GB free on the disk, with an empty cache")

    def _uv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(find_uv_bin()), *arguments, "--config-file", str(self.settings), "--cache-dir", str(self.cache)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "VIRTUAL_ENV"))}
        try:
            return subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS, env=environment
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, -1, "", f"stopped after {_INSTALL_SECONDS} s")

    def _install(self, folder: Path, python: str, requirements: str, build: Sequence[str]) -> str:
        """Install, and return what went wrong, empty if nothing did."""
        base = interpreter(python)
        if base is None:
            return f"error: no interpreter of Python {python} on this machine"
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        (folder / "build.txt").write_text("".join(f"{line}\n" for line in build), encoding="utf-8")
        made = self._uv("venv", "--quiet", "--no-project", "--python", base, str(folder / "env"))
        if made.returncode != 0:
            return made.stderr
        installed = self._uv(
            *("pip", "install", "--quiet", "--python", str(folder / "env/bin/python")),
            *("--no-deps", "--require-hashes", "--link-mode", "hardlink"),
            *("--build-constraints", str(folder / "build.txt"), "--requirements", str(folder / "requirements.txt")),
        )
        return installed.stderr if installed.returncode != 0 else ""

    def _smoke(self, folder: Path, checks: Sequence[str]) -> tuple[Finding, ...]:
        """Run the checks in one process, whose working folder and module path hold nothing else."""
        shutil.copytree(SMOKE, folder / "modules/smoke", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "scratch").mkdir()
        results = folder / "results.jsonl"
        environment = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        environment |= _OFFLINE | {"HOME": str(folder / "scratch"), "PYTHONPATH": str(folder / "modules")}
        environment["PATH"] = f"{folder / 'env/bin'}{os.pathsep}{environment['PATH']}"
        command = [str(folder / "env/bin/python"), "-m", "smoke", str(results), *checks]
        with (folder / "output.txt").open("wb") as output:
            try:
                status = subprocess.run(
                    command,
                    cwd=folder / "scratch",
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                    timeout=_SMOKE_SECONDS,
                ).returncode
                end = f"the interpreter ended with {status}"
            except subprocess.TimeoutExpired:
                end = f"stopped after {_SMOKE_SECONDS} s"
        # Where the environment stood is no part of what went wrong in it.
        text, tail = (
            path.read_text(encoding="utf-8", errors="replace").replace(f"{folder}/", "") if path.exists() else ""
            for path in (results, folder / "output.txt")
        )
        return findings([json.loads(line) for line in text.splitlines()], checks, end=end, output=tail[-3000:])


def findings(
    lines: Sequence[Mapping[str, Any]], checks: Sequence[str], *, end: str, output: str
) -> tuple[Finding, ...]:
    """Return what failed, from what the smoke test wrote before it ended.

    Args:
        lines: of its results.
        checks: that were asked for, in order.
        end: how its process ended, in words.
        output: the end of what it printed.

    """
    done = {line["check"]: line for line in lines if "check" in line}
    found = [
        Finding(check=name, error=line["error"], at=line["at"], trace=line["trace"])
        for name, line in done.items()
        if not line["ok"]
    ]
    missing = [name for name in checks if name not in done]
    if missing:
        found.append(Finding(check=missing[0], error=end, trace=output))
    return tuple(found)


def clashes(records: Mapping[str, Iterable[tuple[str, str]]]) -> tuple[str, ...]:
    """Return the files that two distributions own with different content, one line for each pair.

    Which content is there depends on which was installed last. The same content twice does no harm: the parts of a
    namespace package often bring the same empty ``__init__.py``.

    Args:
        records: distribution → path and hash of its files.

    """
    owners: dict[str, tuple[str, str]] = {}
    pairs: dict[tuple[str, str], list[str]] = {}
    for name, files in sorted(records.items()):
        for path, content in files:
            other, same = owners.setdefault(path, (name, content))
            if other != name and same != content:
                pairs.setdefault((other, name), []).append(path)
    return tuple(
        f"{first} and {second} own {len(paths)} files in common, such as {min(paths)}"
        for (first, second), paths in sorted(pairs.items())
    )


def _records(environment: Path) -> dict[str, list[tuple[str, str]]]:
    """Return path and hash of every installed file that has a hash, by distribution (RECORD, PEP 376 and 427)."""
    records = {}
    for path in environment.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == 3]
        records[path.parent.name.removesuffix(".dist-info")] = [(row[0], row[1]) for row in rows if row[1]]
    return records


def _summary(text: str) -> str:
    """Return the lines of uv's message that say what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or line.startswith(("error", "\N{MULTIPLICATION SIGN}", "╰"))]
    return " | ".join((telling or lines)[:4])[:400]
