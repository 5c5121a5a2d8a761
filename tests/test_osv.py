"""Advisories in OSV format: records, folders, zips, the service."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.candidate import Name
from envsolver.model.errors import FileError, NetworkError
from envsolver.sources.cache import Cache
from envsolver.sources.http import HttpClient
from envsolver.sources.osv import BadRecordError, advisory_files, parse_record, read_record
from envsolver.sources.osvservice import OsvService
from tests.support.osv_server import OsvServer

if TYPE_CHECKING:
    from envsolver.model.advisory import Advisories, AdvisorySource

DATA = Path(__file__).parent / "data" / "osv"
TORCH = json.loads((DATA / "GHSA-47fc-vmwq-366v.json").read_text(encoding="utf-8"))
WORST = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
PILLOW = json.loads((DATA / "GHSA-3f63-hfp8-52jq.json").read_text(encoding="utf-8"))


def about(source: AdvisorySource, **versions: str) -> Advisories:
    return asyncio.run(source.about({Name(name): (version,) for name, version in versions.items()}))


def record(**changes: Any) -> dict[str, Any]:
    return {**TORCH, **changes}


# Records


def test_a_record_of_github() -> None:
    found = parse_record(TORCH)
    assert found is not None
    assert (found.id, found.aliases, found.level) == ("GHSA-47fc-vmwq-366v", ("CVE-2022-45907",), "critical")
    assert [(event.kind, event.version) for event in found.affected[0].ranges[0].events] == [
        ("introduced", "0"),
        ("fixed", "1.13.1"),
    ]


def test_a_record_of_pypa_is_yaml_whose_versions_are_texts_and_whose_commits_do_not_count() -> None:
    found = read_record((DATA / "PYSEC-2023-38.yaml").read_bytes(), "PYSEC-2023-38.yaml")
    assert found is not None
    assert "1.10.0" in found.affected[0].versions
    assert found.level is None
    pillow = read_record((DATA / "PYSEC-2023-227.yaml").read_bytes(), "x.yaml")
    assert pillow is not None
    assert len(pillow.affected[0].ranges) == 1


def test_a_package_of_another_ecosystem_is_none_of_ours() -> None:
    affected = [{"package": {"ecosystem": "npm", "name": "torch"}, "versions": ["1.0"]}]
    assert parse_record(record(affected=affected)) is None


@pytest.mark.parametrize(
    ("severity", "named", "level"),
    [
        ([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}], "", "medium"),
        ([{"type": "CVSS_V4", "score": WORST}], "", "critical"),
        ([{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}], "", "high"),
        ([{"type": "Ubuntu", "score": "negligible"}], "MODERATE", "medium"),
        ([], "LOW", "low"),
        ([], "whatever", None),
    ],
)  # fmt: skip
def test_how_bad_it_is(severity: list[Any], named: str, level: str | None) -> None:
    found = parse_record(record(severity=severity, database_specific={"severity": named}))
    assert found is not None
    assert found.level == level


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"affected": 1}',
        b'{"affected": [1]}',
        json.dumps(record(id="")).encode(),
        json.dumps(record(affected=[{"package": {"ecosystem": "PyPI"}}])).encode(),
        json.dumps(record(affected=[{"package": TORCH["affected"][0]["package"], "ranges": [{"events": 3}]}])).encode(),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(BadRecordError):
        read_record(data, "x.json")


def test_yaml_makes_no_objects() -> None:
    evil = b"!!python/object/apply:os.system ['true']"
    with pytest.raises(BadRecordError):
        read_record(evil, "x.yaml")


def test_an_id_of_a_stranger_makes_no_other_url() -> None:
    found = parse_record(record(id="x](http://evil/)/../y"))
    assert found is not None
    assert found.url == "https://osv.dev/vulnerability/x%5D%28http%3A%2F%2Fevil%2F%29%2F..%2Fy"


# Folders and zips


def test_a_folder_with_all_below_it_whatever_the_spelling(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.json").write_text(json.dumps(PILLOW))
    (tmp_path / "b.json").write_text(json.dumps(TORCH))
    (tmp_path / "notes.md").write_text("torch")
    found = about(advisory_files(tmp_path), pillow="9.0", torch="1.12.1")
    assert [one.id for one in found.found] == ["GHSA-3f63-hfp8-52jq", "GHSA-47fc-vmwq-366v"]
    assert [one.id for one in about(advisory_files(tmp_path), pillow="9.0").found] == ["GHSA-3f63-hfp8-52jq"]


def test_withdrawn_advisories_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(record(withdrawn="2023-01-01T00:00:00Z")))
    assert about(advisory_files(tmp_path), torch="1.12.1").found == ()


def test_records_that_cannot_be_read_are_told_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"torch": ')
    (tmp_path / "b.json").write_text(json.dumps(TORCH))
    (tmp_path / "huge.json").write_bytes(b" " * (9 << 20))
    found = about(advisory_files(tmp_path), torch="1.12.1")
    assert [one.id for one in found.found] == ["GHSA-47fc-vmwq-366v"]
    assert [line.partition(":")[0] for line in found.unread] == ["a.json", "huge.json"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(TORCH))
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.json").symlink_to(tmp_path / "outside.json")
    assert about(advisory_files(inside), torch="1.12.1").found == ()


def test_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("GHSA-47fc-vmwq-366v.json", json.dumps(TORCH))
        archive.writestr("../../evil.json", json.dumps(PILLOW))
        archive.writestr("bomb.json", b" " * (64 << 20))
    found = about(advisory_files(path), torch="1.12.1")
    assert [one.id for one in found.found] == ["GHSA-47fc-vmwq-366v"]
    assert found.unread == ("bomb.json: it is larger than 8 MiB",)
    assert [path.name for path in tmp_path.parent.rglob("evil.json")] == []


def test_a_broken_member_of_a_zip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps(TORCH))
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(bytes(data))
    assert [line.partition(":")[0] for line in about(advisory_files(path), torch="1.12.1").unread] == ["a.json"]


def test_what_is_neither_a_folder_nor_a_zip(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FileError, match="is no zip"):
        advisory_files(tmp_path / "a.txt")
    with pytest.raises(FileError, match="neither a folder nor a file"):
        advisory_files(tmp_path / "nothing")


# The service


def ask(url: str, cache: Cache, *, offline: bool = False, **versions: str) -> Advisories:
    async def run() -> Advisories:
        async with HttpClient(offline=offline) as http:
            source = OsvService(url, http=http, cache=cache)
            return await source.about({Name(name): (version,) for name, version in versions.items()})

    return asyncio.run(run())


def test_the_service_is_told_names_and_versions_and_each_record_is_read_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with OsvServer(TORCH, PILLOW) as server:
        found = ask(server.url, cache, torch="1.12.1", pillow="10.2.0")
        assert [one.id for one in found.found] == ["GHSA-47fc-vmwq-366v"]
        assert server.questions == [
            {"package": {"name": "pillow", "ecosystem": "PyPI"}, "version": "10.2.0"},
            {"package": {"name": "torch", "ecosystem": "PyPI"}, "version": "1.12.1"},
        ]
        assert ask(server.url, cache, torch="1.12.1") == found
        assert server.asked == ["/v1/querybatch", "/v1/vulns/GHSA-47fc-vmwq-366v", "/v1/querybatch"]
        server.records["GHSA-47fc-vmwq-366v"] = record(modified="2030-01-01T00:00:00Z", summary="new")
        assert [one.summary for one in ask(server.url, cache, torch="1.12.1").found] == ["new"]


def test_the_pages_of_the_service(tmp_path: Path) -> None:
    with OsvServer(TORCH, record(id="PYSEC-1"), record(id="PYSEC-2")) as server:
        server.page = 1
        found = ask(server.url, Cache(tmp_path), torch="1.12.1")
    assert [one.id for one in found.found] == ["GHSA-47fc-vmwq-366v", "PYSEC-1", "PYSEC-2"]


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"results": []}',
        b'{"results": [1]}',
        b'{"results": [{"vulns": [{"id": "../../etc"}]}]}',
        b'{"results": [{"vulns": [{}]}]}',
        b'{"results": [{"next_page_token": "again"}]}',
    ],
)
def test_a_service_that_is_none(answer: bytes, tmp_path: Path) -> None:
    with OsvServer() as server:
        server.answer = answer
        with pytest.raises(NetworkError, match="does not answer as the OSV service does"):
            ask(server.url, Cache(tmp_path), torch="1.12.1")


def test_offline_the_service_is_not_asked(tmp_path: Path) -> None:
    with OsvServer(TORCH) as server:
        with pytest.raises(NetworkError, match="this run is offline"):
            ask(server.url, Cache(tmp_path), offline=True, torch="1.12.1")
        assert server.asked == []
