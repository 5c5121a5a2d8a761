"""Variants: what a file was built for, told from its local version, name, index, tables, requirements, build string."""

from __future__ import annotations

import pytest

from envsolver.knowledge.variants import (
    SAME_VARIANT_FAMILY,
    Variant,
    carried_cuda,
    cuda_of_tag,
    platform_of,
    variant_of,
)
from envsolver.model.candidate import normalize_name

LINUX = "cp38-cp38-manylinux1_x86_64"
LINUX_ARM = "cp312-cp312-manylinux_2_28_aarch64"
WINDOWS = "cp38-cp38-win_amd64"
MACOS = "cp38-none-macosx_11_0_arm64"
PURE = "py3-none-any"


def of(
    name: str,
    version: str,
    tags: str = LINUX,
    *,
    index_url: str | None = None,
    requires: tuple[str, ...] | None = None,
) -> Variant | None:
    """Return the variant of a wheel."""
    filename = f"{name.replace('-', '_')}-{version}-{tags}.whl"
    return variant_of(
        name=normalize_name(name), version=version, filename=filename, index_url=index_url, requires_dist=requires
    )


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("torch", "1.12.1+cu116", Variant("cuda", "11.6")),
        ("torch", "1.12.1+cu102", Variant("cuda", "10.2")),
        ("torch", "2.10.0+cu130", Variant("cuda", "13.0")),
        ("torch", "2.0.1+cpu", Variant("cpu")),
        ("torch", "2.0.1+cpu.cxx11.abi", Variant("cpu")),
        ("torch", "2.8.0+rocm6.4", Variant("rocm", "6.4")),
        ("torch", "1.10.2+rocm4.5.2", Variant("rocm", "4.5.2")),
        ("torch", "2.5.1+xpu", None),
        ("jaxlib", "0.4.16+cuda11.cudnn86", Variant("cuda", "11")),
        ("jaxlib", "0.4.16+cuda12.cudnn89", Variant("cuda", "12")),
        ("torch-scatter", "2.1.1+pt113cu117", Variant("cuda", "11.7")),
        ("torch-scatter", "2.1.1+pt20cpu", Variant("cpu")),
        ("torch-scatter", "2.1.1+pt20cu118", Variant("cuda", "11.8")),
        ("flash-attn", "2.5.8+cu122torch2.3cxx11abifalse", Variant("cuda", "12.2")),
        ("mmcv-full", "1.7.1+torch1.13cu117", Variant("cuda", "11.7")),
        ("detectron2", "0.6+cu113", Variant("cuda", "11.3")),
        ("onnxruntime-training", "1.11.1+cu113", Variant("cuda", "11.3")),
        ("something", "1.0+custom", None),
        ("something", "1.0+ubuntu.20.04", None),
    ],
)
def test_a_local_version_says_it(name: str, version: str, expected: Variant | None) -> None:
    assert of(name, version) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cupy-cuda11x", Variant("cuda", "11")),
        ("cupy-cuda12x", Variant("cuda", "12")),
        ("cupy-cuda102", Variant("cuda", "10.2")),
        ("cupy-rocm-5-0", Variant("rocm", "5.0")),
        ("nvidia-cublas-cu11", Variant("cuda", "11")),
        ("nvidia-cudnn-cu12", Variant("cuda", "12")),
        ("nvidia-nccl-cu13", Variant("cuda", "13")),
        ("nvidia-dali-cuda120", Variant("cuda", "12.0")),
        ("jax-cuda12-plugin", Variant("cuda", "12")),
        ("tensorrt-cu12-libs", Variant("cuda", "12")),
        ("transformer-engine-cu13", Variant("cuda", "13")),
        ("mxnet-cu92", Variant("cuda", "9.2")),
        ("mxnet-cu112", Variant("cuda", "11.2")),
        ("cudf-cu12", Variant("cuda", "12")),
        ("accumulate12", None),
        ("acu12", None),
        ("barracuda11", None),
        ("numpy", None),
    ],
)
def test_a_name_says_it(name: str, expected: Variant | None) -> None:
    assert of(name, "1.0") == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("nvidia-cuda-runtime", "13.0.96", Variant("cuda", "13")),
        ("nvidia-cublas", "13.1.1.3", Variant("cuda", "13")),
        ("cuda-toolkit", "12.8.1", Variant("cuda", "12")),
        ("cuda-bindings", "13.5.0", Variant("cuda", "13")),
        ("nvidia-cuda-runtime", "0.0.1", None),
        ("nvidia-cufft", "12.0.0.61", None),
    ],
)
def test_nvidias_projects_without_suffix_say_it_by_their_version(
    name: str, version: str, expected: Variant | None
) -> None:
    assert of(name, version) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://download.pytorch.org/whl/cu116", Variant("cuda", "11.6")),
        ("https://download.pytorch.org/whl/cu116/", Variant("cuda", "11.6")),
        ("https://download.pytorch.org/whl/rocm6.2.4/torchvision/", Variant("rocm", "6.2.4")),
        ("https://download.pytorch.org/whl/cpu", Variant("cpu")),
        ("https://mirror.example/onnxruntime_stable_cu113.html", Variant("cuda", "11.3")),
        ("https://cu116.example/simple/", Variant("cuda", "11.7")),  # a host name says nothing: the table does
    ],
)
def test_an_index_says_it_of_the_projects_that_it_builds(url: str, expected: Variant) -> None:
    assert of("torchvision", "0.14.1", index_url=url) == expected


def test_an_index_says_nothing_of_what_it_only_mirrors() -> None:
    url = "https://download.pytorch.org/whl/cu118"
    assert of("numpy", "1.26.4", index_url=url) is None
    assert of("torchvision", "0.1.6", PURE, index_url=url) is None


@pytest.mark.parametrize(
    ("name", "version", "tags", "expected"),
    [
        ("torch", "1.12.1", LINUX, Variant("cuda", "10.2")),
        ("torch", "1.13.1", LINUX, Variant("cuda", "11.7")),
        ("torch", "2.4.1", LINUX, Variant("cuda", "12.1")),
        ("torch", "2.11.0", LINUX, Variant("cuda", "13.0")),
        ("torch", "2.10.0", LINUX_ARM, Variant("cpu")),
        ("torch", "2.11.0", LINUX_ARM, Variant("cuda", "13.0")),
        ("torch", "2.4.1", WINDOWS, Variant("cpu")),
        ("torch", "2.4.1", MACOS, Variant("cpu")),
        ("torch", "99.0", LINUX, None),
        ("torchvision", "0.13.1", LINUX, Variant("cuda", "10.2")),
        ("torchvision", "0.13.1", WINDOWS, Variant("cpu")),
        ("torchvision", "0.29.1", LINUX, Variant("cuda", "13.0")),
        ("torchvision", "0.29.2", LINUX, Variant("cuda", "13.2")),
        ("torchaudio", "0.9.1", LINUX, None),
        ("torchaudio", "0.10.0", LINUX, Variant("cuda", "10.2")),
        ("torchtext", "0.14.1", LINUX, None),
        ("torchtext", "0.18.0+cpu", LINUX, None),
        ("onnxruntime-training", "1.12.0", LINUX, Variant("cuda", "10.2")),
        ("onnxruntime-training", "1.13.1", LINUX, Variant("cuda", "11.6")),
        ("onnxruntime-training", "1.14.0", LINUX, Variant("cuda", "11.6")),
        ("onnxruntime-training", "1.17.1", LINUX, Variant("cuda", "11.8")),
        ("onnxruntime-training", "1.19.2", LINUX, Variant("cuda", "11.8")),
        ("onnxruntime-training", "1.15.1", WINDOWS, None),
        ("onnxruntime-gpu", "1.18.0", LINUX, Variant("cuda", "11.8")),
        ("onnxruntime-gpu", "1.22.0", WINDOWS, Variant("cuda", "12.2")),
        ("onnxruntime-gpu", "1.27.0", LINUX, Variant("cuda", "13.0")),
        ("tensorflow", "2.15.0.post1", LINUX, Variant("cuda", "12.2")),
        ("tensorflow", "2.16.1", LINUX_ARM, Variant("cpu")),
        ("xformers", "0.0.20", LINUX, Variant("cuda", "11.8")),
        ("xformers", "0.0.33", LINUX, Variant("cuda", "13.0")),
        ("xformers", "0.0.33.post1", LINUX, Variant("cuda", "12.8")),
        ("onnxruntime", "1.14.0", LINUX, None),
    ],
)
def test_the_tables_say_what_pypi_serves(name: str, version: str, tags: str, expected: Variant | None) -> None:
    assert of(name, version, tags) == expected


def test_a_package_that_works_without_cuda_says_so() -> None:
    found = of("tensorflow", "2.15.1")
    assert found is not None
    assert found.optional
    torch = of("torch", "2.1.2")
    assert torch is not None
    assert not torch.optional


ON_LINUX = '; platform_system == "Linux" and platform_machine == "x86_64"'


@pytest.mark.parametrize(
    ("requires", "tags", "expected"),
    [
        ((f"nvidia-cuda-runtime-cu12==12.1.105 {ON_LINUX}",), LINUX, Variant("cuda", "12.1")),
        ((f"nvidia-cuda-runtime-cu11 (==11.7.99) {ON_LINUX}",), LINUX, Variant("cuda", "11.7")),
        ((f"nvidia-cuda-runtime-cu12==12.1.105 {ON_LINUX}",), WINDOWS, None),
        (('cuda-toolkit[cublas,cudart]==13.0.3 ; platform_system == "Linux"',), LINUX, Variant("cuda", "13.0")),
        (("nvidia-cublas-cu12<13,>=12.6", "numpy"), LINUX, Variant("cuda", "12")),
        (("nvidia-nccl-cu13", "nvidia-cuda-runtime-cu13==13.2.1"), LINUX, Variant("cuda", "13.2")),
        (('nvidia-cublas-cu12 ; extra == "cuda"',), LINUX, None),
        (("numpy", "nvidia-ml-py"), LINUX, None),
        (("nvidia-cublas-cu12 ; not a marker",), LINUX, None),
        ((), LINUX, None),
    ],
)
def test_requirements_say_it(requires: tuple[str, ...], tags: str, expected: Variant | None) -> None:
    assert of("something", "1.0", tags, requires=requires) == expected


def test_the_tables_go_before_the_requirements() -> None:
    assert of("torch", "1.13.1", requires=("nvidia-cuda-runtime-cu12==12.9.1",)) == Variant("cuda", "11.7")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("py3.9_cuda11.6_cudnn8.3.2_0", Variant("cuda", "11.6")),
        ("cuda112py39h13de7d3_202", Variant("cuda", "11")),
        ("cuda126_mkl_py310_h0123_300", Variant("cuda", "12")),
        ("gpu_cuda118py310hd1e6_0", Variant("cuda", "11")),
        ("cpu_py39h0123_0", Variant("cpu")),
        ("py3.9_cpu_0", Variant("cpu")),
        ("rocm6.1_py310_0", Variant("rocm", "6.1")),
        ("py38h0123_0", None),
    ],
)
def test_a_conda_build_string_says_it(build: str, expected: Variant | None) -> None:
    name = normalize_name("pytorch")
    assert variant_of(name=name, version="2.0", filename="pytorch-2.0-x.conda", build_string=build) == expected


def test_a_source_archive_has_no_variant() -> None:
    name = normalize_name("cupy-cuda12x")
    assert variant_of(name=name, version="1.0", filename="cupy_cuda12x-1.0.tar.gz") is None


def test_a_variant_says_what_it_is_and_what_said_so() -> None:
    found = of("torch", "1.12.1+cu116")
    assert found is not None
    assert str(found) == "CUDA 11.6"
    assert found.major == "11"
    assert found.exact
    assert found.origin == "local version +cu116"
    unsure = of("cupy-cuda11x", "13.0")
    assert unsure is not None
    assert not unsure.exact
    assert (str(Variant("cpu")), Variant("cpu").major) == ("CPU", None)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("116", "11.6"), ("12", "12"), ("120", "12.0"), ("92", "9.2"), ("80", "8.0"), ("130", "13.0")],
)
def test_digits_of_a_tag(digits: str, expected: str) -> None:
    assert cuda_of_tag(digits) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (LINUX, "linux-64"),
        ("cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64", "linux-64"),
        ("cp312-cp312-linux_x86_64", "linux-64"),
        (LINUX_ARM, "linux-aarch64"),
        (WINDOWS, "win-64"),
        (MACOS, "osx-arm64"),
        ("cp39-cp39-macosx_10_9_x86_64", "osx-64"),
        ("cp39-cp39-macosx_10_9_universal2", "osx-64"),
        (PURE, None),
        ("cp39-cp39-manylinux2014_ppc64le", None),
    ],
)
def test_platform_of_a_wheel(tags: str, expected: str | None) -> None:
    assert platform_of(f"name-1.0-{tags}.whl") == expected


def test_a_wheel_may_carry_several_toolkits() -> None:
    name = normalize_name("bitsandbytes")
    assert "13.0" not in carried_cuda(name, "0.47.0")
    assert "13.0" in carried_cuda(name, "0.48.1")
    assert carried_cuda(name, "0.20.0") == ()
    assert carried_cuda(normalize_name("torch"), "2.0.0") == ()
    assert of("bitsandbytes", "0.48.1") is None


def test_the_family_that_must_share_its_variant() -> None:
    assert set(SAME_VARIANT_FAMILY) == {"torch", "torchvision", "torchaudio", "torchtext"}
