"""envsolver and uv as the benchmarks run them: one process each, the same inputs, the same target."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envsolver.model.target import DEFAULT_GLIBC, full_python_version

if TYPE_CHECKING:
    import resource
    from collections.abc import Mapping, Sequence

__all__ = [
    "Envsolver",
    "Finished",
    "InputSet",
    "Result",
    "Uv",
    "clean_environment",
    "default_index",
    "interpreter",
    "read_sets",
    "run_process",
    "script",
    "spec_inputs",
]

SETS = Path(__file__).with_name("sets.toml")
BARE = (sys.executable, str(Path(__file__).with_name("bare.py")))
"""envsolver without rules and implied bounds."""
_TIMEOUT_SECONDS = 900.0
_CACHE_CONTROL = 'api = "max-age=600", files = "max-age=365000000, immutable"'
# What the user configured stays only as far as it says how to reach the index; both tools are told its URL.
_NOT_INHERITED = ("UV_", "ENVSOLVER_", "VIRTUAL_ENV", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PYTHON")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSet:
    """Requirements to be locked for one interpreter on linux-64.

    Attributes:
        explained: direct requirement → why envsolver may have it older than uv.
    """

    name: str
    requirements: tuple[str, ...]
    python: str
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    glibc: str = DEFAULT_GLIBC
    as_of: str | None = None
    note: str = ""
    explained: tuple[tuple[str, str], ...] = ()

    @property
    def direct(self) -> tuple[str, ...]:
        """Canonical names of the direct requirements, each once, in order."""
        return tuple(dict.fromkeys(canonicalize_name(Requirement(text).name) for text in self.requirements))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run of a tool gave and cost.

    Attributes:
        status: exit status; -1 if it was stopped for taking too long.
        pins: canonical name → version; empty without a solution.
        seconds: wall time of the whole process.
        cpu: user and system seconds of it and its children.
        memory: largest resident set, bytes.
        rounds: of envsolver's refinement, None for uv.
        notes: what envsolver says about its solution.
        output: what it wrote to standard error (and, where it failed, to standard output).
    """

    status: int
    pins: dict[str, str]
    seconds: float
    cpu: float
    memory: int
    output: str
    rounds: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def solved(self) -> bool:
        """Whether there is a solution."""
        return self.status == 0


def read_sets(path: Path = SETS) -> list[InputSet]:
    """Return the sets of a file, checked: names are unique and every requirement parses."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    sets = [
        InputSet(
            name=entry["name"],
            requirements=tuple(entry["requirements"]),
            python=entry["python"],
            constraints=tuple(entry.get("constraints", ())),
            overrides=tuple(entry.get("overrides", ())),
            glibc=entry.get("glibc", DEFAULT_GLIBC),
            as_of=entry.get("as-of"),
            note=entry.get("note", ""),
            explained=tuple(entry.get("explained", {}).items()),
        )
        for entry in document["set"]
    ]
    names = [entry.name for entry in sets]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: a name stands there twice")
    for entry in sets:
        for text in (*entry.requirements, *entry.constraints, *entry.overrides):
            Requirement(text)
    return sets


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that both tools get: those of the process less what would tell them apart, and others."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_INHERITED)}
    return kept | {"NO_COLOR": "1"} | dict(extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A process that has ended: its status (-1 if it was stopped), times in seconds, memory in bytes, what it said."""

    status: int
    seconds: float
    cpu: float
    memory: int
    stdout: str
    stderr: str


def run_process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, limit: float = _TIMEOUT_SECONDS
) -> Finished:
    """Run one process to its end, with the time and memory that the kernel accounts to it and its children.

    After ``limit`` seconds, and when this process is interrupted, it is killed with all that it has started.
    """
    out, err = folder / ".stdout", folder / ".stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        previous = signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            _, wait_status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    return Finished(
        status=process.returncode if process.returncode >= 0 else -1,
        seconds=seconds,
        cpu=_cpu(usage),
        memory=usage.ru_maxrss * 1024,
        stdout=out.read_text(encoding="utf-8", errors="replace"),
        stderr=err.read_text(encoding="utf-8", errors="replace"),
    )


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def _pins(requirements: str) -> dict[str, str]:
    """Return the pins of a requirements file."""
    lines = (line.split(" ")[0].split(";")[0] for line in requirements.splitlines())
    pairs = (line.partition("==") for line in lines if "==" in line and not line.startswith(("#", "-")))
    return {canonicalize_name(name.partition("[")[0]): version for name, _, version in pairs}


@cache
def interpreter(minor: str) -> str | None:
    """Return an interpreter of a series that works, for the metadata builds of both tools; None if there is none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    first = shutil.which(f"python{minor}")
    found = [*([first] if first else []), *map(str, sorted(root.glob(f"versions/{minor}.*/bin/python")))]
    for candidate in found:
        try:
            done = subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False, timeout=60)
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    return None


class Uv:
    """``uv pip compile``, with a cache that works where the index sends no cache headers.

    An index without Cache-Control and ETag makes uv ask everything again on every run. uv's own setting for that is
    written beside the cache, for the index that the user's configuration names, so that its warm runs are really warm;
    not with ``headers``: then the index's own count.
    """

    name = "uv"

    def __init__(self, scratch: Path, *, index: str, headers: bool = False, limit: float = _TIMEOUT_SECONDS) -> None:
        self.scratch = scratch
        self.cache = scratch / "uv-cache"
        self._limit = limit
        scratch.mkdir(parents=True, exist_ok=True)
        self._settings = scratch / "uv.toml"
        # The URL may carry credentials: nobody else reads it.
        self._settings.touch(mode=0o600)
        self._settings.write_text(
            f"[[index]]\nurl = {json.dumps(index)}\ndefault = true\n"
            + ("" if headers else f"cache-control = {{ {_CACHE_CONTROL} }}\n"),
            encoding="utf-8",
        )

    def forget(self) -> None:
        """Empty the cache and forget the last output."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.forget_lock()

    def forget_lock(self) -> None:
        """Forget the last output, whose versions uv would prefer."""
        self.output_file.unlink(missing_ok=True)

    @property
    def output_file(self) -> Path:
        """Where the result is written."""
        return self.scratch / "out.txt"

    def lock(
        self,
        inputs: InputSet,
        *,
        pins: Mapping[str, str] | None = None,
        hashes: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Result:
        """Resolve a set; with ``pins``, no other version of these packages may be chosen."""
        arguments = self._arguments(inputs, pins) + (["--generate-hashes"] if hashes else [])
        command = [_uv(), "pip", "compile", *arguments, "--output-file", str(self.output_file)]
        extra = {"UV_PYTHON_DOWNLOADS": "never"} | dict(environment or {})
        done = run_process(command, self.scratch, clean_environment(extra), limit=self._limit)
        solved = done.status == 0
        return Result(
            status=done.status,
            pins=_pins(self.output_file.read_text(encoding="utf-8")) if solved else {},
            seconds=done.seconds,
            cpu=done.cpu,
            memory=done.memory,
            output=done.stderr,
        )

    def _arguments(self, inputs: InputSet, pins: Mapping[str, str] | None) -> list[str]:
        listed = {
            "requirements": inputs.requirements,
            "constraints": inputs.constraints,
            "overrides": inputs.overrides,
            "pins": [f"{name}=={version}" for name, version in (pins or {}).items()],
        }
        paths = {}
        for kind, lines in listed.items():
            paths[kind] = self.scratch / f"{kind}.txt"
            paths[kind].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        arguments = [
            *("--config-file", str(self._settings), "--cache-dir", str(self.cache)),
            *("--no-header", "--no-annotate", "--quiet"),
            *("--python-version", full_python_version(inputs.python)),
            *("--python-platform", f"x86_64-manylinux_{inputs.glibc.replace('.', '_')}"),
            *("--constraints", str(paths["constraints"]), "--constraints", str(paths["pins"])),
            *("--overrides", str(paths["overrides"])),
        ]
        python = interpreter(".".join(inputs.python.split(".")[:2]))
        if python is not None:
            arguments += ["--python", python]
        if inputs.as_of is not None:
            arguments += ["--exclude-newer", inputs.as_of]
        return [*arguments, str(paths["requirements"])]


class Envsolver:
    """``envsolver lock`` on a project of one spec."""

    name = "envsolver"

    def __init__(self, scratch: Path, *, index: str, limit: float = _TIMEOUT_SECONDS) -> None:
        self.index = index
        self._limit = limit
        self.project = scratch / "project"
        self.cache = scratch / "envsolver-cache"
        (self.project / "specs").mkdir(parents=True, exist_ok=True)

    def forget(self) -> None:
        """Empty the cache and remove the locks."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.forget_lock()

    def forget_lock(self) -> None:
        """Remove the locks."""
        shutil.rmtree(self.project / "locks", ignore_errors=True)

    def lock(self, inputs: InputSet, *, environment: Mapping[str, str] | None = None) -> Result:
        """Lock a set."""
        spec = self.project / "specs" / f"{inputs.name}.yaml"
        # JSON is YAML, and needs no care for quotes.
        spec.write_text(json.dumps(_spec(inputs), indent=1), encoding="utf-8")
        return self.lock_spec(inputs.name, environment=environment)

    def run(
        self, *arguments: str, command: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
    ) -> Finished:
        """Run envsolver, or another command in its place, in the project."""
        whole = [*(command or [script("envsolver")]), "--project", str(self.project), *arguments]
        extra = {"ENVSOLVER_CACHE_DIR": str(self.cache), "UV_DEFAULT_INDEX": self.index} | dict(environment or {})
        return run_process(whole, self.project, clean_environment(extra), limit=self._limit)

    def lock_spec(
        self,
        name: str,
        *,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        report: bool = True,
    ) -> Result:
        """Lock a spec of the project as it stands.

        Args:
            name: of the spec.
            environment: further variables.
            command: in place of ``envsolver``.
            report: ask for the result as JSON, from which rounds and notes are taken; costs a little.
        """
        said = "--json" if report else "--quiet"
        done = self.run("lock", name, said, command=command, environment=environment)
        outcome = _outcome(done.stdout, name)
        requirements = self.project / "locks" / f"{name}.requirements.txt"
        solved = done.status == 0
        return Result(
            status=done.status,
            pins=_pins(requirements.read_text(encoding="utf-8")) if solved and requirements.exists() else {},
            seconds=done.seconds,
            cpu=done.cpu,
            memory=done.memory,
            output=done.stderr if solved else _error(done.stdout) or done.stdout + done.stderr,
            rounds=max((stats["rounds"] for stats in outcome.get("stats", {}).values()), default=None),
            notes=tuple(outcome.get("notes", ())),
        )


def _spec(inputs: InputSet) -> dict[str, Any]:
    """Return the spec of a set, by metadata alone: uv knows neither implied bounds nor rules."""
    from envsolver.knowledge.rules import load_rulebook

    document: dict[str, Any] = {
        "name": inputs.name,
        "python": inputs.python,
        "platforms": ["linux-64"],
        "system": {"glibc": inputs.glibc},
        "pip": list(inputs.requirements),
        "implied-bounds": "off",
        "rules": {"ignore": [{"id": rule.id, "reason": "judged by metadata"} for rule in load_rulebook().rules]},
    }
    if inputs.constraints:
        document["constraints"] = list(inputs.constraints)
    if inputs.overrides:
        document["overrides"] = list(inputs.overrides)
    if inputs.as_of is not None:
        document["as-of"] = inputs.as_of
    return document


def _outcome(stdout: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(stdout)
    except ValueError:
        return {}
    environments = document.get("environments", []) if isinstance(document, dict) else []
    return next((entry for entry in environments if entry.get("name") == name), {})


def _error(stdout: str) -> str:
    """Return the message of the error in a JSON answer, empty where there is none."""
    try:
        return str(json.loads(stdout)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def script(name: str) -> str:
    """Return the command that is installed beside the running interpreter."""
    return str(Path(sys.executable).with_name(name))


def _uv() -> str:
    from uv import find_uv_bin

    return str(find_uv_bin())


def default_index() -> str:
    """Return the URL of the user's default index, as envsolver finds it."""
    from envsolver.sources.config import default_index_url

    return default_index_url(os.environ, Path.home(), Path.cwd()).url


def spec_inputs(project: Path, name: str) -> InputSet:
    """Return what a spec asks for, base and groups together, as uv can be asked for it.

    Raises:
        ValueError: the spec binds packages to indexes, which has no counterpart here.
    """
    from envsolver.spec import load_spec

    spec = load_spec(project / "specs" / f"{name}.yaml", project)
    if spec.indexes:
        raise ValueError(f"{name} names indexes of its own")
    return InputSet(
        name=name,
        requirements=tuple(requirement.text for requirement in spec.requirements),
        python=spec.python,
        constraints=tuple(requirement.text for requirement in spec.constraints),
        overrides=tuple(requirement.text for requirement in spec.overrides),
        glibc=next((system.glibc for system in spec.systems if system.glibc is not None), DEFAULT_GLIBC),
        as_of=spec.as_of,
    )
