"""Packages of conda and of pip in one problem, from the spec to the lock and what is told of it."""

from __future__ import annotations

import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import yaml
from rattler.explicit_environment import ExplicitEnvironmentSpec

from envsolver.app.condaside import virtual_packages
from envsolver.knowledge.conda import conda_candidates, fits_gpu, project_of
from envsolver.lock.digest import content_digest
from envsolver.lock.reader import loads
from envsolver.lock.specifiers import versions_of
from envsolver.lock.writer import dumps
from envsolver.model.candidate import Name
from envsolver.model.errors import LockError
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuSpec
from envsolver.spec.load import load_spec
from tests.support.channels import PYTHON, ChannelFolder
from tests.support.cli import publish
from tests.support.joint import HEAD, versions
from tests.support.packages import make_sdist

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.joint import Joint

DATA = os.environ.get("ENVSOLVER_CONDA_DATA")
"""A folder with ``channels/pytorch`` and ``channels/conda-forge``; read here, since fixtures hide such variables."""

# One problem


def test_what_conda_has_meets_what_wheels_require(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON, "mkl >=2018", "__glibc >=2.17"], build="py3.9_1")
    joint.main.add("mkl", "2022.1")
    publish(joint.index, "metrics", "1.0", "torch>=1.10")
    publish(joint.index, "torch", "2.0")
    lock = joint.lock("conda: [pytorch=1.12.1]\npip: [metrics, 'torch<2']\n")
    assert versions(lock) == {
        "conda:mkl": "2022.1",
        "conda:python": "3.9.13",
        "conda:pytorch": "1.12.1",
        "metrics": "1.0",
    }
    (edge,) = lock.package("metrics").dependencies
    assert (edge.name, edge.project, edge.specifier) == ("conda:pytorch", "torch", ">=1.10")
    file = lock.package("pytorch").file("linux-64")
    assert (file.kind, file.filename, file.subdir) == ("conda", "pytorch-1.12.1-py3.9_1.conda", "linux-64")
    assert {root.text: root.project for root in lock.roots} == {
        "metrics": None,
        "python 3.9.*": None,
        "pytorch=1.12.1": None,
        "torch<2": "torch",
    }
    assert lock.python == "3.9.13"
    assert loads(dumps(lock)) == lock


def test_a_lock_is_the_same_again_and_asks_nobody_when_nothing_changed(joint: Joint) -> None:
    joint.main.add("numpy", "1.23", [PYTHON])
    publish(joint.index, "lib", "1.0", "numpy")
    lock = joint.lock("conda: [numpy]\npip: [lib]\n")
    before = joint.cli.files()
    assert "up to date" in joint.cli("lock", "a").err
    assert joint.cli("lock", "a", "--refresh").status == 0
    assert joint.cli("lock", "a", "--check").status == 0
    assert joint.cli.files() == before
    assert content_digest(joint.read()) == content_digest(lock)


def test_pip_provides_what_both_could_unless_the_spec_prefers_conda(joint: Joint) -> None:
    joint.main.add("numpy", "1.23", [PYTHON])
    joint.main.add("other", "1.0", [PYTHON])
    publish(joint.index, "numpy", "1.24")
    publish(joint.index, "other", "1.0")
    publish(joint.index, "lib", "1.0", "numpy", "other")
    body = "conda: [python]\npip: [lib]\n"
    assert "numpy" in versions(joint.lock(body))
    preferred = versions(joint.lock(body + "prefer: { numpy: conda }\n"))
    assert preferred["conda:numpy"] == "1.23"
    assert preferred["other"] == "1.0"
    everything = versions(joint.lock(body + "prefer: { '*': conda, other: pip }\n"))
    assert "conda:numpy" in everything
    assert "other" in everything


def test_no_project_is_there_twice(joint: Joint) -> None:
    joint.main.add("tool", "1.0", [PYTHON, "numpy >=1.20"])
    joint.main.add("numpy", "1.23", [PYTHON])
    publish(joint.index, "numpy", "1.25")
    publish(joint.index, "lib", "1.0", "numpy>=1.21")
    publish(joint.index, "lib", "2.0", "numpy>=1.25")
    found = versions(joint.lock("conda: [tool]\npip: [lib]\n"))
    assert found["conda:numpy"] == "1.23"
    assert "numpy" not in found
    assert found["lib"] == "1.0"
    said = joint.refused("conda: [tool]\npip: [lib==2.0]\n")
    for member in ("specs/a.yaml:5: tool (conda)", "specs/a.yaml:6: lib==2.0", "lib 2.0 requires numpy>=1.25"):
        assert member in said


def test_a_package_of_conda_without_python_is_no_project(joint: Joint) -> None:
    joint.main.add("zlib", "1.2")
    joint.main.add("tool", "1.0", [PYTHON, "zlib"])
    publish(joint.index, "zlib", "9.0")
    found = versions(joint.lock("conda: [tool]\npip: [zlib]\n"))
    assert found["zlib"] == "9.0"
    assert found["conda:zlib"] == "1.2"


def test_names_differ_as_the_spec_says(joint: Joint) -> None:
    joint.main.add("lib-gpu", "1.0", [PYTHON])
    joint.main.add("same", "1.0", [PYTHON])
    publish(joint.index, "same", "2.0")
    publish(joint.index, "user", "1.0", "lib", "same")
    lock = joint.lock("conda: [lib-gpu, same]\npip: [user]\nconda-names: { lib-gpu: Lib, same: none }\n")
    assert {e.name for e in lock.package("user").dependencies} == {"conda:lib-gpu", "same"}
    assert versions(lock)["conda:same"] == "1.0"


def test_an_extra_of_what_conda_provides_is_told(joint: Joint) -> None:
    joint.main.add("lib", "1.0", [PYTHON])
    publish(joint.index, "user", "1.0", "lib[fast]")
    joint.spec("conda: [lib]\npip: [user]\n")
    done = joint.cli("lock", "a")
    assert done.status == 0
    assert "lib[fast]: conda provides lib, and no extras" in done.said


def test_markers_see_the_interpreter_of_conda(joint: Joint) -> None:
    publish(joint.index, "app", "1.0", "old; python_full_version < '3.9.14'", "new; python_full_version >= '3.9.14'")
    publish(joint.index, "old", "1.0")
    publish(joint.index, "new", "1.0")
    assert "old" in versions(joint.lock("conda: [python]\npip: [app]\n"))


def test_rules_hold_between_packages_of_conda(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON])
    joint.main.add("numpy", "1.26.4", [PYTHON])
    joint.main.add("numpy", "2.0.2", [PYTHON])
    joint.main.add("vision", "1.0", [PYTHON, "numpy", "pytorch"])
    lock = joint.lock("conda: [vision]\n")
    assert versions(lock)["conda:numpy"] == "1.26.4"
    (rule,) = (rule for rule in lock.rules if rule.id == "TORCH-NUMPY2")
    assert rule.effects[0].package == "conda:pytorch"
    assert "conda:numpy" in versions(
        joint.lock("conda: [vision, numpy>=2]\nrules: {ignore: [{id: TORCH-NUMPY2, reason: x}]}\n")
    )
    assert "rule TORCH-NUMPY2" in joint.refused("conda: [vision, numpy>=2]\n")


def test_what_a_rule_adds_to_a_package_of_conda_comes_from_pip(joint: Joint) -> None:
    joint.main.add("pytorch", "1.13.1", [PYTHON])
    publish(joint.index, "tensorboard", "2.21.0")
    publish(joint.index, "six", "1.16.0")
    lock = joint.lock("conda: [pytorch]\npip: [tensorboard]\n")
    (edge,) = (edge for edge in lock.package("pytorch").dependencies if edge.name == "six")
    assert edge.rule


def test_packages_of_conda_that_are_asked_for_on_one_platform(joint: Joint) -> None:
    joint.main.add("cudatoolkit", "11.6", subdir="linux-64")
    joint.main.add("python", "3.9.13", subdir="osx-arm64")
    joint.main.add("libcxx", "17.0", subdir="osx-arm64")
    joint.main.add("tool", "1.0", subdir="noarch")
    toolkit, libcxx = "requirement: cudatoolkit, platforms: [linux-64]", "requirement: libcxx, platforms: [osx-arm64]"
    body = f"conda: [{{{toolkit}}}, tool, {{{libcxx}}}]"
    text = HEAD.format(channels=joint.main.url).replace("[linux-64]", "[linux-64, osx-arm64]", 1)
    joint.cli.spec("a", f"{text}{body}\npip: []\n")
    done = joint.cli("lock", "a")
    assert done.status == 0, done.err
    lock = joint.read()
    assert {package.name: package.targets for package in lock.packages} == {
        "conda:cudatoolkit": ("linux-64",),
        "conda:libcxx": ("osx-arm64",),
        "conda:python": (),
        "conda:tool": (),
    }
    assert {root.text: root.targets for root in lock.roots if "python" not in root.text} == {
        "cudatoolkit": ("linux-64",),
        "tool": (),
        "libcxx": ("osx-arm64",),
    }
    assert "cudatoolkit" not in joint.cli("export", "a", "--format", "explicit", "--platform", "osx-arm64").out
    assert "(on linux-64)" in joint.cli("show", "a").out
    # A spec that says nothing of platforms has the digest that it always had, one that says something another.
    joint.cli.spec("a", f"{text}conda: [cudatoolkit, tool]\npip: []\n")
    assert joint.cli("lock", "a").status == 3
    joint.cli.spec("a", f"{text}conda: [{{requirement: tool, platforms: [win-64]}}]\npip: []\n")
    said = joint.cli("lock", "a").said
    assert "'tool' is asked for on win-64, which is none of the platforms" in said


def test_the_order_of_conda_is_untouched(joint: Joint) -> None:
    """By version, then build number; what weighs a build down by ``track_features`` comes last."""
    joint.main.add("lib", "9e", [PYTHON], build="a", number=1)
    joint.main.add("lib", "9e", [PYTHON], build="b", number=3)
    joint.main.add("lib", "9e", [PYTHON], build="c", number=2)
    joint.main.add("lib", "9f", [PYTHON], build="slow", track_features="slow")
    lock = joint.lock("conda: [lib]\n")
    assert lock.package("lib").files[0].filename == "lib-9e-b.conda"


# What the nodes offer


def test_a_spec_for_a_gpu_takes_no_build_for_the_cpu(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON, "cudatoolkit >=11.6,<11.7"], build="py3.9_cuda11.6_0")
    joint.main.add("pytorch", "1.12.1", [PYTHON], build="py3.9_cpu_0")
    joint.main.add("cudatoolkit", "11.6.0")
    joint.main.add("cudatoolkit", "11.8.0")
    gpu = "gpu: { cuda: '11.6', driver: 510.39.01 }\n"
    lock = joint.lock("conda: [pytorch=1.12.1, cudatoolkit]\n" + gpu)
    assert lock.package("pytorch").files[0].filename == "pytorch-1.12.1-py3.9_cuda11.6_0.conda"
    said = joint.refused("conda: [pytorch=1.12.1, cudatoolkit=11.8]\n" + gpu)
    assert "cudatoolkit=11.8 (conda)" in said
    assert "specs/a.yaml:6: gpu" in said
    fallen_back = joint.lock("conda: [pytorch=1.12.1, cudatoolkit=11.8]\n")
    assert fallen_back.package("pytorch").files[0].filename == "pytorch-1.12.1-py3.9_cpu_0.conda"


def test_virtual_packages_come_from_the_spec(joint: Joint) -> None:
    joint.main.add("lib", "1.0", ["__glibc >=2.17"])
    joint.main.add("lib", "2.0", ["__glibc >=2.35"])
    joint.main.add("cuda-lib", "1.0", ["__cuda >=11"])
    assert versions(joint.lock("conda: [lib]\n"))["conda:lib"] == "1.0"
    assert "cuda-lib (conda)" in joint.refused("conda: [cuda-lib]\n")
    assert "conda:cuda-lib" in versions(joint.lock("conda: [cuda-lib]\ngpu: { cuda: '11.6' }\n"))
    spec = load_spec(joint.cli.root / "specs" / "a.yaml", joint.cli.root)
    assert virtual_packages(spec, spec.target("linux-64")) == {
        "__archspec": ("1", "x86_64"),
        "__cuda": ("11.6", "0"),
        "__glibc": ("2.31", "0"),
        "__linux": ("5.10", "0"),
        "__unix": ("0", "0"),
    }


@pytest.mark.parametrize(
    ("build", "gpu", "fits"),
    [
        ("py3.9_cuda11.6_cudnn8.3.2_0", ("cuda", "11.6"), True),
        ("py3.9_cuda11.3_cudnn8.3.2_0", ("cuda", "11.6"), False),
        ("cuda112py39h1_200", ("cuda", "11.6"), True),
        ("cuda120_py39h1_200", ("cuda", "11.6"), False),
        ("py3.9_cpu_0", ("cuda", "11.6"), False),
        ("py3.9_cpu_0", ("cpu", None), True),
        ("py3.9_cuda11.6_0", ("cpu", None), False),
        ("py39h1_0", ("cuda", "11.6"), True),
    ],
)
def test_builds_for_nodes(build: str, gpu: tuple[str, str | None], fits: bool) -> None:
    backend, version = gpu
    spec = GpuSpec(backend="cpu" if backend == "cpu" else "cuda", version=version, origin=Origin("x"))
    assert fits_gpu("pytorch", "1.12.1", build, spec) is fits
    assert fits_gpu("pytorch", "1.12.1", build, None)
    assert fits_gpu("zlib", "1.12.1", build, spec)


# Channels


def test_priority_of_channels(joint: Joint) -> None:
    second = ChannelFolder(joint.cli.root / "second")
    joint.main.add("lib", "1.0", [PYTHON])
    second.add("lib", "2.0", [PYTHON])
    both = (joint.main.url, second.url)
    assert versions(joint.lock("conda: [lib]\n", *both))["conda:lib"] == "1.0"
    assert "lib>=2 (conda)" in joint.refused("conda: [lib>=2]\n", *both)
    assert versions(joint.lock("conda: [lib>=2]\nchannel-priority: flexible\n", *both))["conda:lib"] == "2.0"
    lock = joint.lock(f"conda: ['{second.url}::lib']\n", *both)
    assert versions(lock)["conda:lib"] == "2.0"
    assert {index.url for index in lock.indexes} == {joint.main.url, second.url}


def test_a_mirror_serves_and_the_lock_names_the_channel(joint: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    joint.main.add("lib", "1.0", [PYTHON])
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", f"forge={joint.main.url}")
    lock = joint.lock("conda: [forge::lib]\n", "forge")
    (index,) = lock.indexes
    assert (index.alias, index.url, index.kind) == ("conda:forge", "https://conda.anaconda.org/forge", "conda")
    assert lock.package("lib").files[0].path == "/forge/linux-64/lib-1.0-0.conda"
    assert joint.main.folder.name + "/" not in dumps(lock)
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", "forge")
    assert "expected CHANNEL=URL" in joint.cli("lock", "a", "--refresh").said


@pytest.fixture
def served(joint: Joint) -> Iterator[str]:
    """The main channel over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=joint.main.folder))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_offline_the_cache_serves(joint: Joint, served: str) -> None:
    joint.main.add("lib", "1.0", [PYTHON])
    joint.spec("conda: [lib]\n", served)
    said = joint.cli("lock", "a", "--offline")
    assert (said.status, "cannot be read" in said.said) == (4, True)
    lock = joint.lock("conda: [lib]\n", served)
    joint.cli.lock_file("a").unlink()
    assert joint.cli("lock", "a", "--offline").status == 0
    assert joint.read() == lock


def test_channels_that_do_not_answer_or_not_with_repodata(joint: Joint) -> None:
    assert "cannot be read" in joint.refused("conda: [lib]\n", "http://127.0.0.1:9/gone", status=4)
    broken = joint.cli.root / "broken"
    for subdir in ("linux-64", "noarch"):  # both are read at once, and the first error is told
        (broken / subdir).mkdir(parents=True)
        (broken / subdir / "repodata.json").write_text('{"packages": {', encoding="utf-8")
    said = joint.refused("conda: [lib]\n", broken.as_uri(), status=4)
    assert "cannot be read" in said
    assert "its repodata is damaged or cut short" in said


def test_what_to_do_about_a_channel_that_does_not_answer(joint: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    said = joint.refused("conda: [lib]\n", "http://127.0.0.1:9/gone", status=4)
    assert "hint: if it cannot be reached from here, name a mirror that can: " in said
    assert "ENVSOLVER_CONDA_MIRRORS='http://127.0.0.1:9/gone=https://mirror.example/gone'" in said
    assert "--offline takes what the cache has" in said
    assert "Caused by" not in said, "causes follow each other by colons, as in other messages"
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", "http://127.0.0.1:9/gone=http://127.0.0.1:9/mirror")
    said = joint.refused("conda: [lib]\n", "http://127.0.0.1:9/gone", status=4)
    assert "has http://127.0.0.1:9/gone read from http://127.0.0.1:9/mirror: see that this is right and answers" in said


def test_a_package_that_no_channel_has(joint: Joint) -> None:
    joint.main.add("pytorch", "1.0", [PYTHON])
    said = joint.refused("conda: [pytorhc]\n")
    assert "specs/a.yaml:5: no channel has a package 'pytorhc'" in said
    assert "did you mean pytorch?" in said
    said = joint.refused("conda: [pytorch]\n".replace("pytorch", "pytorch=9"))
    assert "specs/a.yaml:5: pytorch=9 (conda)" in said
    assert "pytorch=9: there is pytorch 1.0" in said


def test_records_that_cannot_be_used_are_never_dropped_silently(joint: Joint) -> None:
    joint.main.add("odd", "1.0", ["lib >=1.0,,"])
    said = joint.refused("conda: [odd]\n")
    assert "no channel has a build of 'odd' that can be used" in said
    assert "which is no match spec" in said
    joint.main.add("bare", "1.0", sha256=None, md5=None)
    assert "gives no digest" in joint.refused("conda: [bare]\n")
    joint.main.add("half", "1.0", sha256=None)
    joint.spec("conda: [half]\n")
    assert "no sha256 of half-1.0-0.conda: the lock has the md5 alone" in joint.cli("lock", "a").said
    file = joint.read().package("half").files[0]
    assert (file.sha256, len(file.md5 or "")) == (None, 32)


def test_no_interpreter_of_the_series(joint: Joint) -> None:
    joint.cli.spec("a", HEAD.format(channels=joint.main.url).replace("3.9", "3.11") + "conda: [python]\n")
    assert "no channel has python 3.11.*" in joint.cli("lock", "a").said


# Time


def test_builds_stay_where_they_can_and_move_when_asked(joint: Joint) -> None:
    joint.main.add("lib", "1.0", [PYTHON])
    joint.main.add("other", "1.0", [PYTHON])
    joint.lock("conda: [lib, other]\n")
    joint.main.add("lib", "2.0", [PYTHON])
    joint.main.add("other", "2.0", [PYTHON])
    stayed = joint.lock("conda: [lib, other]\ntitle: x\n", options=("--refresh",))
    assert versions(stayed)["conda:lib"] == "1.0"
    done = joint.cli("lock", "a", "--upgrade-package", "lib")
    assert "conda:lib 1.0 → 2.0" in done.said
    assert (versions(joint.read())["conda:lib"], versions(joint.read())["conda:other"]) == ("2.0", "1.0")
    assert joint.cli("lock", "a", "--upgrade").status == 0
    assert versions(joint.read())["conda:other"] == "2.0"


def test_as_of_holds_for_channels_too(joint: Joint) -> None:
    joint.main.add("lib", "1.0", [PYTHON])
    joint.main.add("lib", "2.0", [PYTHON], timestamp=1_800_000_000_000)
    assert versions(joint.lock("conda: [lib]\nas-of: 2024-01-01\n"))["conda:lib"] == "1.0"


# What is told


def test_commands_know_packages_of_conda(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON, "typing_extensions >=4"])
    joint.main.add("typing_extensions", "4.0", [PYTHON], subdir="noarch")
    publish(joint.index, "metrics", "1.0", "torch>=1.10", "typing-extensions")
    joint.lock("conda: [pytorch=1.12.1]\npip: [metrics]\n")
    tree = joint.cli("tree", "a").out
    assert "conda:pytorch 1.12.1" in tree
    assert "conda:typing_extensions 4.0 (conda:typing_extensions >=4)" in tree
    assert joint.cli("tree", "a", "typing_extensions", "--invert").status == 0
    for name in ("pytorch", "conda:pytorch", "torch"):
        why = joint.cli("why", "a", name).out
        assert "specs/a.yaml:5: pytorch=1.12.1" in why
        assert "metrics 1.0 requires torch>=1.10" in why
        assert "specs/a.yaml:5 requires pytorch=1.12.1" in why.partition("what holds it")[2]
    assert "channels:" in joint.cli("show", "a").out
    assert "pytorch=1.12.1" in joint.cli("show", "a").out
    exported = joint.cli("export", "a", "--format", "requirements")
    assert "with the 3 packages of conda of the same lock" in exported.out
    assert "--hash" in exported.out
    assert "pytorch" not in exported.out
    refused = joint.cli("export", "a", "--format", "pylock")
    assert (refused.status, "packages of conda" in refused.said) == (2, True)
    joint.main.add("pytorch", "1.12.1", [PYTHON], build="1", number=1)
    before = joint.cli.lock_file("a").read_text(encoding="utf-8")
    (joint.cli.root / "old.lock.toml").write_text(before, encoding="utf-8")
    assert joint.cli("lock", "a", "--upgrade").status == 0
    diff = joint.cli("diff", "a", "--against", "old.lock.toml")
    assert "pytorch-1.12.1-0.conda becomes pytorch-1.12.1-1.conda" in (diff.out + diff.err) or diff.status == 2


def test_findings_know_what_conda_provides(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON])
    joint.main.add("numpy", "2.0.2", [PYTHON])
    joint.lock("conda: [pytorch, numpy]\nrules: { ignore: [{ id: TORCH-NUMPY2, reason: we know }] }\n")
    assert joint.cli("check", "a").status == 0
    text = joint.cli.lock_file("a").read_text(encoding="utf-8")
    joint.spec("conda: [pytorch, numpy]\n")
    assert joint.cli("check", "a").status == 1
    assert 'name = "conda:numpy"' in text


def test_findings_know_for_which_cuda_packages_of_conda_were_built(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON, "cudatoolkit >=11.6,<11.7"], build="py3.9_cuda11.6_cudnn8.3.2_0")
    joint.main.add("torchvision", "0.13.1", [PYTHON], build="py39_cu113")
    joint.main.add("cudatoolkit", "11.6.0", build="hecad31d_11", suffix=".tar.bz2")
    publish(joint.index, "nvidia-cublas-cu11", "11.10.3.66")
    body = "conda: [pytorch, torchvision, cudatoolkit]\npip: [nvidia-cublas-cu11]\n"
    joint.lock(body)
    judged = " ".join(joint.cli("check", "a", "--notes").out.split())
    assert "GPU002: torchvision 0.13.1 is a CUDA 11.3 build; torch 1.12.1 is a CUDA 11.6 build" in judged
    assert "DUP005: the libraries of CUDA come twice: by conda (conda:cudatoolkit 11.6.0) and by pip" in judged
    # A lock that the spec has left behind is judged by what the spec says now.
    joint.spec(body + "gpu: { cuda: '12.1', driver: 450.36.06 }\n")
    judged = " ".join(joint.cli("check", "a", "--notes").out.split())
    assert "GPU001: torch 1.12.1 is a CUDA 11.6 build; asked for is CUDA 12.1" in judged
    assert "GPU003: conda:cudatoolkit 11.6.0 is a CUDA 11.6 build; asked for is CUDA 12.1" in judged
    assert "GPU006: CUDA 11.6, for which conda:cudatoolkit 11.6.0 and torch 1.12.1 were built, needs driver" in judged


def test_what_a_build_wants_beside_it_and_conda_provides_is_told_as_such(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON])
    joint.index.add("horovod-1.0.tar.gz", make_sdist("horovod", "1.0", static=True))
    joint.spec("conda: [pytorch]\npip: [horovod]\nbuild: { horovod: { beside: [torch] } }\n")
    done = joint.cli("lock", "a")
    assert done.status == 0
    assert "torch comes by conda (pytorch 1.12.1), and builds have wheels beside them only" in done.said


def test_exports_for_conda(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON, "mkl >=2018", "ring"], build="py3.9_0")
    joint.main.add("mkl", "2022.1", md5=None)
    joint.main.add("ring", "1.0", ["pytorch"], subdir="noarch")
    publish(joint.index, "metrics", "1.0", "torch>=1.10")
    lock = joint.lock("conda: [pytorch]\npip: [metrics]\n")
    text = joint.cli("export", "a", "--format", "explicit").out
    found = ExplicitEnvironmentSpec.from_str(text).packages
    urls = [str(entry.url).partition("#")[0] for entry in found]
    assert sorted(urls) == sorted(
        f"{joint.main.url}/{file.subdir}/{file.filename}"
        for package in lock.conda("linux-64")
        for file in package.files
    )
    names = [url.rpartition("/")[2].split("-")[0] for url in urls]
    assert names.index("pytorch") > max(names.index("mkl"), names.index("python"))
    mkl = lock.package("mkl").files[0]
    assert f"mkl-2022.1-0.conda#sha256:{mkl.sha256}\n" in text
    assert f"#{lock.package('pytorch').files[0].md5}\n" in text
    assert "envsolver export a --format requirements" in text
    document = yaml.safe_load(joint.cli("export", "a", "--format", "environment").out)
    assert document["name"] == "a"
    assert document["channels"] == [joint.main.url, "nodefaults"]
    assert "pytorch=1.12.1=py3.9_0" in document["dependencies"]
    assert document["dependencies"][-1] == {"pip": ["metrics==1.0"]}
    publish(joint.index, "alone", "1.0")
    joint.cli.spec("b", 'python: "3.9"\nplatforms: [linux-64]\npip: [alone]\n')
    assert joint.cli("lock", "b").status == 0
    for form in ("explicit", "environment"):
        assert joint.cli("export", "b", "--format", form).status == 2
        assert joint.cli("export", "a", "--format", form, "--platform", "win-64").status == 2


def test_exports_name_channels_in_the_order_of_their_priority(joint: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ChannelFolder(joint.cli.root / "zeta"), ChannelFolder(joint.cli.root / "beta")
    first.add("lib", "1.0", [PYTHON])
    second.add("lib", "2.0", [PYTHON])
    second.add("tool", "1.0", ["lib"])
    second.python("3.9.13")
    places = " ".join(f"{one.folder.name}={one.url}" for one in (first, second))
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", places)
    joint.lock("conda: [tool]\n", "zeta", "beta")
    document = yaml.safe_load(joint.cli("export", "a", "--format", "environment").out)
    # The other way round conda would take no lib of zeta where priority is strict.
    assert document["channels"] == ["zeta", "beta", "nodefaults"]
    assert document["dependencies"] == ["zeta::lib=1.0=0", "beta::python=3.9.13=0", "beta::tool=1.0=0"]
    pixi = yaml.safe_load(joint.cli("export", "a", "--format", "pixi").out)
    channels = pixi["environments"]["default"]["channels"]
    assert [one["url"] for one in channels] == [f"https://conda.anaconda.org/{name}/" for name in ("zeta", "beta")]
    document = yaml.safe_load(joint.cli("export", "a", "--format", "conda-lock").out)
    assert [one["url"] for one in document["metadata"]["channels"]] == ["zeta", "beta"]
    # Without the order that the spec has, a channel with few packages is there for these.
    joint.cli.spec("a", "not: a spec\n")
    document = yaml.safe_load(joint.cli("export", "a", "--format", "environment").out)
    assert document["channels"] == ["zeta", "beta", "nodefaults"]


# Specs


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("conda: [numpy]\n", "channels is missing"),
        ("channels: [x]\nconda: [y::numpy]\n", "'y' is none of the channels"),
        ("channels: [x]\nconda: [python=3.9]\n", "the version of Python stands under 'python'"),
        ("channels: [x]\nconda: ['numpy; sys_platform == 1']\n", "has a marker"),
        ("channels: [x]\nconda: ['numpy =>1 =2 =3 =4']\n", "no match spec"),
        ("channels: [x]\nconda: ['https://me:secret@h/c::numpy']\n", "credentials"),
        ("channels: ['https://me:secret@h/c']\nconda: [numpy]\n", "credentials"),
        ("channels: [defaults]\nconda: [numpy]\n", "pkgs/main"),
        ("channels: ['a b']\nconda: [numpy]\n", "neither the name nor the URL"),
        ("channels: [x]\nconda: [numpy]\nprefer: { numpy: pypi }\n", "did you mean 'pip'"),
        ("channels: [x]\nconda: [numpy]\nchannel-priority: disabled\n", "did you mean 'flexible'"),
    ],
)
def test_what_a_spec_cannot_say(joint: Joint, body: str, says: str) -> None:
    joint.cli.spec("a", f'python: "3.9"\nplatforms: [linux-64]\n{body}')
    done = joint.cli("lock", "a")
    assert done.status == 2
    assert says in done.said
    assert "secret" not in done.said


def test_a_base_adds_and_its_channels_come_first(joint: Joint) -> None:
    joint.cli.spec("_base", "channels: [one]\nconda: [numpy]\nprefer: { a: conda }\n")
    joint.cli.spec(
        "b",
        'extends: _base\npython: "3.9"\nplatforms: [linux-64]\nchannels: [two, one]\n'
        "conda: [scipy]\nprefer: { b: pip }\n",
    )
    conda = load_spec(joint.cli.root / "specs" / "b.yaml", joint.cli.root).conda
    assert conda is not None
    assert [channel.name for channel in conda.channels] == ["one", "two"]
    assert [requirement.text for requirement in conda.requirements] == ["numpy", "scipy"]
    assert conda.prefer == {"a": "conda", "b": "pip"}


# Values


def test_names() -> None:
    assert project_of("pytorch", {}) == "torch"
    assert project_of("Foo_Bar", {}) == "foo-bar"
    assert project_of("cudatoolkit", {}) is None
    assert project_of("pytorch", {"pytorch": ""}) is None
    assert conda_candidates(Name("torch"), {}) == ("pytorch", "torch")
    assert "typing_extensions" in conda_candidates(Name("typing-extensions"), {})
    assert "ruamel.yaml" in conda_candidates(Name("ruamel-yaml"), {})
    assert "cmake" not in conda_candidates(Name("cmake"), {})
    assert conda_candidates(Name("torch"), {"pytorch": "", "my-torch": "torch"}) == ("my-torch", "torch")


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("numpy", ""),
        ("numpy=1.12", "==1.12.*"),
        ("numpy=1.12.*", "==1.12.*"),
        ("numpy==1.12.1", "==1.12.1"),
        ("numpy 1.12.1", "==1.12.1"),
        ("numpy=1.12.1=py39_0", "==1.12.1"),
        (">=1.2,<2.0a0", ">=1.2,<2.0a0"),
        ("3.9.* *_cp39", "==3.9.*"),
        ("* *_mkl", ""),
        ("forge::numpy >=1,!=1.5.*", ">=1,!=1.5.*"),
        ("1.23|1.24", ""),
    ],
)
def test_versions_of_match_specs(text: str, specifier: str) -> None:
    assert versions_of(text) == specifier


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "lib-1.0-0.conda"', 'name = "lib-2.0-0.conda"', "is no file of conda:lib 1.0"),
        ('name = "lib-1.0-0.conda"', 'name = "../lib-1.0-0.conda"', "is not a plain file name"),
        ('subdir = "linux-64"', 'subdir = "../x"', "is not a part of a channel"),
        ('md5 = "', 'md5 = "x', "is not an md5"),
        ('index = "conda:', 'index = "conda:x', "is no index of the lock"),
        ('name = "conda:lib"', 'name = "lib"', "lib"),
    ],
)
def test_a_lock_that_was_edited(joint: Joint, old: str, new: str, says: str) -> None:
    joint.main.add("lib", "1.0", [PYTHON])
    text = dumps(joint.lock("conda: [lib]\n"))
    assert old in text
    head, _, tail = text.partition('name = "conda:lib"\nversion')
    edited = (
        text.replace(old, new, 1)
        if old not in tail
        else head + ('name = "conda:lib"\nversion' + tail).replace(old, new, 1)
    )
    with pytest.raises(LockError, match=says):
        loads(edited)


# Real records


@pytest.mark.skipif(DATA is None, reason="ENVSOLVER_CONDA_DATA names no folder with real channels")
def test_the_cuda_11_6_build_of_torch_1_12_with_real_records(joint: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    channels = Path(DATA or "") / "channels"
    mirrors = " ".join(f"{name}={(channels / name).as_uri()}" for name in ("pytorch", "conda-forge"))
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", mirrors)
    publish(joint.index, "metrics", "1.0", "torch>=1.10", "numpy")
    body = "conda: [pytorch=1.12.1, torchvision, cudatoolkit=11.6]\npip: [metrics]\ngpu: { cuda: '11.6' }\n"
    lock = joint.lock(body, "pytorch", "conda-forge")
    assert lock.package("pytorch").files[0].filename == "pytorch-1.12.1-py3.9_cuda11.6_cudnn8.3.2_0.tar.bz2"
    assert {package.name for package in lock.packages if not package.name.startswith("conda:")} == {"metrics"}
