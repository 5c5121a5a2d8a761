"""``report``: one page, whole without a script, with nothing from elsewhere, and with every text as it is."""

from __future__ import annotations

import base64
import re
import subprocess
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.app.lockfile import lock_text, requirements_text
from envsolver.app.project import Project
from envsolver.app.reporting import report_page
from tests.support.cli import CommandLine, publish
from tests.support.locks import locked, resolution

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

ROOT = Path(__file__).resolve().parent.parent
SPEC = """\
title: <script>alert(1)</script>
description: "\\" onmouseover=\\"alert(2)"
python: "3.11"
platforms: [linux-64]
pip:
  - app
notes:
  - subject: "{{ 7*7 }}"
    text: </style><img src=x onerror=alert(3)>
"""


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def cli(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> CommandLine:
    publish(default_index, "app", "1.0", "lib")
    publish(default_index, "lib", "1.0")
    publish(default_index, "lib", "2.0")
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


@pytest.fixture(scope="module")
def real() -> str:
    project = Project(root=ROOT)
    return report_page(project, project.find("acpt-1.12-py39"), platform=None, groups=())


def test_all_is_on_the_page_without_a_script(real: str) -> None:
    page = Page(real)
    assert {"stack", "findings", "graph-section", "packages", "rules", "changes"} <= set(page.ids)
    assert {"package-torch", "package-typing-extensions"} <= set(page.ids)
    for said in (
        "1.12.1+cu116",
        "CUDA 11.6 asks for most",
        "torch has machine code for compute capability 7.0, 7.5, 8.0, 8.6.",
        "The nodes have at least driver 510.39.01.",
        "local version +cu116",
        "TORCH-NUMPY2",
    ):
        assert said in page.text, said
    assert not re.search(r"rule (\S+): rule \1", page.text)
    assert len(page.ids) == len(set(page.ids))
    anchors = {value[1:] for name, value in page.attributes if name == "href"}
    assert anchors <= set(page.ids)


def test_nothing_comes_from_elsewhere_and_nothing_else_may_run(real: str) -> None:
    page = Page(real)
    assert not {"link", "img", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"src", "style", "action"} or name.startswith("on")]
    assert all(value.startswith("#") for name, value in page.attributes if name == "href")
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in value)
    for kind, tag in (("style", "style"), ("script", "script")):
        (inline,) = re.findall(f"<{tag}>(.*?)</{tag}>", real, re.DOTALL)
        digest = base64.b64encode(sha256(inline.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_same_lock_gives_the_same_page(real: str) -> None:
    project = Project(root=ROOT)
    assert report_page(project, project.find("acpt-1.12-py39"), platform=None, groups=()) == real


def test_words_of_strangers_are_words(cli: CommandLine) -> None:
    cli.spec("a", SPEC)
    assert cli("lock", "a").status == 0
    text = cli("report", "a").out
    page = Page(text)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert '" onmouseover="alert(2)' in page.text


def test_a_lock_written_by_a_stranger(cli: CommandLine) -> None:
    """Names and texts of a lock reach the page through another way than the spec."""
    cli.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [app]\n")
    lock = locked(resolution({"app==1.0": []}, {"": ["app"]}, python="3.11.9"))
    evil = "<b onclick=alert(1)>"
    package = replace(lock.packages[0], groups=(evil,))
    root = replace(lock.roots[0], text=f"app;{evil}")
    hostile = replace(lock, name="a", packages=(package,), roots=(root,))
    (cli.root / "locks").mkdir()
    text = lock_text(hostile)
    cli.lock_file("a").write_text(text, encoding="utf-8")
    cli.requirements_file("a").write_text(requirements_text(lock, text), encoding="utf-8")
    done = cli("report", "a")
    assert done.status in {0, 2}
    assert evil not in done.out


def test_what_has_changed_since_the_last_state_in_git(cli: CommandLine) -> None:
    cli.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [app, lib==1.0]\n")
    cli("lock", "a")
    assert "no git repository" in Page(cli("report", "a").out).text

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *arguments], cwd=cli.root, check=True, capture_output=True)

    git("init", "-q")
    assert "no older state of this lock" in Page(cli("report", "a").out).text
    git("add", ".")
    git("commit", "-q", "-m", "one")
    assert "first state of this lock" in Page(cli("report", "a").out).text
    cli.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [app, lib==2.0]\n")
    cli("lock", "a")
    changed = Page(cli("report", "a").out).text
    assert re.search(r"Since commit [0-9a-f]+ of \d{4}-\d\d-\d\d", changed)
    assert "lib 1.0 2.0 upgraded" in changed
    git("commit", "-q", "-a", "-m", "two")
    assert "lib 1.0 2.0 upgraded" in Page(cli("report", "a").out).text


def test_a_lock_that_is_not_up_to_date_says_so(cli: CommandLine) -> None:
    cli.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [app]\n")
    cli("lock", "a")
    cli.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [app, lib<2]\n")
    page = Page(cli("report", "a").out)
    assert "not up to date" in page.text
    assert "LCK001" in page.text


def test_the_command(cli: CommandLine) -> None:
    cli.spec("a", SPEC)
    assert cli("report", "a").status == 4
    cli("lock", "a")
    assert cli("report", "a", "-o", "a.html").said == "wrote a.html"
    assert cli("report", "a", "--json").json["text"] == (cli.root / "a.html").read_text(encoding="utf-8")
    assert cli("report", "a", "--platform", "win-64").status == 2


def test_every_environment_of_the_catalogue_has_a_report() -> None:
    project = Project(root=ROOT)
    for path in sorted((ROOT / "locks").glob("*.lock.toml")):
        name = path.name.removesuffix(".lock.toml")
        assert f"<title>{name}: report" in report_page(project, project.find(name), platform=None, groups=())
