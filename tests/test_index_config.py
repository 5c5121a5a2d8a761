"""Where the default index is: the precedence of uv's and pip's configuration, and what is passed over."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.sources.config import default_index_url

if TYPE_CHECKING:
    from envsolver.sources.config import IndexLocation


class Home:
    """A home folder and a project in it, without the machine's own configuration."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.cwd = self.home / "project" / "deep"
        self.cwd.mkdir(parents=True)
        self.nowhere = str(root / "nowhere")

    def write(self, name: str, text: str) -> str:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def find(self, **environ: str) -> IndexLocation:
        # The system's folders are not a test's business: XDG_CONFIG_DIRS moves them out of the way where it can.
        return default_index_url({"XDG_CONFIG_DIRS": self.nowhere} | environ, self.home, self.cwd)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    real = Path.read_bytes

    def without_system(path: Path) -> bytes:
        if path.is_absolute() and path.parts[1:2] == ("etc",):
            raise FileNotFoundError(str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", without_system)
    return Home(tmp_path)


def test_without_any_configuration_it_is_pip_s_own(home: Home) -> None:
    from pip._internal.models.index import PyPI

    location = home.find()
    assert (location.url, location.origin) == (PyPI.simple_url, "pip's own default")
    assert location.ignored == ()


def test_the_order(home: Home) -> None:
    expected = []
    home.write(".pip/pip.conf", "[global]\nindex-url = https://pip-legacy/\n")
    expected.append(("https://pip-legacy/", "pip.conf"))
    home.write(".config/pip/pip.conf", "[global]\nindex-url = https://pip-user/\n")
    expected.append(("https://pip-user/", "pip.conf"))
    (home.home.parent / "prefix").mkdir()
    (home.home.parent / "prefix" / "pip.conf").write_text("[global]\nindex-url = https://pip-site/\n")
    expected.append(("https://pip-site/", "pip.conf"))
    chosen = home.write("chosen.conf", "[global]\nindex-url = https://pip-chosen/\n")
    expected.append(("https://pip-chosen/", "chosen.conf"))
    expected.append(("https://pip-environ/", "PIP_INDEX_URL"))
    home.write(".config/uv/uv.toml", 'index-url = "https://uv-user/"\n')
    expected.append(("https://uv-user/", "uv.toml"))
    home.write("project/pyproject.toml", '[tool.uv]\nindex-url = "https://uv-project/"\n')
    expected.append(("https://uv-project/", "pyproject.toml"))
    home.write("project/uv.toml", 'index-url = "https://uv-project-toml/"\n')
    expected.append(("https://uv-project-toml/", "uv.toml"))
    expected.append(("https://uv-index-url/", "UV_INDEX_URL"))
    expected.append(("https://uv-default-index/", "UV_DEFAULT_INDEX"))

    # Taken away from the strongest to the weakest, each leaves the next.
    environ = {
        "UV_DEFAULT_INDEX": "https://uv-default-index/",
        "UV_INDEX_URL": "https://uv-index-url/",
        "PIP_INDEX_URL": "https://pip-environ/",
        "PIP_CONFIG_FILE": chosen,
    }
    files = [
        "project/uv.toml",
        "project/pyproject.toml",
        ".config/uv/uv.toml",
        "../prefix/pip.conf",
        ".config/pip/pip.conf",
    ]
    weaker = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", *files[:3], "PIP_INDEX_URL", "PIP_CONFIG_FILE", *files[3:]]
    for url, origin in reversed(expected):
        location = home.find(**environ)
        assert (location.url, location.origin.rpartition("/")[2]) == (url, origin)
        if weaker and environ.pop(weaker[0], None) is None:
            (home.home / weaker[0]).unlink()
        weaker = weaker[1:]


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ('[[index]]\nname = "corp"\nurl = "https://corp/"\ndefault = true\n', "https://corp/", "corp"),
        (
            '[[index]]\nurl = "https://other/"\n[[index]]\nurl = "https://corp/"\ndefault = true\n',
            "https://corp/",
            None,
        ),
        ('[pip]\nindex-url = "https://corp/"\n', "https://corp/", None),
        ('index-url = "https://one/"\n[[index]]\nurl = "https://two/"\ndefault = true\n', "https://two/", None),
    ],
)
def test_uv_s_ways_to_say_it(home: Home, text: str, url: str, name: str | None) -> None:
    home.write("project/deep/uv.toml", text)
    location = home.find()
    assert (location.url, location.name) == (url, name)


def test_the_nearest_project_ends_uv_s_search(home: Home) -> None:
    home.write("project/uv.toml", 'index-url = "https://far/"\n')
    home.write("project/deep/pyproject.toml", "[tool.uv]\nmanaged = true\n[project]\nname = 'index'\n")
    assert home.find().origin == "pip's own default"
    home.write("project/deep/pyproject.toml", "[project]\nname = 'x'\n")
    assert home.find().url == "https://far/"


def test_uv_s_switches(home: Home) -> None:
    home.write("project/uv.toml", 'index-url = "https://project/"\n')
    other = home.write("other.toml", 'index-url = "https://other/"\n')
    assert home.find(UV_CONFIG_FILE=other).url == "https://other/"
    assert home.find(UV_NO_CONFIG="1").origin == "pip's own default"
    assert home.find(UV_NO_CONFIG="0").url == "https://project/"


def test_a_named_default_index(home: Home) -> None:
    location = home.find(UV_DEFAULT_INDEX="corp=https://host/simple?x=1")
    assert (location.name, location.url) == ("corp", "https://host/simple?x=1")
    location = home.find(UV_DEFAULT_INDEX="https://host/simple?x=1")
    assert (location.name, location.url) == (None, "https://host/simple?x=1")


def test_pip_s_sections_and_spellings(home: Home) -> None:
    home.write(".config/pip/pip.conf", "[global]\nindex_url = https://global/%2B/\n")
    assert home.find().url == "https://global/%2B/"
    home.write(".config/pip/pip.conf", "[global]\nindex-url = https://g/\n[install]\nindex-url = https://i/\n")
    assert home.find().url == "https://i/"
    home.write(".pip/pip.conf", "[install]\nindex-url = https://legacy/\n")
    home.write(".config/pip/pip.conf", "[global]\nindex-url = https://g/\n")
    assert home.find().url == "https://legacy/"
    assert home.find(PIP_CONFIG_FILE=os.devnull).origin == "pip's own default"


def test_a_chosen_file_stands_in_for_the_user_s(home: Home) -> None:
    home.write(".config/pip/pip.conf", "[global]\nindex-url = https://user/\n")
    chosen = home.write("chosen.conf", "[global]\ntimeout = 5\n")
    assert home.find(PIP_CONFIG_FILE=chosen).origin == "pip's own default"
    assert home.find(PIP_CONFIG_FILE=f"{chosen}.missing").url == "https://user/"


def test_the_user_s_folder_can_be_moved(home: Home, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    (moved / "uv").mkdir(parents=True)
    (moved / "uv" / "uv.toml").write_text('index-url = "https://moved/"\n')
    assert home.find(XDG_CONFIG_HOME=str(moved)).url == "https://moved/"


def test_extra_indexes_are_passed_over_and_listed(home: Home) -> None:
    home.write(
        ".config/pip/pip.conf", "[global]\nextra-index-url = https://user:secret@extra/\nfind-links = /srv/wheels\n"
    )
    home.write(
        "project/uv.toml",
        'find-links = ["https://user:secret@flat/"]\n[[index]]\nname = "corp"\nurl = "https://user:secret@corp/"\n',
    )
    location = home.find(PIP_EXTRA_INDEX_URL="https://user:secret@a/", UV_INDEX="x=https://user:secret@b/")
    assert location.origin == "pip's own default"
    said = "\n".join(location.ignored)
    for word in ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "****@extra", "/srv/wheels", "****@flat", "****@corp"):
        assert word in said
    assert "secret" not in said


def test_broken_files_are_passed_over_and_listed(home: Home) -> None:
    home.write("project/uv.toml", "index-url = ")
    home.write(".config/pip/pip.conf", "index-url = https://x/\n")
    location = home.find()
    assert location.origin == "pip's own default"
    assert [text.rpartition(": ")[2] for text in location.ignored] == [
        "not readable as TOML",
        "not readable as a pip configuration",
    ]


@pytest.mark.parametrize(
    "text", ["index = 3\nindex-url = 7\n", 'index = ["x"]\n', "[[index]]\ndefault = true\n", "[pip]\nindex-url = []\n"]
)
def test_values_of_the_wrong_type(home: Home, text: str) -> None:
    home.write("project/uv.toml", text)
    assert home.find().origin == "pip's own default"


def test_it_prints_without_secrets(home: Home) -> None:
    location = home.find(PIP_INDEX_URL="https://user:secret@host/simple")
    assert location.url == "https://user:secret@host/simple"
    assert repr(location) == "IndexLocation('https://****@host/simple', from PIP_INDEX_URL)"
