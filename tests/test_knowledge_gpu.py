"""Drivers and architectures: what runs what."""

from __future__ import annotations

import pytest

from envsolver.knowledge.gpu import (
    Coverage,
    architectures_covered,
    driver_supports,
    gcc_for,
    highest_cuda,
    toolkit_targets,
    torch_architectures,
)


@pytest.mark.parametrize(
    ("cuda", "driver", "level"),
    [
        ("11.7", "515.43.04", "packaged"),
        ("11.7", "515.43.03", "minor-version"),
        ("11.7", "450.80.02", "minor-version"),
        ("11.7", "450.80.01", "no"),
        ("11.0", "450.36.06", "packaged"),
        ("12.1", "510.47.03", "no"),
        ("12.1", "525.60.13", "minor-version"),
        ("12.1", "530.30.02", "packaged"),
        ("10.2", "440.33", "packaged"),
        ("10.2", "440.32", "no"),
        ("10.2", "550.54.15", "packaged"),
        ("13.0", "575.51.03", "no"),
        ("13.2", "580.65.06", "minor-version"),
        ("12.4.1", "550.54.14", "minor-version"),
        ("12.4.1", "550.54.15", "packaged"),
        ("12.4.9", "550.54.14", "packaged"),  # an update that is not known counts as the first release
        ("12", "525.60.13", "minor-version"),
        ("12", "575.51.03", "packaged"),
        ("11", "440.33", "no"),
        ("9.0", "550.54.15", "no"),
    ],
)
def test_what_a_driver_runs(cuda: str, driver: str, level: str) -> None:
    found = driver_supports(cuda, driver)
    assert found.level == level
    assert found.runs == (level != "no")


def test_windows_has_drivers_of_its_own() -> None:
    assert driver_supports("12.4", "551.61", platform="win-64").level == "packaged"
    assert driver_supports("12.4", "551.60", platform="win-64").level == "minor-version"
    assert driver_supports("12.4", "528.32", platform="win-64").level == "no"
    assert driver_supports("13.1", "581.0", platform="win-64").level == "minor-version"


def test_a_verdict_names_the_drivers() -> None:
    found = driver_supports("12.1", "510.47.03")
    assert (found.minimum, found.packaged) == ("525.60.13", "530.30.02")
    unknown = driver_supports("9.0", "400.0")
    assert (unknown.minimum, unknown.packaged) == (None, None)


@pytest.mark.parametrize(("cuda", "driver"), [("eleven", "510.47.03"), ("11.7", "new"), ("", "510")])
def test_what_is_no_version_is_refused(cuda: str, driver: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        driver_supports(cuda, driver)


@pytest.mark.parametrize(
    ("driver", "platform", "expected"),
    [
        ("515.43.04", "linux-64", "11.7"),
        ("515.43.03", "linux-64", "11.6"),
        ("600.0", "linux-64", "13.1"),
        ("600.0", "win-64", "12.9"),
        ("390.0", "linux-64", None),
    ],
)
def test_the_newest_cuda_of_a_driver(driver: str, platform: str, expected: str | None) -> None:
    assert highest_cuda(driver, platform=platform) == expected


@pytest.mark.parametrize(
    ("architectures", "capability", "expected"),
    [
        (["sm_80"], "8.0", Coverage("binary", "sm_80")),
        (["sm_80"], "8.6", Coverage("binary", "sm_80")),
        (["sm_80"], "8.9", Coverage("binary", "sm_80")),
        (["sm_86"], "8.0", Coverage("none")),
        (["sm_80", "sm_86"], "8.9", Coverage("binary", "sm_86")),
        (["sm_86", "sm_80"], "8.9", Coverage("binary", "sm_86")),
        (["sm_80", "sm_86"], "9.0", Coverage("none")),
        (["sm_90"], "8.0", Coverage("none")),
        (["7.0", "8.0"], "7.5", Coverage("binary", "7.0")),
        (["3.7", "5.0", "6.0", "7.0"], "8.0", Coverage("none")),
        (["3.7", "5.0", "6.0", "7.0"], "6.1", Coverage("binary", "6.0")),
        (["compute_70"], "8.0", Coverage("ptx", "compute_70")),
        (["compute_70"], "7.0", Coverage("ptx", "compute_70")),
        (["compute_80"], "7.5", Coverage("none")),
        (["sm_70", "compute_70"], "9.0", Coverage("ptx", "compute_70")),
        (["sm_80", "compute_80"], "8.6", Coverage("binary", "sm_80")),
        (["9.0", "12.0+PTX"], "12.1", Coverage("binary", "12.0+PTX")),
        (["9.0+PTX"], "12.0", Coverage("ptx", "9.0+PTX")),
        (["sm_90a"], "9.0", Coverage("binary", "sm_90a")),
        (["sm_100a"], "10.3", Coverage("none")),
        (["sm_100f"], "10.3", Coverage("binary", "sm_100f")),
        (["compute_90a"], "10.0", Coverage("none")),
        (["sm_100", "sm_120"], "12.0", Coverage("binary", "sm_120")),
        ([], "8.0", Coverage("none")),
    ],
)
def test_which_devices_a_build_covers(architectures: list[str], capability: str, expected: Coverage) -> None:
    assert architectures_covered(architectures, capability) == expected


def test_without_jit_ptx_does_not_count() -> None:
    assert architectures_covered(["8.0+PTX"], "9.0") == Coverage("ptx", "8.0+PTX")
    assert architectures_covered(["8.0+PTX"], "9.0", jit=False) == Coverage("none")
    assert architectures_covered(["8.0+PTX"], "8.6", jit=False) == Coverage("binary", "8.0+PTX")


@pytest.mark.parametrize("text", ["sm_", "gfx90a", "8", "sm_8"])
def test_what_names_no_architecture_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no architecture"):
        architectures_covered([text], "8.0")


def test_architectures_of_torch() -> None:
    assert torch_architectures("1.12.1", "10.2", from_pypi=True) == ("3.7", "5.0", "6.0", "7.0")
    assert torch_architectures("1.12.1+cu116", "11.6") == ("3.7", "5.0", "6.0", "7.0", "7.5", "8.0", "8.6")
    assert torch_architectures("2.7.1", "12.6") == torch_architectures("2.7.1", "12.6", from_pypi=True)
    assert torch_architectures("1.12.1", "11.6", from_pypi=True) is None
    assert torch_architectures("99.0", "11.6") is None
    hopper = torch_architectures("2.0.1", "11.8")
    assert hopper is not None
    assert architectures_covered(hopper, "9.0").kind == "binary"


def test_an_h100_and_torch_1_12_for_cuda_11_6() -> None:
    architectures = torch_architectures("1.12.1", "11.6")
    assert architectures is not None
    assert architectures_covered(architectures, "9.0") == Coverage("none")
    assert architectures_covered(architectures, "8.0") == Coverage("binary", "8.0")


def test_what_a_toolkit_compiles_for() -> None:
    assert "90" in toolkit_targets("11.8")
    assert "90" not in toolkit_targets("11.7")
    assert "70" not in toolkit_targets("13.0")
    assert toolkit_targets("9.0") == ()


@pytest.mark.parametrize(
    ("cuda", "lowest", "highest"),
    [
        ("11.3", 5, 10),
        ("11.7", 6, 11),
        ("11.8", 6, 11),
        ("12.0", 6, 12),
        ("12.3", 6, 12),
        ("12.4", 6, 13),
        ("12.6", 6, 13),
        ("12.8", 6, 14),
        ("12.9", 6, 14),
        ("13.0", 6, 15),
        ("13.4", 6, 16),
    ],
)
def test_which_gcc_a_toolkit_accepts(cuda: str, lowest: int, highest: int) -> None:
    found = gcc_for(cuda)
    assert found is not None
    assert (found.at_least, found.below - 1) == (lowest, highest)


def test_of_old_and_coming_toolkits_nothing_is_claimed() -> None:
    assert gcc_for("9.0") is None
    assert gcc_for("14.0") is None
