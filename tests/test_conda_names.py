"""Public mappings from packages of conda to projects: their forms, where they are read, and what they decide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.knowledge.conda import NAMES, NameTable, conda_candidates, project_of
from envsolver.model.candidate import Name
from envsolver.model.errors import FileError
from envsolver.sources.condanames import read_names
from tests.support.channels import PYTHON
from tests.support.cli import publish
from tests.support.joint import versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.index_server import IndexServer
    from tests.support.joint import Joint

PARSELMOUTH: Any = {"py-lib": ["Some.Lib"], "zlib": None, "two": ["other", "two"], "pytorch": ["wrong"]}
GRAYSKULL: Any = {
    "some_lib": {"conda_name": "py-lib", "import_name": "some", "pypi_name": "some_lib"},
    "other": {"conda_name": "two"},
    "two": {"conda_name": "two"},
}
BODY = "conda: [py-lib]\npip: [app]\nconda-mapping: {place}\n"


@pytest.fixture
def lib(joint: Joint) -> Joint:
    joint.main.add("py-lib", "1.0", [PYTHON])
    publish(joint.index, "some-lib", "2.0")
    publish(joint.index, "app", "1.0", "some-lib>=1")
    return joint


def place_of(joint: Joint, data: Any) -> Path:
    path = joint.cli.root / "specs" / "names.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (json.dumps(PARSELMOUTH), {"py-lib": "some-lib", "zlib": "", "two": "two", "pytorch": "wrong"}),
        (json.dumps(GRAYSKULL), {"py-lib": "some-lib", "two": "two"}),
        ("some_lib:\n  conda_name: py-lib\nno:\n  conda_name: '1.10'\n", {"py-lib": "some-lib", "1.10": "no"}),
        ('{"Upper": "Project", "bad name": ["x"], "odd": [1, "a b"]}', {"upper": "project"}),
    ],
)
def test_the_forms_that_are_known(text: str, names: dict[str, str]) -> None:
    assert read_names(text, "names.json") == names


@pytest.mark.parametrize(
    "text", ["[1]", "{}", '{"a": 1}', "a: &x [b]\nc: *x\n", "a: [", "\x00", '"text"', "[" * 100_000]
)
def test_what_is_no_mapping(text: str) -> None:
    with pytest.raises(FileError, match=r"names\.json is n"):
        read_names(text, "names.json")


def test_a_long_table_is_looked_up_both_ways() -> None:
    table = NameTable({"py-lib": "some-lib", "numpy": ""})
    assert conda_candidates(Name("some-lib"), table) == ("py-lib", "some-lib", "some.lib", "some_lib")
    assert conda_candidates(Name("numpy"), table) == ()
    assert conda_candidates(Name("torch"), table) == conda_candidates(Name("torch"), {})
    assert project_of("py-lib", table) == "some-lib"


def test_a_mapping_beside_the_spec_tells_what_a_package_provides(lib: Joint) -> None:
    assert "some-lib" in versions(lib.lock("conda: [py-lib]\npip: [app]\n"))
    place = place_of(lib, PARSELMOUTH)
    lock = lib.lock(BODY.format(place="names.json"))
    assert "some-lib" not in versions(lock)
    (edge,) = lock.package("app").dependencies
    assert (edge.name, edge.project) == ("conda:py-lib", "some-lib")
    # The file is part of what was asked for.
    assert lib.cli("lock", "a", "--check").status == 0
    place.write_text(json.dumps({"py-lib": None}), encoding="utf-8")
    assert lib.cli("lock", "a", "--check").status == 1
    assert lib.cli("lock", "a").status == 0
    assert "some-lib" in versions(lib.read())


def test_what_the_spec_says_goes_first_and_what_envsolver_knows_next(lib: Joint) -> None:
    place_of(lib, PARSELMOUTH)
    assert "some-lib" in versions(lib.lock(BODY.format(place="names.json") + "conda-names: { py-lib: none }\n"))
    lib.main.add("pytorch", "1.12.1", [PYTHON])
    publish(lib.index, "torch", "2.0")
    publish(lib.index, "metrics", "1.0", "torch")
    found = versions(lib.lock("conda: [pytorch]\npip: [metrics]\nconda-mapping: names.json\n"))
    assert NAMES["pytorch"] == "torch"
    assert "torch" not in found


def test_a_mapping_from_a_url_is_cached(lib: Joint, new_index_server: Callable[[], IndexServer]) -> None:
    server = new_index_server()
    server.route("/names.json", json.dumps(GRAYSKULL).encode())
    lock = lib.lock(BODY.format(place=f"{server.base}/names.json"))
    assert "some-lib" not in versions(lock)
    assert len(server.asked()) == 1
    assert lib.cli("lock", "a", "--upgrade").status == 0
    assert len(server.asked()) == 1
    assert lib.cli("lock", "a", "--refresh").status == 0
    assert len(server.asked()) == 2
    server.stop()
    assert lib.cli("lock", "a", "--upgrade", "--offline").status == 0
    assert "some-lib" not in versions(lib.read())


@pytest.mark.parametrize(
    ("place", "says", "status"),
    [
        ("missing.json", "missing.json cannot be read", 4),
        ("../../outside.json", "lies outside the project", 4),
        ("numbers.yaml", "is no mapping of names of conda", 4),
        ("https://me:secret@names.invalid/x.json", "carries credentials", 2),
        ("ftp://names.invalid/x.json", "no URL that can be read", 2),
        ("{server}/names.json", "answered with status 404", 4),
    ],
)
def test_mappings_that_cannot_be_read(lib: Joint, place: str, says: str, status: int) -> None:
    (lib.cli.root.parent / "outside.json").write_text("{}", encoding="utf-8")
    lib.cli.spec("numbers", "- 1\n- 2\n")
    place = place.replace("{server}", lib.index.base)
    said = lib.refused(BODY.format(place=f"'{place}'"), status=status)
    assert says in said
    assert "secret" not in said
    assert "specs/a.yaml:" in said
