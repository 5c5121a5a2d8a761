"""What holds for the repository as a whole: no registry's host, no machine's path, one version, quick start-up."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import envsolver
from envsolver.cli.registry import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PURE = ("model", "solve", "knowledge", "lock", "formats", "findings")
"""The packages that open no file, socket, clock or environment variable."""

PROBE = "envsolver/gpu/probe.py"
"""A program of its own, which runs inside the environments."""


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files of the repository: those that git tracks, or all of an unpacked archive."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        paths = [ROOT / name for name in listed.decode().split("\0") if name]
    else:
        hidden = {".venv", ".nox", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
        paths = [path for path in ROOT.rglob("*") if not hidden & set(path.parts)]
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def texts() -> dict[str, str]:
    """Return the text of every file of the repository, by its path below the root."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in tracked_files()
    }


def found(pattern: str) -> list[str]:
    """Return the places at which a pattern occurs."""
    expression = re.compile(pattern)
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if expression.search(line)
    ]


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield path and syntax tree of the modules of envsolver, or of some of its packages only."""
    for path, text in texts().items():
        parts = path.split("/")
        if parts[0] == "envsolver" and path.endswith(".py") and (not packages or parts[1] in packages):
            yield path, ast.parse(text)


def test_no_file_names_the_host_of_a_registry() -> None:
    from pip._internal.models.index import PyPI, TestPyPI

    hosts = {PyPI.netloc, PyPI.file_storage_domain, TestPyPI.netloc, TestPyPI.file_storage_domain}
    hosts |= {".".join(parts) for parts in [("registry", "npmjs", "org"), ("deb", "debian", "org")]}
    assert found("|".join(re.escape(host) for host in sorted(hosts))) == []


def test_no_file_names_a_place_on_a_machine() -> None:
    personal = [str(Path.home())] if len(Path.home().parts) > 2 else []
    places = [*(f"/{folder}/" for folder in ("work", "root")), str(ROOT), *personal]
    assert found("|".join(rf"(?<![\w.:/]){re.escape(place)}" for place in places)) == []


def test_text_files_are_clean() -> None:
    hostile = "tests/data/fuzz/"  # what is wrong with these is what they are for
    assert [place for place in found(r"\s$|\r|\t(?=.*\.py:)") if not place.startswith(hostile)] == []
    unended = [path for path, text in texts().items() if text and not text.endswith("\n")]
    assert [path for path in unended if not path.startswith(hostile)] == []


def test_the_version_stands_in_one_place() -> None:
    assert version("envsolver") == envsolver.__version__, "install again: pip install -e ."
    project = tomllib.loads(texts()["pyproject.toml"])["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    releases = re.findall(r"^## \[(.+?)\]", texts()["CHANGELOG.md"], re.MULTILINE)
    assert releases[0] in {"Unreleased", envsolver.__version__}
    assert len(set(releases)) == len(releases)


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    # Built from the tracked files alone, so that what lies about in a working tree cannot make up for a missing one.
    source = tmp_path / "source"
    for path in tracked_files():
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        members = {name for name in wheel.namelist() if not name.endswith("/")}
        information = f"envsolver-{envsolver.__version__}.dist-info"
        metadata = Parser().parsestr(wheel.read(f"{information}/METADATA").decode())
        entry_points = wheel.read(f"{information}/entry_points.txt").decode()
    code = {name for name in texts() if name.startswith("envsolver/")}
    catalogue = {f"envsolver/curated/{name}" for name in texts() if name.startswith(("specs/", "locks/"))}
    code |= catalogue
    assert "envsolver/curated/locks/acpt-1.12-py39.lock.toml" in catalogue
    assert members - {name for name in members if name.startswith(information)} == code
    assert "envsolver/py.typed" in code
    assert f"{information}/licenses/LICENSE" in members
    assert "envsolver = envsolver.cli.main:run" in entry_points
    assert metadata["Version"] == envsolver.__version__
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert not [line for line in metadata.get_all("Requires-Dist", []) if line.startswith(("pytest", "nox", "uv"))]


def commands_in_documents() -> list[tuple[str, str]]:
    """Return every ``envsolver …`` command line of the documents' code blocks, with its document."""
    lines = []
    for path, text in texts().items():
        if not path.endswith(".md"):
            continue
        for block in re.findall(r"^```(?:console|sh|shell|bash)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            given = [
                line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ") or "$ " not in block
            ]
            lines += [(path, line) for line in given if "envsolver " in line]
    return lines


@pytest.mark.parametrize(("document", "line"), commands_in_documents())
def test_documented_commands_exist(document: str, line: str) -> None:
    import click

    from envsolver.cli.base import root

    for part in re.split(r"&&|\||;", line.partition(" #")[0]):
        words = shlex.split(part)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if not words or Path(words[0]).name != "envsolver":
            continue
        context = click.Context(root, info_name="envsolver")
        command: click.Command = root
        for word in words[1:]:
            if word.startswith("-"):
                options = {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}
                assert word.partition("=")[0] in options | {"--help", "--version"}, f"{document}: {line}"
            elif isinstance(command, click.Group) and (inner := command.get_command(context, word)) is not None:
                command = inner
        assert command is not root or "--version" in words or "--help" in words, f"{document}: no command in {line}"


def test_documents_name_environments_that_exist() -> None:
    specs = {path.stem for path in (ROOT / "specs").glob("*.yaml")}
    named = {
        word
        for _, line in commands_in_documents()
        for word in line.split()
        if re.fullmatch(r"(acpt|torch)-[\w.-]+", word)
    }
    assert named <= specs
    assert named


def test_the_readme_has_the_two_commands_and_ci_runs_the_second() -> None:
    lines = [
        line.removeprefix("$ ") for line in texts()["README.md"].splitlines() if "python3 -m venv .venv && " in line
    ]
    assert len(lines) == 2
    assert "envsolver lock acpt-1.13-py38" in lines[0]
    assert lines[1] in texts()[".ci/run"].splitlines()


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{path}: {target}"
        for path, text in texts().items()
        if path.endswith(".md")
        for target in re.findall(r"\]\(([^)#\s]+)", text)
        if "://" not in target and not (ROOT / path).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_command_of_the_registry_has_its_module() -> None:
    assert {f"envsolver/cli/commands/{entry.module}.py" for entry in COMMANDS.values()} <= set(texts())


HEAVY = {
    *("aiohttp", "asyncio", "build", "hatchling", "importlib.metadata", "msgspec", "networkx", "packaging", "pip"),
    *("rattler", "rich", "ssl", "tomlkit", "urllib.request", "yaml"),
}


def loaded_after(code: str, cwd: Path) -> set[str]:
    """Return which heavy modules a fresh interpreter has loaded after running some code."""
    script = f"import sys\n{code}\nprint('LOADED', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED ")[2].split()) & HEAVY


def test_importing_the_command_line_loads_nothing_heavy(tmp_path: Path) -> None:
    assert loaded_after("import envsolver.cli.main", tmp_path) == set()
    assert loaded_after("import envsolver", tmp_path) == set()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["lock", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = f"from envsolver.cli.main import main\nassert main({arguments!r}) == 0"
    assert loaded_after(code, tmp_path) == set()


def test_checking_a_lock_loads_no_solver(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "small.yaml").write_text('python: "3.11"\nplatforms: [linux-64]\npip: [demo]\n')
    code = "from envsolver.cli.main import main\nassert main(['--quiet', 'lock', 'small', '--check']) == 1"
    assert loaded_after(code, tmp_path) <= {"yaml", "packaging", "importlib.metadata"}


IMPURE_MODULES = {
    *("asyncio.subprocess", "getpass", "glob", "locale", "os", "pathlib", "platform", "random", "secrets"),
    *("socket", "subprocess", "sys", "tempfile", "threading", "time", "uuid"),
}
IMPURE_CALLS = {"open", "print", "input", "exit", "eval", "exec", "compile", "__import__"}
CLOCKS = {"now", "today", "utcnow"}
COMPILED = {("envsolver/model/values.py", "exec")}
"""Methods compiled of the names of declared fields, as the standard library's dataclasses are: no input gets there."""


def runtime_nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes of a module, but for what stands under ``if TYPE_CHECKING``."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            stack += node.orelse
            continue
        yield node
        stack += ast.iter_child_nodes(node)


def test_the_core_asks_nothing_of_the_world() -> None:
    wrong = []
    for path, tree in modules(*PURE, "gpu"):
        if path == PROBE:
            continue
        for node in runtime_nodes(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                # UUIDs of a name (RFC 9562, version 5) are a function of it.
                named = node.module == "uuid" and {alias.name for alias in node.names} <= {"UUID", "uuid5"}
                names = [] if named else [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                names = [f"{node.func.id}()"] if (str(path), node.func.id) not in COMPILED else []
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                names = [f"{node.func.attr}()"]
            else:
                continue
            wrong += [
                f"{path}:{node.lineno}: {name}" for name in names if name in IMPURE_MODULES or name.endswith("()")
            ]
    assert wrong == []


UNORDERED = {"all", "any", "dict", "frozenset", "len", "max", "min", "set", "sorted", "sum"}
"""What makes of a sequence something in which its order does not show."""


def parents(tree: ast.Module) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def order_shows(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Say whether nothing around an iterable hides the order in which it comes."""
    outer: ast.AST | None = above.get(node)
    while isinstance(outer, ast.comprehension | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.Starred):
        if isinstance(outer, ast.SetComp):
            return False
        outer = above.get(outer)
    if isinstance(outer, ast.Call) and isinstance(outer.func, ast.Name) and outer.func.id in UNORDERED:
        return False
    method = outer.func.attr if isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute) else ""
    return method not in {"update", "intersection_update", "difference_update", "isdisjoint", "union", "intersection"}


@pytest.mark.parametrize("arguments", [["list", "--json"], ["show", "acpt-1.12-py39", "--json"]])
def test_the_order_of_a_folder_does_not_show(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory lists its entries as it likes."""
    from envsolver.cli.main import main

    monkeypatch.chdir(ROOT)
    assert main(arguments) == 0
    before = capsys.readouterr().out
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(iterdir(self), reverse=True)))
    assert main(arguments) == 0
    assert capsys.readouterr().out == before


def is_set(node: ast.AST) -> bool:
    """Say whether an expression is a set by its form alone."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Sub | ast.BitXor):
        return is_set(node.left) or is_set(node.right)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in {"set", "frozenset"}
    # The views of dicts become sets with an operator, so only a bare call keeps their order.
    return isinstance(node.func, ast.Attribute) and node.func.attr in {"difference", "intersection", "union"}


def test_no_result_depends_on_the_order_of_a_set() -> None:
    """Strings hash differently in every process: a set is sorted before its order can show."""
    wrong = []
    for path, tree in modules(*PURE, "spec", "gpu"):
        above = parents(tree)
        for node in ast.walk(tree):
            sequences = []
            if isinstance(node, ast.For | ast.comprehension):
                sequences = [node.iter]
            elif isinstance(node, ast.Call) and (
                (
                    isinstance(node.func, ast.Name)
                    and node.func.id in {"list", "tuple", "enumerate", "zip", "next", "iter"}
                )
                or (isinstance(node.func, ast.Attribute) and node.func.attr in {"join", "extend", "fromkeys"})
            ):
                sequences = node.args
            wrong += [
                f"{path}:{sequence.lineno}: {ast.unparse(sequence)}"
                for sequence in sequences
                if is_set(sequence) and (not isinstance(node, ast.comprehension) or order_shows(node, above))
            ]
    assert wrong == []
