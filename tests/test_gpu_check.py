"""``envsolver gpu check`` on environments that are built from a lock: healthy ones, and some broken on purpose."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from envsolver.app.gpu_receipts import parse_age, receipts_of
from envsolver.app.project import Project
from envsolver.model.errors import UsageError
from tests.support.building import MINOR
from tests.support.cli import CommandLine
from tests.support.gpu_packages import compile_library, needs_no_gpu, put, torch_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Done
    from tests.support.index_server import IndexServer

SITE = f"lib/python{MINOR}/site-packages"
HEALTHY = ("import:torch", "import:kernels", "torch-build", "libraries", "packages")

_NUMPY = """
class _Array(list):
    tolist = lambda self: list(self)
def ones(number, dtype=None):
    return _Array([1.0] * number)
"""
_RUNTIME = """
PROVIDERS = {providers!r}
class InferenceSession:
    def __init__(self, model, providers):
        self._providers = providers
    def run(self, outputs, inputs):
        import numpy
        return [type(inputs["x"])(a + b for a, b in zip(inputs["x"], inputs["y"]))]
    def get_providers(self):
        return self._providers
def get_available_providers():
    return list(PROVIDERS)
"""
_DRIVER = """
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned n) { strcpy(text, "515.65.01"); return 0; }
int nvmlSystemGetCudaDriverVersion(int *version) { *version = 11070; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *) 1; return 0; }
int nvmlDeviceGetName(void *device, char *text, unsigned n) { strcpy(text, "NVIDIA A100-SXM4-40GB"); return 0; }
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) { *major = 8; *minor = 0; return 0; }
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *memory) { memory[0] = 42505273344ULL; return 0; }
"""


class Bench:
    """A project with one environment, whose packages a test chooses."""

    def __init__(self, run: CommandLine, server: IndexServer) -> None:
        self.run, self.server = run, server

    def build(self, *more: str, kernels: str = "", cuda: str | None = "11.7") -> Path:
        """Publish, lock and build torch 1.13.1, ``kernels`` and more packages; return the prefix."""
        put(self.server, "torch", "1.13.1", torch_files(cuda))
        put(self.server, "kernels", "1.0", {"kernels/__init__.py": kernels or "import torch\n"}, tag="py3-none-any")
        packages = ", ".join(["torch==1.13.1", "kernels", *more])
        self.run.spec(
            "demo",
            f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [{packages}]\nimports: [torch, kernels]\n'
            f'gpu: {{backend: cuda, cuda: "11.7", architectures: ["8.0"]}}\n',
        )
        assert self.run("lock", "demo").status == 0
        assert self.run("build", "demo", "--prefix", "env", "--python", sys.executable).status == 0
        return self.run.root / "env"

    def check(self, *options: str, only: tuple[str, ...] = HEALTHY) -> Done:
        """Run some checks."""
        names = [word for name in only for word in ("--only", name)]
        return self.run("gpu", "check", "demo", "--prefix", "env", *names, *options)

    def results(self, *options: str, only: tuple[str, ...] = HEALTHY) -> dict[str, tuple[str, str | None, str]]:
        """Return check → (status, code, message)."""
        found = self.check("--json", *options, only=only).json["results"]
        return {one["check"]: (one["status"], one["code"], one["message"]) for one in found}


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> Bench:
    """Return a project that is the current folder, on a machine without a GPU."""
    needs_no_gpu()
    for name in ("LD_LIBRARY_PATH", "ENVSOLVER_REQUIRE_GPU"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return Bench(CommandLine(root, capsys), default_index)


# Environments that are broken on purpose, and their healthy twin


def test_healthy(bench: Bench) -> None:
    bench.build()
    done = bench.check()
    assert done.status == 0, done.out
    assert "torch 1.13.1+cu117 is a build for CUDA 11.7, cuDNN 8.5.0, NCCL 2.14.3" in " ".join(done.out.split())
    assert "FAIL" not in done.out


def test_a_build_for_the_cpu_where_cuda_is_expected(bench: Bench) -> None:
    bench.build(cuda=None)
    done = bench.check()
    assert done.status == 1
    assert bench.results()["torch-build"][:2] == ("fail", "RUN004")
    assert "a build for the CPU; the lock has one for CUDA 11.7" in " ".join(done.out.split())
    assert "fix: Install the locked wheel" in " ".join(done.out.split())


def test_a_second_libcudart_in_the_environment(bench: Bench) -> None:
    kernels = """
    import mmap, os, torch
    with open(os.path.join(os.path.dirname(__file__), "libcudart.so.12"), "rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)
    """
    prefix = bench.build(kernels=kernels)
    (prefix / SITE / "kernels" / "libcudart.so.12").write_bytes(b"x" * 64)
    status, code, message = bench.results()["libraries"]
    assert (status, code) == ("fail", "RUN009")
    assert "kernels/libcudart.so.12" in message
    # The file is no part of the lock, which the whole check says first.
    assert "FAIL RUN001" in bench.run("gpu", "check", "demo", "--prefix", "env", "--no-receipt").out


def test_a_libcudart_of_another_version_on_the_library_path(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extension links ``libcudart.so.12``, which LD_LIBRARY_PATH leads to."""
    toolkit, made = tmp_path / "toolkit", tmp_path / "made"
    toolkit.mkdir()
    made.mkdir()
    version = "int cudaRuntimeGetVersion(int *version) { *version = 12010; return 0; }\n"
    (toolkit / "libcudart.so.12").write_bytes(compile_library(made, "libcudart.so.12", version))
    source = "int cudaRuntimeGetVersion(int *);\nint ask(void) { int v; cudaRuntimeGetVersion(&v); return v; }\n"
    extension = compile_library(made, "_kernels.so", source, str(toolkit / "libcudart.so.12"))
    load = 'import ctypes, os, torch\nctypes.CDLL(os.path.join(os.path.dirname(__file__), "_kernels.so"))\n'
    prefix = bench.build(kernels=load)
    (prefix / SITE / "kernels" / "_kernels.so").write_bytes(extension)
    assert bench.results()["import:kernels"][:2] == ("fail", "RUN016")  # libcudart.so.12 is not found
    monkeypatch.setenv("LD_LIBRARY_PATH", str(toolkit))
    found = bench.results()
    assert found["import:kernels"][0] == "pass"
    assert found["libraries"][:2] == ("fail", "RUN009")
    assert "(for _kernels.so)" in found["libraries"][2]
    report = json.loads(bench.check("-o", "-").out)
    libraries = next(one for one in report["checks"] if one["check"] == "libraries")["facts"]["mapped"]
    assert [one["version"] for one in libraries if one["major"] == "12"] == ["12.1"]


def test_an_extension_that_was_compiled_against_another_torch(bench: Bench, tmp_path: Path) -> None:
    source = "void _ZN2at4_ops5zeros4callEv(void);\nvoid ask(void) { _ZN2at4_ops5zeros4callEv(); }\n"
    extension = compile_library(tmp_path, "_kernels.so", source)
    load = """
    import ctypes, os, torch
    ctypes.CDLL(os.path.join(os.path.dirname(__file__), "_kernels.so"), mode=os.RTLD_NOW)
    """
    prefix = bench.build(kernels=load)
    (prefix / SITE / "kernels" / "_kernels.so").write_bytes(extension)
    status, code, message = bench.results()["import:kernels"]
    assert (status, code) == ("fail", "RUN014")
    assert "undefined symbol: _ZN2at4_ops5zeros4callEv" in message


@pytest.mark.parametrize(
    ("kernels", "code", "message"),
    [
        ("import time\ndef wait():\n    time.sleep(600)\nwait()\n", "RUN011", "no end within 4 s, in wait (kernels/"),
        (
            "import ctypes\ndef read():\n    ctypes.string_at(0)\nread()\n",
            "RUN010",
            "ended by SIGSEGV, in read (kernels/",
        ),
        ("import os\nos._exit(3)\n", "RUN010", "ended with status 3 and no result"),
        ("raise SystemExit('no licence')\n", "RUN002", "SystemExit: no licence (at kernels/__init__.py:1)"),
    ],
)
def test_imports_that_do_not_end_well(bench: Bench, kernels: str, code: str, message: str) -> None:
    bench.build(kernels=kernels)
    found = bench.results("--timeout", "4", only=("import:torch", "import:kernels"))
    assert found["import:torch"][0] == "pass"
    assert found["import:kernels"][:2] == ("fail", code)
    assert message in found["import:kernels"][2]


BOTH = ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(("providers", "code"), [(BOTH[1:], "RUN013"), (BOTH, None)])
def test_the_providers_of_onnxruntime(bench: Bench, providers: list[str], code: str | None) -> None:
    put(bench.server, "numpy", "1.23.5", {"numpy/__init__.py": _NUMPY})
    put(bench.server, "onnxruntime-gpu", "1.14.1", {"onnxruntime/__init__.py": _RUNTIME.format(providers=providers)})
    bench.build("onnxruntime-gpu==1.14.1", "numpy==1.23.5")
    assert bench.results(only=("onnxruntime-providers",))["onnxruntime-providers"][1] == code


def test_a_missing_driver(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's library is on the library path, or that is an empty folder."""
    bench.build()
    driver, empty = tmp_path / "driver", tmp_path / "empty"
    driver.mkdir()
    empty.mkdir()
    compile_library(driver, "libnvidia-ml.so.1", _DRIVER)
    checks = ("gpu", "driver", "architecture")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver))
    done = bench.check("--require-gpu", only=checks)
    assert done.status == 0, done.out
    assert "NVIDIA A100-SXM4-40GB (sm_80)" in done.out
    assert "515.65.01 runs CUDA 11.7" in done.out
    monkeypatch.setenv("LD_LIBRARY_PATH", str(empty))
    done = bench.check("--require-gpu", only=checks)
    assert done.status == 2
    assert "FAIL RUN006" in done.out
    assert "libnvidia-ml.so.1: cannot open shared object file" in " ".join(done.out.split())
    assert bench.check(only=checks).status == 0
    monkeypatch.setenv("ENVSOLVER_REQUIRE_GPU", "1")
    assert bench.check(only=checks).status == 2


def test_what_an_installer_changed(bench: Bench) -> None:
    prefix = bench.build()
    metadata = next((prefix / SITE).glob("kernels-1.0.dist-info")) / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    metadata.unlink()
    metadata.write_text(text.replace("Version: 1.0", "Version: 2.0"), encoding="utf-8")
    status, code, message = bench.results()["packages"]
    assert (status, code, message) == ("fail", "RUN003", "kernels 2.0 in place of 1.0")


# Receipts


def receipt_options() -> tuple[str, ...]:
    # What the small torch cannot do is not tried: the receipt of a whole run has its failures.
    return ("gpu", "check", "demo", "--prefix", "env")


def test_a_receipt(bench: Bench) -> None:
    bench.build()
    done = bench.run(*receipt_options(), "--junit", "gpu.xml", "--json")
    assert done.status == 1  # this torch has no tensors
    path = bench.run.root / "locks" / "receipts" / "demo.cpu.json"
    assert done.json["receipt"] == "locks/receipts/demo.cpu.json"
    receipt = json.loads(path.read_text(encoding="utf-8"))
    assert receipt["sound"] is True
    assert receipt["tree"] == bench.run("verify", "demo", "--prefix", "env", "--json").json["tree"]
    assert (receipt["verdict"], receipt["architectures"], receipt["driver"]) == ("fail", [], None)
    assert receipt["counts"]["not-run"] > 5
    assert str(bench.run.root) not in path.read_text(encoding="utf-8")
    suite = ET.parse(bench.run.root / "gpu.xml").getroot()  # noqa: S314 - written above
    assert suite.get("name") == "gpu.demo"
    (proof,) = receipts_of(Project(root=bench.run.root), "demo")
    assert proof.current
    assert not proof.counts
    # Some checks alone prove nothing about a lock.
    path.unlink()
    assert bench.check().status == 0
    assert not path.exists()


def write(bench: Bench, **changes: object) -> None:
    """Write a receipt as a node with an A100 would, with some changes, out of the one of this machine."""
    folder = bench.run.root / "locks" / "receipts"
    receipt = json.loads((folder / "demo.cpu.json").read_text(encoding="utf-8"))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    receipt |= {"verdict": "pass", "architectures": ["sm_80"], "time": now} | changes
    (folder / "demo.sm_80.json").write_text(json.dumps(receipt), encoding="utf-8")


def codes_of(done: Done) -> list[str]:
    return [one["code"] for one in done.json["environments"][0]["findings"] if one["code"].startswith("RUN")]


def test_the_gate_of_a_release(bench: Bench) -> None:
    bench.build()
    gate = ("check", "demo", "--json", "--require-receipt")
    assert codes_of(bench.run(*gate, "sm_80")) == ["RUN020"]
    bench.run(*receipt_options())
    write(bench)
    done = bench.run(*gate, "sm_80", "--max-age", "30d")
    assert (done.status, codes_of(done)) == (0, [])
    assert codes_of(bench.run(*gate, "sm_80,sm_90")) == ["RUN020"]
    for changes in (
        {"verdict": "fail"},
        {"sound": None},
        {"lock": "sha256:0"},
        {"time": (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%dT%H:%M:%SZ")},
    ):
        write(bench, **changes)
        done = bench.run(*gate, "sm_80", "--max-age", "30d")
        assert (done.status, codes_of(done)) == (1, ["RUN021"]), changes
    (bench.run.root / "locks" / "receipts" / "demo.sm_80.json").write_text("{", encoding="utf-8")
    assert codes_of(bench.run(*gate, "sm_80")) == ["RUN020"]
    sarif = bench.run("check", "demo", "--format", "sarif", "--require-receipt", "sm_80")
    assert "RUN020" in sarif.out


@pytest.mark.parametrize(
    "options",
    [
        ("--require-receipt", "a100"),
        ("--require-receipt", ","),
        ("--max-age", "30d"),
        ("--require-receipt", "sm_80", "--max-age", "soon"),
    ],
)
def test_gates_that_make_no_sense(bench: Bench, options: tuple[str, ...]) -> None:
    bench.run.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [demo]\n')
    assert bench.run("check", "demo", *options).status == 2


def test_ages() -> None:
    assert parse_age("12h") == timedelta(hours=12)
    assert parse_age("4w") == timedelta(weeks=4)
    with pytest.raises(UsageError, match="no age"):
        parse_age("30")


# The command line


def test_a_report_from_another_node(bench: Bench) -> None:
    bench.build()
    assert bench.run("gpu", "expect", "demo", "-o", "expect.json").status == 0
    assert bench.run("gpu", "probe", "-o", "probe.py").status == 0
    python = bench.run.root / "env" / "bin" / "python"
    options = ["--expect", "expect.json", "--output", "report.json", "--only", "torch-build"]
    subprocess.run([str(python), "-I", "-B", "probe.py", *options], check=True, cwd=bench.run.root)
    done = bench.run("gpu", "check", "demo", "--report", "report.json", "--only", "torch-build")
    assert done.status == 0
    (bench.run.root / "report.json").write_text('{"probe": 1}', encoding="utf-8")
    done = bench.run("gpu", "check", "demo", "--report", "report.json")
    assert done.status == 2
    assert "is no report of a probe" in done.said


def test_mistakes(bench: Bench) -> None:
    bench.build()
    for options, status, said in (
        ((), 2, "`gpu check` needs one of --prefix DIR, an environment to try here, and --report FILE"),
        (
            ("--prefix", "env", "--report", "x"),
            2,
            "`gpu check` needs one of --prefix DIR, an environment to try here, and --report FILE",
        ),
        (("--prefix", "nowhere"), 2, "nowhere is no environment"),
        (("--prefix", "env", "--only", "torch-biuld"), 2, "did you mean 'torch-build'"),
        (("--report", "nowhere"), 4, "there is no file nowhere"),
    ):
        done = bench.run("gpu", "check", "demo", *options)
        assert done.status == status
        assert said in done.said


def test_an_environment_of_somebody_else(bench: Bench) -> None:
    prefix = bench.build()
    (prefix / ".envsolver" / "manifest").unlink()
    done = bench.run("gpu", "check", "demo", "--prefix", "env")
    assert done.status == 2
    assert "envsolver did not build env" in done.said
    assert "--as-is" in done.said
    done = bench.run("gpu", "check", "demo", "--prefix", "env", "--as-is", "--json")
    assert "tree" not in {one["check"] for one in done.json["results"]}
    receipt = json.loads((bench.run.root / "locks" / "receipts" / "demo.cpu.json").read_text(encoding="utf-8"))
    assert (receipt["tree"], receipt["sound"]) == (None, None)


def test_the_doctor(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.build()
    compile_library(tmp_path, "libnvidia-ml.so.1", _DRIVER)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    done = bench.run("gpu", "doctor", "--json")
    assert done.status == 0
    assert done.json["node"]["driver"] == "515.65.01"
    assert [one["capability"] for one in done.json["node"]["devices"]] == ["8.0"]
    environments = {one["name"]: one for one in done.json["environments"]}
    # What envsolver ships is looked at, too; the newest CUDA asks for another driver.
    assert environments["torch-2.9-cu128-py312"]["standing"] == "lacks"
    found = environments["demo"]
    assert {one["check"]: one["status"] for one in found["results"]}["driver"] == "pass"
    older = _DRIVER.replace("515.65.01", "440.33.01")
    compile_library(tmp_path, "libnvidia-ml.so.1", older)
    done = bench.run("gpu", "doctor", "demo")
    assert done.status == 1
    assert "demo: cannot run here" in done.out
    assert "FAIL RUN007" in done.out


def test_the_doctor_needs_no_project(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = bench.run("gpu", "doctor")
    assert done.status == 0
    assert "there is no GPU" in done.out
    # Which of them can run depends on the interpreters of this machine.
    assert re.search(r"^torch-cpu-py311: (can run here|cannot run here)$", done.out, re.MULTILINE)
    assert bench.run("gpu", "expect", "acpt-1.13-py38", "--platform", "linux-64", "--json").json["toolkit"] == "11.7"


def test_receipts_of_what_envsolver_ships(bench: Bench, repository: Path) -> None:
    report = str(repository / "tests" / "data" / "probes" / "recorded-cpu-acpt-1.13-py38.json")
    bench.run.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [demo]\n')
    (bench.run.root / "locks").mkdir()
    done = bench.run("gpu", "check", "acpt-1.13-py38", "--report", report, "--json")
    assert done.json["receipt"] == "locks/receipts/acpt-1.13-py38.cpu.json"
    (proof,) = receipts_of(Project(root=bench.run.root), "acpt-1.13-py38")
    assert proof.current
    assert not proof.counts  # nobody held the files against the lock
    gate = ("check", "acpt-1.13-py38", "--json", "--require-receipt")
    assert codes_of(bench.run(*gate, "cpu")) == ["RUN021"]
    assert codes_of(bench.run(*gate, "sm_80")) == ["RUN020"]
    shutil.rmtree(bench.run.root / "specs")
    done = bench.run("gpu", "check", "acpt-1.13-py38", "--report", report, "--json")
    assert done.json["receipt"] is None
    assert "here is no project to keep it in" in done.said
