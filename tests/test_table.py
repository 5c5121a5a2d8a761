"""The support table: from locks, else from pins, and equal to the one that is published."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from envsolver.app.tabling import support_table, table_html
from envsolver.cli.ui import Ui
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED = """\
| AzureML-ACPT-pytorch-1.13-py38-cuda11.7-gpu | Ubuntu 20.04 | cu117 | 3.8 | 1.13.1 | 1.14.0 | 0.8.0 | 1.14.0 |
| AzureML-ACPT-pytorch-1.12-py39-cuda11.6-gpu | Ubuntu 20.04 | cu116 | 3.9 | 1.12.1 | 1.13.1 | 0.7.3 | 1.13.1 |
| AzureML-ACPT-pytorch-1.12-py38-cuda11.6-gpu | Ubuntu 20.04 | cu116 | 3.8 | 1.12.1 | 1.13.1 | 0.7.3 | 1.13.1 |
| AzureML-ACPT-pytorch-1.11-py38-cuda11.5-gpu | Ubuntu 20.04 | cu115 | 3.8 | 1.11.0 | 1.11.1 | 0.7.3 | 1.11.0 |
| AzureML-ACPT-pytorch-1.11-py38-cuda11.3-gpu | Ubuntu 20.04 | cu113 | 3.8 | 1.11.0 | 1.11.1 | 0.7.3 | 1.11.1 |
"""
"""The table of Azure Machine Learning's documentation of its curated environments."""

HEAD = "| Environment | OS | GPU | Python | PyTorch | ORT-training | DeepSpeed | torch-ort | From |\n"
ACPT = ("acpt-1.13-py38", "acpt-1.12-py39", "acpt-1.12-py38", "acpt-1.11-py38-cu115", "acpt-1.11-py38-cu113")


@pytest.fixture
def cli(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Return a copy of the ACPT environments."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(repository / "specs", tmp_path / "specs")
    (tmp_path / "locks").mkdir()
    for name in ACPT:
        for path in (repository / "locks").glob(f"{name}.*"):
            shutil.copy(path, tmp_path / "locks")
    for path in (tmp_path / "specs").glob("[!_]*.yaml"):
        if path.stem not in ACPT:
            path.unlink()
    return CommandLine(tmp_path, capsys)


def test_the_table_is_the_published_one(cli: CommandLine) -> None:
    done = cli("table", "--format", "markdown")
    assert (done.status, done.err) == (0, "")
    head, rule, *rows = done.out.splitlines(keepends=True)
    assert head == HEAD
    assert set(rule) <= set("| -\n")
    assert "".join(row.rpartition(" | ")[0] + " |\n" for row in rows) == PUBLISHED
    # The deprecated ones have no locks: what is known of them are their pins.
    assert [row.split(" | ")[-1].strip(" |\n") for row in rows] == ["lock", "lock", "lock", "spec", "spec"]


def test_a_row_changes_with_the_spec_where_there_is_no_lock(cli: CommandLine) -> None:
    path = cli.root / "specs" / "acpt-1.11-py38-cu113.yaml"
    path.write_text(path.read_text().replace("deepspeed==0.7.3", "deepspeed==0.7.1"))
    rows = cli("table", "--format", "markdown").out
    assert "| cu113 | 3.8 | 1.11.0 | 1.11.1 | 0.7.1 | 1.11.1 | spec |" in rows
    assert "| cu115 | 3.8 | 1.11.0 | 1.11.1 | 0.7.3 | 1.11.0 | spec |" in rows
    path.write_text(path.read_text().replace("deepspeed==0.7.1", "deepspeed>=0.7"))
    assert "| 1.11.1 | >=0.7 | 1.11.1 | spec |" in cli("table", "--format", "markdown").out
    path.write_text(path.read_text().replace("  - deepspeed>=0.7\n", ""))
    assert "| 1.11.1 | - | 1.11.1 | spec |" in cli("table", "--format", "markdown").out


def test_a_row_is_that_of_the_lock_where_there_is_one(cli: CommandLine) -> None:
    cli.lock_file("acpt-1.13-py38").unlink()
    spec = cli.root / "specs" / "acpt-1.13-py38.yaml"
    spec.write_text(spec.read_text().replace("deepspeed==0.8.0", "deepspeed==0.8.2"))
    assert "| 0.8.2 | 1.14.0 | spec |" in cli("table", "--format", "markdown").out


def test_a_pin_that_the_lock_does_not_keep_to_is_shown(cli: CommandLine) -> None:
    spec = cli.root / "specs" / "acpt-1.12-py38.yaml"
    spec.write_text(spec.read_text().replace("deepspeed==0.7.3", "deepspeed==0.8.2"))
    rows = cli("table", "--format", "markdown").out
    assert "| cu116 | 3.8 | 1.12.1 | 1.13.1 | 0.8.2 | 1.13.1 | stale lock |" in rows
    assert "| cu116 | 3.9 | 1.12.1 | 1.13.1 | 0.7.3 | 1.13.1 | lock |" in rows
    spec.write_text(spec.read_text().replace("deepspeed==0.8.2", "deepspeed>=0.7"))
    assert "| 3.8 | 1.12.1 | 1.13.1 | 0.7.3 | 1.13.1 | stale lock |" in cli("table", "--format", "markdown").out


def test_pins_of_conda_are_those_of_projects(cli: CommandLine) -> None:
    cli.spec(
        "c", 'python: "3.9"\nplatforms: [linux-64]\nchannels: [conda-forge]\nconda: [pytorch=1.12.1, tzdata=2023c]\n'
    )
    row = cli("table", "c", "--package", "tzdata", "--json").json["environments"][0]
    assert (row["pytorch"], row["tzdata"], row["from"]) == ("1.12.1", "any", "spec")


def test_text_json_and_further_columns(cli: CommandLine) -> None:
    done = cli("table", "acpt-1.12-py39", "--names", "--package", "torchvision")
    assert [line.split() for line in done.out.splitlines()] == [
        [*HEAD.upper().replace("|", " ").split()[:-1], "TORCHVISION", "FROM"],
        ["acpt-1.12-py39", "Ubuntu", "20.04", "cu116", "3.9", "1.12.1", "1.13.1", "0.7.3", "1.13.1", "0.13.1", "lock"],
    ]
    row = cli("table", "acpt-1.12-py39", "--json").json["environments"][0]
    assert (row["name"], row["pytorch"], row["from"]) == ("acpt-1.12-py39", "1.12.1", "lock")
    assert row["status"] == "supported"


def test_what_is_deprecated_is_marked(cli: CommandLine) -> None:
    head, *rows = cli("table").out.splitlines()
    assert head.endswith("FROM  STATUS")
    assert [row.split()[-1] for row in rows] == ["supported"] * 3 + ["deprecated"] * 2
    assert cli("table", "acpt-1.12-py39").out.splitlines()[0].endswith("FROM")
    assert [row["status"] for row in cli("table", "--json").json["environments"]][-1] == "deprecated"


def test_text_in_a_file_is_whole(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ui, "terminal", True)
    monkeypatch.setattr(Ui, "width", 40)
    assert cli("table", "-o", "table.txt").status == 0
    assert "TORCH-ORT" in (cli.root / "table.txt").read_text(encoding="utf-8")
    assert "TORCH-ORT" not in cli("table").out


def test_what_conda_provides_counts(repository: Path) -> None:
    (row,) = support_table(repository, ["acpt-1.12-py39-conda"]).rows
    assert (row.environment, row.versions[0], row.source) == ("acpt-1.12-py39-conda", "1.12.1", "lock")


def test_html_is_a_table_and_nothing_else(cli: CommandLine) -> None:
    spec = cli.root / "specs" / "acpt-1.12-py38.yaml"
    spec.write_text(spec.read_text().replace("aliases:\n", 'aliases:\n  - "A.b"\n', 1))
    text = table_html(support_table(cli.root, []))
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)

    Reader().feed(text)
    assert set(tags) == {"table", "thead", "tbody", "tr", "th", "td"}
    assert tags.count("tr") == 6
    assert tags.count("td") == 5 * 9
    assert "<td>A.b</td>" in text


def test_an_empty_folder_shows_what_is_shipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    assert PUBLISHED.splitlines()[0] in cli("table", "--format", "markdown").out
    for command in ("table", "status", "list"):
        assert cli(command).out.splitlines()[0] == "shipped with envsolver"
