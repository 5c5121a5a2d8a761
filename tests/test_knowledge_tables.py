"""The tables: complete, consistent with each other, and refused when they are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envsolver.knowledge import tables
from envsolver.knowledge._toml import read_shipped
from envsolver.knowledge.bounds import exemptions
from envsolver.knowledge.compilers import compilers, gcc_for_headers
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import SpecError
from envsolver.model.target import KNOWN_PLATFORMS
from tests.support.rule_data import releases

if TYPE_CHECKING:
    from envsolver.knowledge._toml import Row


def test_toolkits_descend_and_newer_ones_need_newer_drivers() -> None:
    toolkits = tables.cuda_tables().toolkits
    keys = [(Version(one.version), one.update) for one in toolkits]
    assert keys == sorted(keys, reverse=True)
    drivers = [Version(one.linux) for one in toolkits]
    assert drivers == sorted(drivers, reverse=True)


def test_every_major_since_11_has_a_floor_below_the_drivers_of_its_toolkits() -> None:
    table = tables.cuda_tables()
    for toolkit in table.toolkits:
        floors = [one for one in table.floors if SpecifierSet(one.versions).contains(toolkit.version)]
        assert len(floors) == (0 if toolkit.version.startswith("10.") else 1)
        assert all(Version(one.linux) <= Version(toolkit.linux) for one in floors)


def test_the_ranges_of_toolkits_do_not_overlap() -> None:
    table = tables.cuda_tables()
    versions = sorted({one.version for one in table.toolkits} | {"13.2"}, key=Version)
    for version in versions:
        assert sum(SpecifierSet(one.versions).contains(version) for one in table.targets) <= 1
        assert sum(SpecifierSet(one.versions).contains(version) for one in table.gcc) <= 1


def test_every_toolkit_since_11_has_a_gcc() -> None:
    table = tables.cuda_tables()
    for toolkit in table.toolkits:
        found = [one for one in table.gcc if SpecifierSet(one.versions).contains(toolkit.version)]
        assert len(found) == (0 if toolkit.version.startswith("10.") else 1)
        assert all(one.at_least < one.below for one in found)


def test_what_is_compiled_against_torch_and_the_systems_have_sources() -> None:
    known = compilers()
    assert {"apex", "deepspeed", "fairscale", "flash-attn", "horovod", "torch-ort", "xformers"} <= set(known.compiled)
    assert [one.package for one in known.compiled.values() if one.exact] == ["apex"]
    assert known.systems["ubuntu2004"].gcc == 9
    assert all(one.source for one in known.compiled.values())
    assert all(one.source and 3 < one.gcc < 20 for one in known.standards)
    assert all(one.source and 3 < one.gcc < 20 for one in known.systems.values())


def test_torch_from_2_1_on_needs_a_gcc_for_cxx17() -> None:
    assert gcc_for_headers("2.0.1") == 0
    assert gcc_for_headers("2.1.0+cu121") == 9


@pytest.mark.parametrize("name", ["compilers", "cuda"])
def test_a_compiler_table_says_where_each_row_is_from(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read_shipped("data", name)
    last = text.rindex("source = ")
    without = text[:last] + "sources = ''\n"
    module = "envsolver.knowledge.compilers" if name == "compilers" else "envsolver.knowledge.tables"
    monkeypatch.setattr(f"{module}.read_shipped", lambda *_: without)
    with pytest.raises(SpecError, match="'source' is missing"):
        (compilers if name == "compilers" else tables.cuda_tables).__wrapped__()


def test_devices_are_found_by_name() -> None:
    assert tables.capability_of("A100") == "8.0"
    assert tables.capability_of("rtx3090") == "8.6"
    assert tables.capability_of("H100") == "9.0"
    assert tables.capability_of("a device of tomorrow") is None
    assert all(Version(capability) for capability in tables.devices().values())


def test_every_release_of_torch_since_1_7_is_there() -> None:
    known = [release.version for release in tables.torch_tables().releases]
    assert known == [version for version in releases()["torch"] if Version(version) >= Version("1.7")]


def test_releases_of_torch_say_what_their_requirements_say() -> None:
    table = tables.torch_tables()
    for version, cudnn, nccl, triton in (
        ("1.12.1", None, None, None),
        ("1.13.1", "8.5.0.96", None, None),
        ("2.0.1", "8.5.0.96", "2.14.3", "2.0.0"),
        ("2.4.0", "9.1.0.70", "2.20.5", "3.0.0"),
        ("2.15.0", "9.26.0.51", "2.30.7", "3.9.0"),
    ):
        release = table.release(f"{version}+local")
        assert release is not None
        assert (release.cudnn, release.nccl, release.triton) == (cudnn, nccl, triton)
    assert table.release("99.0") is None


def test_the_abi_changed_once() -> None:
    flags = [release.cxx11_abi for release in tables.torch_tables().releases]
    assert flags == sorted(flags)
    changed = tables.torch_tables().releases[flags.index(True)]
    assert changed.version == "2.7.0"


def test_companions_are_releases_that_exist_and_belong_to_one_torch() -> None:
    rows = tables.companions()
    torch = {release.version for release in tables.torch_tables().releases}
    assert {row.torch for row in rows} <= torch
    for field in ("torchvision", "torchaudio", "torchtext", "xformers"):
        named = [version for row in rows for version in getattr(row, field)]
        assert len(named) == len(set(named))
    by_torch = {row.torch: row for row in rows}
    assert by_torch["1.12.1"].torchvision == ("0.13.1",)
    assert by_torch["1.13.1"].torchaudio == ("0.13.1",)


def test_lightning_and_the_published_images() -> None:
    tested = {row.lightning: row for row in tables.lightning_tested()}
    assert tested["1.7"].torch_tested == "1.12"
    assert tables.Image("1.13.1", "1.14.0", "1.14.0", "0.8.0") in tables.acpt_images()


def test_builds_of_one_project_do_not_overlap() -> None:
    for package in ("torchvision", "torchaudio", "onnxruntime-training", "onnxruntime-gpu", "tensorflow", "xformers"):
        rows = tables.builds(normalize_name(package))
        assert rows
        for version in releases().get(package, ("1.0",)):
            for platform in KNOWN_PLATFORMS:
                found = [
                    row for row in rows if SpecifierSet(row.versions).contains(version) and platform in row.platforms
                ]
                assert len(found) <= 1
    assert tables.builds(normalize_name("numpy")) == ()


def test_builds_have_a_source_and_known_platforms() -> None:
    for package in ("torchvision", "torchaudio", "onnxruntime-training", "onnxruntime-gpu", "tensorflow", "xformers"):
        for row in tables.builds(normalize_name(package)):
            assert row.source
            assert set(row.platforms) <= set(KNOWN_PLATFORMS)
            assert row.otherwise in {None, "cpu"}


def test_projects_that_are_data_are_exempt_from_bounds() -> None:
    found = exemptions()
    assert {"certifi", "tzdata", "pytz"} <= set(found)
    assert all(reason for reason in found.values())


def test_helpers_that_only_add_are_exempt_and_setuptools_is_not() -> None:
    # setuptools 82 took pkg_resources away: what nobody has a rule for yet is guarded by bounds alone.
    found = exemptions()
    assert {"wheel", "typing-extensions", "mypy-extensions"} <= set(found)
    assert "setuptools" not in found


def test_a_table_that_is_wrong_is_refused_with_all_its_problems() -> None:
    text = "[[row]]\nname = 3\n[[row]]\ncount = 'x'\nflag = 1\nname = ''\n[other]\n"

    def read(row: Row) -> object:
        return row.text("name"), row.number_of("count"), row.flag("flag"), row.choice("kind", ("a", "b"), "a")

    with pytest.raises(SpecError) as caught:
        tables.parse_table(text, "data/x.toml", row=read)
    assert [str(problem) for problem in caught.value.problems] == [
        "data/x.toml:7: unknown key 'other' (expected [[row]])",
        "data/x.toml:2: 'name' must be a string, not a number",
        "data/x.toml:1: 'count' is missing",
        "data/x.toml:6: 'name' is empty",
        "data/x.toml:4: 'count' must be a number, not a string",
        "data/x.toml:5: 'flag' must be true or false, not a number",
    ]
