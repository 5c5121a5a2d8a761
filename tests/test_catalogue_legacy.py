"""The environments whose wheels no record has: locked against an index that serves such names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import publish
from tests.support.packages import make_wheel

if TYPE_CHECKING:
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPECS = Path(__file__).parent.parent / "specs"
COMMON = (
    "fairscale",
    "horovod",
    "protobuf",
    "pyspark",
    "pytest",
    "pytorch-lightning",
    "six",
    "tensorboard",
    "torchmetrics",
)
"""What comes from the default index, with what rules add (six)."""
CUDA = ("113", "115")


@pytest.fixture(params=CUDA)
def cuda(request: pytest.FixtureRequest, cli: CommandLine, default_index: IndexServer) -> str:
    """The CUDA of an environment, whose spec is as it is but for the hosts of its indexes."""
    version: str = request.param
    build, ort = f"cu{version}", {"113": "1.11.1", "115": "1.11.0"}[version]
    default_index.index("ort", format="find-links")
    for name in COMMON:
        publish(default_index, name, "1.0")
    publish(default_index, "deepspeed", "0.7.3", "torch")
    publish(default_index, "torch-ort", ort)
    # Newer and of the same names, where they must never be taken from.
    for name in ("torch", "torchvision", "onnxruntime-training"):
        publish(default_index, name, "99.0")
    for name in ("torch", "torchvision"):
        own = {"torch": "1.11.0", "torchvision": "0.12.0"}[name]
        served(default_index, name, f"{own}+{build}", "torch==1.11.0" if name == "torchvision" else "", index=build)
    served(default_index, "onnxruntime-training", f"1.11.1+{build}", index="ort")
    (cli.root / "specs").mkdir(exist_ok=True)
    shutil.copy(SPECS / "_acpt.yaml", cli.root / "specs")
    text = (SPECS / f"acpt-1.11-py38-{build}.yaml").read_text(encoding="utf-8")
    text = text.replace(f"https://download.pytorch.org/whl/{build}", default_index.url(build).rstrip("/"))
    text = re.sub(r"https://download\.onnxruntime\.ai/\S+", default_index.url("ort"), text)
    text = re.sub(r"    frozen: .*\n", "", text)
    assert "download." not in text
    cli.spec("legacy", text)
    return build


def served(server: IndexServer, name: str, version: str, *requires: str, index: str) -> None:
    filename = f"{name.replace('-', '_')}-{version}-cp38-cp38-linux_x86_64.whl"
    wheel = make_wheel(name, version, requires=[text for text in requires if text], tag="cp38-cp38-linux_x86_64")
    server.add(filename, wheel, index=index, upload_time="2022-06-01T00:00:00Z")


def test_it_is_locked_where_its_wheels_are_served(cli: CommandLine, cuda: str) -> None:
    done = cli("lock", "legacy", "--no-builds")
    assert done.status == 0, done.err
    text = cli.requirements_file("legacy").read_text(encoding="utf-8")
    for pin in (f"torch==1.11.0+{cuda}", f"torchvision==0.12.0+{cuda}", f"onnxruntime-training==1.11.1+{cuda}"):
        assert pin in text
    assert "99.0" not in text


@pytest.mark.parametrize(("package", "at"), [("torchvision", "pytorch"), ("onnxruntime-training", "onnxruntime")])
def test_what_is_missing_is_named_with_its_index(
    cli: CommandLine, default_index: IndexServer, cuda: str, package: str, at: str
) -> None:
    index = default_index.index(cuda if at == "pytorch" else "ort")
    for filename in [name for name in index.files if name.startswith(package.replace("-", "_") + "-")]:
        del index.files[filename]
    before = cli.files()
    done = cli("lock", "legacy", "--no-builds")
    assert done.status == 3
    assert f"no index has a package '{package}', required by specs/" in done.said
    assert f"(asked: {at}-{cuda})" in done.said
    assert cli.files() == before
