"""Requirements and constraints files of a lock."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.formats import constraints, pylock, requirements
from envsolver.lock.toml import loads
from envsolver.model.candidate import DIRECT_INDEX, normalize_name
from envsolver.model.errors import UsageError
from envsolver.model.target import Target
from tests.support.locks import CU116, a_file, an_index, example, locked, resolution

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.lock.model import Lock

LINUX = 'sys_platform == "linux" and platform_machine == "x86_64"'


def _hash(lock: Lock, name: str) -> str:
    return f"    --hash=sha256:{lock.versions(name)[0].files[0].sha256}"


def test_one_platform_reads_like_pip_tools() -> None:
    lock = example()
    text = requirements.dumps(lock, platform="linux-64", groups=["horovod"])
    assert text.startswith(
        "# Exported from a lock of envsolver. Do not edit it; change the spec, lock again, then:\n"
        "#     envsolver export demo --format requirements --platform linux-64 --group horovod\n"
        "# For CPython 3.8.20 on linux-64 (glibc 2.31 or newer).\n"
        "# Several indexes: uv needs --index-strategy unsafe-best-match; the hashes say which file is meant.\n"
        f"--extra-index-url {CU116}\n\n"
        "click==8.1.7 \\\n"
    )
    assert (
        f"torch==1.12.1+cu116 \\\n{_hash(lock, 'torch')}\n    # via\n    #   horovod\n    #   demo (specs/demo.yaml)\n"
        in text
    )
    assert f"horovod==0.28.1 \\\n{_hash(lock, 'horovod')}\n    # via demo:horovod (specs/demo.yaml)\n" in text
    assert f"uvicorn[standard]==0.22.0 \\\n{_hash(lock, 'uvicorn')}\n    # via demo-app\n" in text
    assert "tool @ https://example.com/dl/tool-2.0-py3-none-any.whl?v=1 \\\n    --hash=" in text
    assert "colorama" not in text


def test_all_platforms_stand_in_one_file_by_markers() -> None:
    text = requirements.dumps(example())
    assert f"numpy==1.24.4 ; {LINUX} \\\n" in text
    assert 'numpy==1.24.3 ; sys_platform == "win32" and platform_machine == "AMD64" \\\n' in text
    assert "click==8.1.7 \\\n" in text
    assert "horovod" not in text


def test_files_of_several_platforms_are_several_hashes_of_one_pin() -> None:
    universe: dict[str, list[str]] = {"a==1.0": []}
    lock = locked(
        resolution(universe, {"": ["a"]}, files=[a_file("a", "1.0", sha256="b" * 64)]),
        resolution(universe, {"": ["a"]}, files=[a_file("a", "1.0", sha256="a" * 64)], platform="win-64"),
    )
    assert f"a==1.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n" in requirements.dumps(lock)


def test_extras_that_only_one_platform_wants_are_its_own_line() -> None:
    universe = {"app==1.0": ["a[x] ; sys_platform == 'linux'", "a"], "a==1.0": ["b ; extra == 'x'"], "b==1.0": []}
    lock = locked(*(resolution(universe, {"": ["app"]}, platform=platform) for platform in ("linux-64", "win-64")))
    lines = requirements.dumps(lock).splitlines()
    assert f"a[x]==1.0 ; {LINUX} \\" in lines
    assert 'a==1.0 ; sys_platform == "win32" and platform_machine == "AMD64" \\' in lines
    assert constraints.dumps(lock).count("\na==1.0") == 2


def test_only_indexes_that_are_used_are_named_and_find_links_are_what_they_are() -> None:
    universe: dict[str, list[str]] = {"a==1.0": [], "b==1.0": []}
    files = [a_file("a", "1.0", index="flat"), a_file("b", "1.0", index="cu116")]
    flat = replace(an_index("flat", "https://example.com/stable_cu113.html"), kind="find-links")
    lock = locked(resolution(universe, {"": ["a"], "g": ["b"]}, files=files), groups=["g"], indexes=[an_index(), flat])
    base = requirements.dumps(lock)
    assert "--find-links https://example.com/stable_cu113.html\n" in base
    assert CU116 not in base
    assert "uv needs" not in base
    assert f"--extra-index-url {CU116}\n--find-links" in requirements.dumps(lock, groups=["g"])


def test_an_overridden_requirement_needs_no_deps() -> None:
    solved = resolution({"a==1.0": ["b<2"], "b==2.0": []}, {"": ["a"]})
    packages = tuple(
        replace(package, edges=tuple(replace(edge, specifier=">=2", overridden="<2") for edge in package.edges))
        for package in solved.packages
    )
    assert "install with --no-deps" in requirements.dumps(locked(replace(solved, packages=packages)))
    assert "install with --no-deps" not in requirements.dumps(locked(solved))


def _checkout() -> Lock:
    url = f"git+https://example.com/a.git@{'ab' * 20}"
    file = replace(a_file("a", "1.0", "a-1.0.tar.gz"), index=DIRECT_INDEX, url=url, sha256=None)
    return locked(resolution({"a==1.0": []}, {"": ["a"]}, files=[file]))


def test_a_checkout_cannot_stand_among_hashes() -> None:
    with pytest.raises(UsageError, match="a of demo is a checkout") as caught:
        requirements.dumps(_checkout())
    assert "pylock" in (caught.value.hint or "")
    text = requirements.dumps(_checkout(), hashes=False)
    assert f"\na @ git+https://example.com/a.git@{'ab' * 20}\n    # via demo (specs/demo.yaml)\n" in text
    assert "--hash" not in text


def test_a_marker_of_a_url_is_kept_apart_from_it() -> None:
    file = a_file("a", "1.0", index=DIRECT_INDEX, url="https://example.com/a-1.0-py3-none-any.whl")
    lock = locked(
        resolution({"a==1.0": []}, {"": ["a ; sys_platform == 'linux'"]}, files=[file]),
        resolution({"a==1.0": []}, {"": ["a ; sys_platform == 'linux'"]}, platform="win-64"),
    )
    assert f"a @ https://example.com/a-1.0-py3-none-any.whl ; {LINUX} \\\n" in requirements.dumps(lock)


@pytest.mark.parametrize("separator", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_nothing_breaks_out_of_a_comment(separator: str) -> None:
    # pip splits requirements files by str.splitlines(), which knows more ends of lines than editors do.
    evil = f"specs/x.yaml{separator}--extra-index-url https://evil.invalid/{separator}evil==1.0"
    lock = example()
    lock = replace(lock, name=f"demo{separator}evil==1.0", roots=tuple(replace(root, spec=evil) for root in lock.roots))
    for text in (requirements.dumps(lock), constraints.dumps(lock)):
        assert not [
            line for line in text.splitlines() if line.lstrip().startswith(("evil", "--extra-index-url https://e"))
        ]


def test_what_is_hidden_in_a_name_does_not_get_into_a_comment() -> None:
    lock = replace(example(), name="de\x00mo\x7f\u202e")
    for text in (
        requirements.dumps(lock),
        constraints.dumps(lock),
        pylock.dumps(lock, url_of=lambda file: f"https://files.invalid/{file.filename}"),
    ):
        assert "envsolver export de mo --format" in text
        assert not set(text) & {"\x00", "\x7f"}
    assert tomllib.loads(text)["tool"]["envsolver"]["name"] == lock.name


def test_hostile_locks_cannot_smuggle_options() -> None:
    from envsolver.lock.toml import dumps
    from envsolver.model.errors import LockError

    text = dumps(example())
    for old, new in {
        'url = "https://example.com/dl/tool-2.0-py3-none-any.whl?v=1"': 'url = "https://x.invalid/a.whl\\n--pre"',
        'version = "8.1.7"': 'version = "8.1.7\\n--pre"',
        f'url = "{CU116}"': f'url = "{CU116} --pre"',
    }.items():
        assert old in text
        with pytest.raises(LockError):
            loads(text.replace(old, new))


def test_constraints_have_neither_hashes_nor_extras_nor_indexes() -> None:
    text = constraints.dumps(example(), platform="linux-64")
    assert text.splitlines()[3:] == [
        "",
        "click==8.1.7",
        "demo-app==1.0",
        "httptools==0.6.1",
        "numpy==1.24.4",
        "tool @ https://example.com/dl/tool-2.0-py3-none-any.whl?v=1",
        "torch==1.12.1+cu116",
        "typing-extensions==4.12.2",
        "uvicorn==0.22.0",
    ]


@pytest.mark.parametrize("dumps", [requirements.dumps, constraints.dumps])
def test_what_the_lock_has_not_is_refused(dumps: object) -> None:
    assert callable(dumps)
    with pytest.raises(UsageError, match="does not hold for platform"):
        dumps(example(), platform="osx-64")
    with pytest.raises(UsageError, match="has no group"):
        dumps(example(), groups=["nope"])


def test_pip_tools_reads_back_what_was_written(tmp_path: Path) -> None:
    from pip._internal.network.session import PipSession
    from piptools._compat import parse_requirements

    lock = example()
    path = tmp_path / "requirements.txt"
    path.write_text(requirements.dumps(lock, groups=["horovod"]), encoding="utf-8")
    parsed = list(parse_requirements(str(path), session=PipSession()))
    for platform in lock.platforms:
        environment = Target(platform=platform, python=lock.python).marker_environment
        chosen = {
            normalize_name(found.name or ""): found
            for found in parsed
            if found.markers is None or found.markers.evaluate({**environment})
        }
        pins = {pin.package.name: pin for pin in lock.select(platform, ["horovod"])}
        assert chosen.keys() == pins.keys()
        for name, pin in pins.items():
            assert pin.file.sha256 in chosen[name].hash_options["sha256"]
            assert tuple(sorted(chosen[name].extras)) == pin.extras
            if pin.file.url is None:
                assert str(chosen[name].specifier) == f"=={pin.package.version}"
            else:
                assert str(chosen[name].link) == pin.file.url


def test_pip_finds_the_options(tmp_path: Path) -> None:
    from pip._internal.index.collector import LinkCollector
    from pip._internal.index.package_finder import PackageFinder
    from pip._internal.models.search_scope import SearchScope
    from pip._internal.models.selection_prefs import SelectionPreferences
    from pip._internal.network.session import PipSession
    from pip._internal.req import parse_requirements

    path = tmp_path / "requirements.txt"
    path.write_text(requirements.dumps(example()), encoding="utf-8")
    session = PipSession()
    scope = SearchScope.create(find_links=[], index_urls=["http://127.0.0.1:9/simple"], no_index=False)
    finder = PackageFinder.create(
        link_collector=LinkCollector(session=session, search_scope=scope),
        selection_prefs=SelectionPreferences(allow_yanked=False),
    )
    list(parse_requirements(str(path), session, finder=finder))
    assert finder.index_urls == ["http://127.0.0.1:9/simple", CU116]
