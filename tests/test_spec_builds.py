"""``build`` in a spec: how source archives are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import SpecError
from envsolver.spec.digest import inputs_digest
from envsolver.spec.load import load_spec

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.model.spec import Spec

HEAD = 'python: "3.9"\nplatforms: [linux-64]\npip: [torch, horovod]\n'


def loaded(root: Path, **texts: str) -> Spec:
    (root / "specs").mkdir(exist_ok=True)
    for name, text in texts.items():
        (root / "specs" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_spec(root / "specs" / "env.yaml", root)


def test_what_a_build_needs(tmp_path: Path) -> None:
    text = """build:
  Horovod:
    requires: [cloudpickle, {requirement: "setuptools<70", reason: "pkg_resources"}]
    beside: [Torch]
    environment: {A: 1, B: "{env}/lib"}
    path: [/usr/local/cuda-11.7/bin]
    tools: [nvcc, g++-11]
"""
    (build,) = loaded(tmp_path, env=HEAD + text).builds
    assert build.package == "horovod"
    assert [one.text for one in build.requires] == ["cloudpickle", "setuptools<70"]
    assert build.beside == ("torch",)
    assert build.environment == {"A": "1", "B": "{env}/lib"}
    assert build.path == ("/usr/local/cuda-11.7/bin",)
    assert build.tools == ("nvcc", "g++-11")


def test_added_to_that_of_a_base(tmp_path: Path) -> None:
    base = HEAD + "build: {horovod: {requires: [cffi], environment: {A: x, B: y}, tools: [nvcc]}}\n"
    child = "extends: _base\nbuild: {horovod: {requires: [psutil], environment: {C: z}}, other: {beside: [torch]}}\n"
    first, second = loaded(tmp_path, _base=base, env=child).builds
    assert [one.text for one in first.requires] == ["cffi", "psutil"]
    assert first.environment == {"A": "x", "B": "y", "C": "z"}
    assert first.tools == ("nvcc",)
    assert (second.package, second.beside) == ("other", ("torch",))


def test_no_reason_to_solve_again(tmp_path: Path) -> None:
    plain = inputs_digest(loaded(tmp_path, env=HEAD))
    assert inputs_digest(loaded(tmp_path, env=f"{HEAD}build: {{horovod: {{tools: [nvcc]}}}}\n")) == plain


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("{path: [bin]}", "expected an absolute path, found 'bin'"),
        ("{path: ['/a:/b']}", "expected an absolute path"),
        ("{environment: {A-B: x}}", "the name of an environment variable"),
        ("{tools: [../nvcc]}", "expected the name of a program"),
        ("{requires: [a b]}", "build.horovod.requires[0]"),
        ("{with: [torch]}", "with"),
    ],
)
def test_wrong(tmp_path: Path, build: str, said: str) -> None:
    with pytest.raises(SpecError) as error:
        loaded(tmp_path, env=f"{HEAD}build: {{horovod: {build}}}\n")
    assert said in str(error.value)
