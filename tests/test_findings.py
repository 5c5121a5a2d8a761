"""The codes: each has a document, an example that triggers it and a near miss that does not."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.explaining import documents, explain
from envsolver.findings import codes as codes_module
from envsolver.findings.builds import base_image_cuda, base_image_gcc, lacks_toolkit
from envsolver.findings.codes import code_of_rule, codes
from envsolver.findings.judge import judge
from envsolver.findings.model import SEVERITIES
from envsolver.findings.render import as_data, from_data
from envsolver.findings.rules import severity_of
from envsolver.knowledge.rules import Finding as Advice
from envsolver.knowledge.rules import Ignored, Replaces, RuleBook, load_rulebook
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuAllow
from tests.support.findings import judged, subject, subject_of

if TYPE_CHECKING:
    from envsolver.findings.codes import Code

DOCS = Path(__file__).resolve().parent.parent / "docs"
ABOUT_LOCKS = {"LCK001", "LCK002", "LCK003", "LCK004", "LCK005", "SEC003", "SEC004", "SEC005", "SEC006"}
"""Of these the examples are locks beside specs, indexes, advisories: test_cli_check, test_newer, test_cli_audit."""
ABOUT_NODES = {name for name in codes() if name.startswith("RUN")}
"""Of these the examples are environments on nodes, which the tests of GPU checks have: see test_gpu_judge."""
JUDGED = [code for code in codes().values() if code.code not in ABOUT_LOCKS | ABOUT_NODES]


def found(*pins: str, **facts: Any) -> dict[str, str]:
    """Return code → message of what is found in some pins."""
    return {one.code: one.message for one in judged(subject(*pins, **facts))}


# The registry


def test_codes_are_words_with_a_number() -> None:
    for name, code in codes().items():
        assert re.fullmatch(r"[A-Z]{3}\d{3}", name)
        assert code.severity in SEVERITIES
        assert code.title
        assert code.text
        assert code.remedy
        assert not code.title.endswith(".")


def test_no_code_stands_for_two_things() -> None:
    written = (Path(codes_module.__file__).parent / "codes.toml").read_text(encoding="utf-8")
    names = [row["code"] for row in tomllib.loads(written)["code"]]
    assert names == list(codes())
    assert len(names) == len(set(names))


@pytest.mark.parametrize("code", JUDGED, ids=lambda code: code.code)
def test_the_example_of_a_code_triggers_it(code: Code) -> None:
    assert code.code in {one.code for one in judged(subject_of(code.example))}


@pytest.mark.parametrize("code", JUDGED, ids=lambda code: code.code)
def test_the_near_miss_of_a_code_does_not(code: Code) -> None:
    assert code.code not in {one.code for one in judged(subject_of(code.near))}


@pytest.mark.parametrize("code", JUDGED, ids=lambda code: code.code)
def test_the_example_has_the_usual_severity(code: Code) -> None:
    severities = {one.severity for one in judged(subject_of(code.example)) if one.code == code.code}
    assert code.severity in severities


def test_codes_about_locks_have_their_examples_elsewhere() -> None:
    tests = Path(__file__).parent
    for name in ABOUT_LOCKS:
        assert codes()[name].example.text
        assert codes()[name].near.text
        assert any(
            name in (tests / f"{module}.py").read_text("utf-8")
            for module in ("test_cli_check", "test_newer", "test_bases", "test_status", "test_cli_audit")
        )


def test_the_documents_are_those_that_the_codes_make() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "findings").iterdir()}
    assert written == documents(), "python -m envsolver.app.explaining docs/findings"


def test_the_page_on_findings_is_linked() -> None:
    assert "(findings.md)" in (DOCS / "index.md").read_text(encoding="utf-8")
    assert "(findings/index.md)" in (DOCS / "findings.md").read_text(encoding="utf-8")


def test_every_rule_has_a_code() -> None:
    for rule in load_rulebook().rules:
        for effect in rule.effects:
            if not isinstance(effect, Replaces):
                assert code_of_rule(rule, effect) in codes(), rule.id


def test_rules_that_codes_name_exist() -> None:
    known = {rule.id for rule in load_rulebook().rules}
    assert {rule for code in codes().values() for rule in code.rules} <= known


def test_explain_knows_codes_and_rules() -> None:
    assert explain("gpu003") == documents()["GPU003.md"]
    text = explain("TORCH-NUMPY2")
    assert "`numpy<2`" in text
    assert "Reported as ABI001, error; strength: hard." in text
    with pytest.raises(UsageError) as error:
        explain("GPU03")
    assert "GPU003" in (error.value.hint or "")


# Builds


def test_the_real_state_of_acpt_113_is_accepted_with_its_reason() -> None:
    state = subject("torch==1.13.1", "onnxruntime-training==1.14.0", cuda="11.7", python="3.8")
    (finding,) = [one for one in judged(state) if one.code == "GPU004"]
    assert finding.severity == "warning"
    assert "onnxruntime-training 1.14.0 is a CUDA 11.6 build" in finding.message
    assert state.gpu is not None
    allow = GpuAllow(package="onnxruntime-training", cuda="11.6", reason="published so", origin=Origin("s", 1))
    allowed = replace(state, gpu=replace(state.gpu, allow=(allow,)))
    (finding,) = [one for one in judged(allowed) if one.code == "GPU004"]
    assert finding.allowed == "published so"
    assert not finding.fails


def test_an_allowance_is_for_one_version_of_cuda() -> None:
    state = subject("torch==1.13.1", "onnxruntime-training==1.14.0", cuda="11.7")
    assert state.gpu is not None
    allow = GpuAllow(package="onnxruntime-training", cuda="11.8", reason="another", origin=Origin("s", 1))
    (finding,) = [one for one in judged(replace(state, gpu=replace(state.gpu, allow=(allow,)))) if one.code == "GPU004"]
    assert finding.allowed is None


def test_packages_of_one_kind_are_one_finding() -> None:
    state = subject("torch==2.1.2+cu118", "torchvision==0.16.2+cu118", "torchaudio==2.1.2+cu118", cuda="12.1")
    (finding,) = [one for one in judged(state) if one.code == "GPU001"]
    assert finding.message == (
        "torch 2.1.2+cu118, torchaudio 2.1.2+cu118 and torchvision 0.16.2+cu118 are CUDA 11.8 builds; "
        "asked for is CUDA 12.1"
    )


def test_two_majors_without_torch_are_found() -> None:
    pins = ["cupy-cuda12x==13.3.0", "nvidia-cublas-cu11==11.11.3.6", "nvidia-cublas-cu12==12.1.3.1"]
    (finding,) = [one for one in judged(subject(*pins)) if one.code == "GPU003"]
    assert finding.message == (
        "nvidia-cublas-cu11 11.11.3.6 was built for CUDA 11, cupy-cuda12x 13.3.0 and nvidia-cublas-cu12 12.1.3.1 "
        "for CUDA 12"
    )
    assert "GPU003" not in found(*pins[::2])


def test_projects_without_code_for_gpus_are_notes() -> None:
    (finding,) = [one for one in judged(subject("onnxruntime==1.20.0", cuda="12.1")) if one.code == "GPU011"]
    assert finding.severity == "note"
    assert finding.message == "onnxruntime 1.20.0 has no code for GPUs; asked for is CUDA 12.1"
    assert finding.hint == "onnxruntime-gpu has"
    for pins, facts in (
        (["onnxruntime==1.20.0"], {}),
        (["onnxruntime==1.20.0"], {"cuda": "cpu"}),
        (["onnxruntime==1.20.0", "onnxruntime-gpu==1.20.0"], {"cuda": "12.1"}),
        (["jaxlib==0.4.7+cuda12.cudnn88"], {"cuda": "12.1"}),
    ):
        assert "GPU011" not in found(*pins, **facts)


def test_nothing_is_said_of_cuda_on_macos() -> None:
    assert not {"GPU001", "GPU005"} & set(found("torch==2.1.2", cuda="12.1", platform="osx-arm64"))


def test_a_cpu_build_is_what_a_cpu_spec_asks_for() -> None:
    assert "GPU005" not in found("torch==2.1.2+cpu", cuda="cpu")
    assert "GPU001" in found("torch==2.1.2", cuda="cpu")


def test_packages_that_work_without_cuda_are_not_blamed() -> None:
    state = subject("torch==2.2.2", "tensorflow==2.14.0", cuda="12.1")
    assert state.variants[normalize_name("tensorflow")].optional
    assert not [one for one in judged(state) if one.code == "GPU003" and "tensorflow" in one.message]


def test_a_floor_moves_only_within_what_the_requirement_admits() -> None:
    state = subject("torch==2.7.1", cuda="12.6", arch="6.0")
    assert [one.code for one in judged(replace(state, roots=()))].count("GPU009") == 1
    (root,) = state.roots
    bounded = replace(state, roots=(replace(root, text="torch<2.8"),))
    assert "GPU009" not in {one.code for one in judged(bounded)}


@pytest.mark.parametrize(
    ("image", "cuda"),
    [
        ("mcr.microsoft.com/azureml/aifx/stable-ubuntu2004-cu117-py38-torch1131", "11.7"),
        ("nvidia/cuda:11.3.1-cudnn8-devel-ubuntu20.04", "11.3"),
        ("nvcr.io/nvidia/cuda:12.8.0-base", "12.8"),
        ("python:3.11-slim", None),
        ("ubuntu:22.04", None),
    ],
)
def test_the_cuda_of_a_base_image_stands_in_its_name(image: str, cuda: str | None) -> None:
    assert base_image_cuda(image) == cuda


@pytest.mark.parametrize(
    ("image", "gcc"),
    [
        ("mcr.microsoft.com/azureml/aifx/stable-ubuntu2004-cu117-py38-torch1131", 9),
        ("nvidia/cuda:11.3.1-cudnn8-devel-ubuntu18.04", 7),
        ("ubuntu:22.04", 11),
        ("nvidia/cuda:12.8.0-devel-ubi9", 11),
        ("nvidia/cuda:12.8.0-devel", None),
        ("python:3.11-slim", None),
    ],
)
def test_the_gcc_of_a_base_image_is_that_of_its_system(image: str, gcc: int | None) -> None:
    assert base_image_gcc(image) == gcc


@pytest.mark.parametrize(
    ("image", "lacks"),
    [
        ("nvidia/cuda:12.1.1-runtime-ubuntu22.04", True),
        ("nvcr.io/nvidia/cuda:12.1.1-base-ubuntu22.04", True),
        ("nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04", False),
        ("nvidia/cuda", False),
        ("pytorch/pytorch:2.1.2-cuda12.1-cudnn8-runtime", False),
    ],
)
def test_images_of_nvidia_without_a_compiler(image: str, lacks: bool) -> None:
    assert lacks_toolkit(image) == lacks


def test_what_is_compiled_against_torch_stands_in_a_table() -> None:
    image = "nvidia/cuda:12.1.1-runtime-ubuntu22.04"
    archive = "torch-scatter @ https://example.com/torch_scatter-2.1.2.tar.gz"
    assert "SRC003" in {one.code for one in judged(subject("torch==2.1.2", archive, base_image=image))}
    plain = "termcolor @ https://example.com/termcolor-1.1.0.tar.gz"
    assert "SRC003" not in {one.code for one in judged(subject("torch==2.1.2", plain, base_image=image))}


def test_torch_from_21_on_needs_gcc_9() -> None:
    source = "deepspeed @ https://example.com/deepspeed-0.14.0.tar.gz"
    image = "nvidia/cuda:12.1.1-devel-ubuntu18.04"
    (finding,) = [one for one in judged(subject("torch==2.1.2", source, base_image=image)) if one.code == "SRC004"]
    assert "takes gcc 9 to 12; " in finding.message
    older = judged(subject("torch==2.0.1", source, base_image="nvidia/cuda:11.7.1-devel-ubuntu18.04"))
    assert "SRC004" not in {one.code for one in older}


def test_a_minor_version_of_the_image_matters_to_some_only() -> None:
    image = "nvidia/cuda:11.8.0-devel"
    source = "https://example.com/{}.tar.gz"
    (deepspeed,) = [
        one
        for one in judged(subject("torch==1.13.1", f"deepspeed @ {source.format('deepspeed-0.8.0')}", base_image=image))
        if one.code == "SRC002"
    ]
    assert deepspeed.severity == "note"
    (apex,) = [
        one
        for one in judged(subject("torch==1.13.1", f"apex @ {source.format('apex-0.1')}", base_image=image))
        if one.code == "SRC002"
    ]
    assert apex.severity == "warning"
    assert "gcc 6 to 11" in apex.hint


def test_torch_scatter_says_its_torch_in_its_version() -> None:
    assert "ABI004" in found("torch==2.1.2", "torch-scatter==2.1.1+pt20cu118")
    assert "ABI004" not in found("torch==2.0.1", "torch-scatter==2.1.1+pt20cu118")


# Rules


def test_severities_of_rules() -> None:
    by_id = {rule.id: rule for rule in load_rulebook().rules}
    assert severity_of(by_id["TORCH-NUMPY2"]) == "error"
    assert severity_of(by_id["LIGHTNING-TESTED-19"]) == "warning"
    for rule in by_id.values():
        if not rule.hard and not isinstance(rule.effects[0], Advice):
            assert severity_of(rule) != "error", rule.id


def test_a_rule_leads_from_the_requirement_to_the_other_package() -> None:
    state = subject("torch==2.1.2", "numpy==2.0.2\n    # via torch")
    (finding,) = [one for one in judged(state) if one.rule == "TORCH-NUMPY2"]
    assert finding.path == ("torch==2.1.2", "torch 2.1.2", "numpy 2.0.2")
    assert finding.place == Origin("requirements.txt", 1)
    assert finding.packages == ("torch 2.1.2", "numpy 2.0.2")


def test_an_ignored_rule_is_accepted_with_its_reason() -> None:
    book = load_rulebook()
    rule = book.rule("TORCH-NUMPY2")
    assert rule is not None
    without = RuleBook(book.rules, {rule.id: Ignored(rule, "no numpy is used")})
    findings = judge([subject("torch==2.1.2", "numpy==2.0.2")], without, knowledge="1-x")
    (finding,) = [one for one in findings if one.rule == "TORCH-NUMPY2"]
    assert finding.allowed == "no numpy is used"
    assert not finding.fails


def test_newer_knowledge_never_fails_an_older_lock() -> None:
    state = subject("torch==2.1.2", "numpy==2.0.2")
    for made_by, severity in (("1-old", "warning"), ("1-now", "error"), (None, "error")):
        findings = judged(replace(state, knowledge=made_by), knowledge="1-now")
        (finding,) = [one for one in findings if one.rule == "TORCH-NUMPY2"]
        assert finding.severity == severity
        assert finding.message.endswith("(known since the lock was made)") == (severity == "warning")


def test_of_two_that_exclude_each_other_one_says_it() -> None:
    findings = judged(subject("opencv-python==4.10.0.84", "opencv-python-headless==4.10.0.84"))
    assert [one.rule for one in findings if one.code == "DUP001"] == ["OPENCV-OWNERS"]


def test_what_has_a_wheel_is_not_built() -> None:
    wheel = "horovod @ https://example.com/horovod-0.28.1-cp310-cp310-linux_x86_64.whl"
    source = "horovod @ https://example.com/horovod-0.28.1.tar.gz"
    assert not [one for one in judged(subject("torch==2.2.2", wheel)) if one.rule == "HOROVOD-TORCH21"]
    assert [one for one in judged(subject("torch==2.2.2", source)) if one.rule == "HOROVOD-TORCH21"]


def test_rules_of_another_python_do_not_hold() -> None:
    book = load_rulebook()
    for rule in book.rules:
        if rule.python and not isinstance(rule.effects[0], Replaces):
            break
    else:
        pytest.fail("no rule is for some Pythons only")
    state = subject("six==1.16.0")
    assert rule.id not in {one.rule for one in judged(state)}


def test_a_version_of_conda_that_no_pep_knows_is_passed_over() -> None:
    assert judged(subject(conda=("torch=git.2023=h1_0",))) == ()


# File lists


def test_files_that_are_alike_are_a_note() -> None:
    state = subject("one==1.0", "other==2.0")
    lists = {"a": {"shared/a.py": (0, 0), "one/x.py": (1, 1)}, "b": {"shared/a.py": (0, 0)}}
    digests = {normalize_name("one"): "a", normalize_name("other"): "b"}
    (finding,) = [one for one in judged(replace(state, file_lists=lists, digests=digests)) if one.code == "DUP003"]
    assert finding.severity == "note"
    assert finding.message == "one 1.0 and other 2.0 both install 1 file, all of them alike, such as shared/a.py"


def test_a_shared_name_is_no_finding() -> None:
    state = subject("one==1.0", "other==2.0")
    digests = {normalize_name("one"): "a", normalize_name("other"): "b"}
    for size, found_codes in ((0, []), (5, ["DUP003"])):
        lists = {"a": {"nvidia/__init__.py": (0, 0)}, "b": {"nvidia/__init__.py": (size, size)}}
        findings = judged(replace(state, file_lists=lists, digests=digests))
        assert [one.code for one in findings if one.code == "DUP003"] == found_codes


def test_tests_and_licences_harm_nobody() -> None:
    state = subject("one==1.0", "other==2.0")
    lists = {"a": {"tests/test_a.py": (1, 1), "LICENSE": (1, 1)}, "b": {"tests/test_a.py": (2, 2), "LICENSE": (2, 2)}}
    digests = {normalize_name("one"): "a", normalize_name("other"): "b"}
    (finding,) = [one for one in judged(replace(state, file_lists=lists, digests=digests)) if one.code == "DUP003"]
    assert finding.severity == "note"


def test_the_library_is_named() -> None:
    state = subject("nvidia-cudnn-cu12==9.1", "nvidia-cudnn-cu13==9.2")
    shared = ["nvidia/cudnn/include/cudnn.h", "nvidia/cudnn/lib/libcudnn.so.9", "nvidia/__init__.py"]
    lists = {"a": dict.fromkeys(shared, (1, 1)), "b": dict.fromkeys(shared, (2, 2))}
    digests = {normalize_name("nvidia-cudnn-cu12"): "a", normalize_name("nvidia-cudnn-cu13"): "b"}
    (finding,) = [one for one in judged(replace(state, file_lists=lists, digests=digests)) if one.code == "DUP003"]
    assert finding.severity == "error"
    assert finding.message.endswith("both install 3 files, 3 of them different, such as nvidia/cudnn/lib/libcudnn.so.9")


# Conda


def test_a_project_that_has_code_for_gpus_twice_is_an_error() -> None:
    state = subject("torch==2.1.2", conda=("pytorch=2.1.0=py3.10_cuda12.1_cudnn8.9.2_0",))
    (finding,) = [one for one in judged(state) if one.code == "DUP004"]
    assert finding.severity == "error"


def test_the_variant_of_conda_stands_in_the_build() -> None:
    state = subject(conda=("pytorch=2.1.0=py3.10_cuda11.8_cudnn8.7.0_0",), cuda="12.1")
    (finding,) = [one for one in judged(state) if one.code == "GPU001"]
    assert finding.packages == ("torch 2.1.0",)
    assert "CUDA 11.8" in finding.message


# Values


def test_findings_survive_being_remembered() -> None:
    for finding in judged(subject("torch==1.12.1", "numpy==2.0.2\n    # via torch", cuda="11.6", driver="470.82.01")):
        assert from_data(as_data(finding), finding.environment) == finding


def test_the_worst_comes_first() -> None:
    findings = judged(subject("torch==1.13.1", "numpy==2.0.2", "onnxruntime-training==1.14.0", cuda="11.7"))
    severities = [SEVERITIES.index(one.severity) for one in findings]
    assert severities == sorted(severities)
    assert len(set(severities)) == 3
