"""The probe as a program: which Pythons read it, what it imports, what it reports where nothing is installed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.gpu_probe import PROGRAM
from envsolver.gpu import probe
from envsolver.gpu.codec import load_node, load_report

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = PROGRAM.read_text(encoding="utf-8")
SINCE_38 = {
    *("removeprefix", "removesuffix", "add_dll_directory", "is_relative_to", "readlink", "cached_property"),
    *("importlib.metadata", "tomllib", "zoneinfo", "graphlib"),
}
"""What Python 3.7 has not got, of what is tempting here."""


def test_python_37_reads_it() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 7))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not names & SINCE_38
    # Annotations are not evaluated; aliases of types would be.
    first = next(node for node in tree.body if isinstance(node, ast.ImportFrom))
    assert first.module == "__future__"


def test_it_imports_the_standard_library_alone() -> None:
    found = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add((node.module or "").partition(".")[0])
    assert found <= set(sys.stdlib_module_names) | {"__future__"}


def run(*options: str, python: str = sys.executable) -> Any:
    done = subprocess.run([python, "-I", "-B", str(PROGRAM), *options], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the interpreter of an environment without packages."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def test_an_environment_without_packages(bare: str) -> None:
    found = run(python=bare)
    assert found["checks"] == []
    assert found["packages"] == {}
    report = load_report(json.dumps(found).encode())
    assert report.python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}")


def test_what_is_planned_and_cannot_be_tried_is_told(bare: str, tmp_path: Path) -> None:
    plan = tmp_path / "expect.json"
    names = ("matmul", "import:json", "import:nothing", "from-the-future")
    plan.write_text(json.dumps({"checks": [{"check": name} for name in names]}), encoding="utf-8")
    found = {one["check"]: one for one in run("--expect", str(plan), python=bare)["checks"]}
    assert (found["matmul"]["status"], found["matmul"]["reason"]) == ("not-run", "not installed: torch")
    assert found["import:json"]["status"] == "pass"
    assert found["import:nothing"]["status"] == "fail"
    assert found["import:nothing"]["error"]["type"] == "ModuleNotFoundError"
    assert found["from-the-future"]["reason"].endswith("has no such check")


def test_the_node_alone() -> None:
    node, system = load_node(json.dumps(run("--node")).encode())
    assert system["machine"]
    assert bool(node.devices) == (node.source is not None)
    assert set(node.containers) == {"inside", "programs", "docker_runtime", "cdi"}


def test_numbers_of_versions() -> None:
    assert (probe.cudnn_text(8500), probe.cudnn_text(90100), probe.cudnn_text(7605)) == ("8.5.0", "9.1.0", "7.6.5")
    assert (probe.nccl_text(21403), probe.nccl_text(2804)) == ("2.14.3", "2.8.4")


def test_an_elf_file_names_what_it_links() -> None:
    import _ctypes
    import _ssl

    for module in (_ctypes, _ssl):
        file = str(module.__file__ or "")  # of an interpreter that has it built in, there is none
        assert not file.endswith(".so") or any(name.startswith("lib") for name in probe._needed(file))
    assert probe._needed(__file__) == set()
    assert probe._soname("/nowhere") == ""


def test_every_check_says_what_it_needs() -> None:
    for name, one in probe.CHECKS.items():
        assert name == one.name
        assert one.title
        assert one.run.__doc__
        assert one.device in {"any", "gpu"}
        assert one.packages
