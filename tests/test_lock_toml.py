"""The lock file: its layout, what is refused, and where the mistake is said to be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from envsolver.lock.filenames import is_file_of
from envsolver.lock.toml import content_digest, dumps, loads, read_header
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import LockError
from tests.support.locks import a_file, example, locked, resolution

PATH = "locks/demo.lock.toml"


def _small() -> str:
    universe = {"a==1.0": ["b>=1 ; python_version < '3.9'", "c"], "b==1.5": [], "c==2.0": []}
    return dumps(locked(resolution(universe, {"": ["a==1.0"]})))


def test_the_layout_is_fixed() -> None:
    assert _small().splitlines()[:33] == [
        "# The lock of an environment: exactly what it installs, from which bytes, and why. Written by envsolver.",
        "# Change the spec, not this file; then run: envsolver lock demo",
        "# docs/lock.md of envsolver explains every key.",
        'lock-version = "1.1"',
        'name = "demo"',
        f'inputs-digest = "sha256:{"0" * 64}"',
        'python = "3.8.20"',
        "requirements = [",
        '  { name = "a", text = "a==1.0", spec = "specs/demo.yaml" },',
        "]",
        "",
        "[[target]]",
        'platform = "linux-64"',
        'glibc = "2.31"',
        "",
        "[[package]]",
        'name = "a"',
        'version = "1.0"',
        "dependencies = [",
        """  { name = "b", specifier = ">=1", marker = 'python_version < "3.9"' },""",
        '  { name = "c" },',
        "]",
        "",
        "[[package.file]]",
        'name = "a-1.0-py3-none-any.whl"',
        'index = "default"',
        f'sha256 = "{a_file("a", "1.0").sha256}"',
        "size = 1022",
        "uploaded = 2022-12-02T16:53:20Z",
        'path = "/packages/a/a-1.0-py3-none-any.whl"',
        "",
        "[[package]]",
        'name = "b"',
    ]


def test_a_name_cannot_break_out_of_the_comment() -> None:
    lock = replace(example(), name='x\nname = "evil"')
    assert loads(dumps(lock)).name == 'x\nname = "evil"'
    assert read_header(dumps(lock)).name == 'x\nname = "evil"'


def test_the_text_does_not_depend_on_the_hash_seed() -> None:
    code = "from tests.support.locks import example; from envsolver.lock.toml import dumps; print(dumps(example()))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4")
    }
    assert texts == {dumps(example()) + "\n"}


def test_reading_the_header_imports_no_parser() -> None:
    code = (
        "import sys; from envsolver.lock.header import read_header; "
        f"read_header({_small()!r}); "
        "print([name for name in ('tomllib', 'packaging', 'networkx', 'urllib', 'hashlib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_header_in_another_layout_is_read_too() -> None:
    header = read_header(
        "'name'   = 'demo'\r\n\"lock-version\"='1.0' # c\r\ninputs-digest = '''x'''\r\n[[target]]\r\n\0"
    )
    assert (header.name, header.inputs_digest, header.lock_version) == ("demo", "x", (1, 0))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "lock-version is missing; is this a lock of", "restore it"),
        ('version = 4\n[[package]]\nname = "uv"\n', "lock-version is missing; is this a lock of", "restore it"),
        ("lock-version = 1\nname = 'x'\ninputs-digest = 'x'", "lock-version must be a string", "restore it"),
        ("lock-version = '1.0'\ninputs-digest = 'x'", "name is missing", "restore it"),
        ("lock-version = '2.0'\nname = 'x'\ninputs-digest = 'x'", "newer than this envsolver", "upgrade envsolver"),
        ("lock-version = '0.9'\nname = 'x'\ninputs-digest = 'x'", "too old", "restore it"),
        ("lock-version = 'one'\nname = 'x'\ninputs-digest = 'x'", "not of the form 1.0", "restore it"),
        ("lock-version = '1.0\n", "not TOML", "restore it"),
        ("<<<<<<< HEAD\nlock-version = '1.0'", "a merge conflict is not resolved", "take either side"),
    ],
)
def test_what_is_no_readable_lock_is_refused(text: str, message: str, hint: str | None) -> None:
    for read in (read_header, loads):
        with pytest.raises(LockError, match=message) as caught:
            read(text, PATH)
        assert str(caught.value).startswith(PATH)
        assert (caught.value.hint or "").startswith(hint or "")


def test_conflict_markers_far_down_are_found_by_line() -> None:
    text = _small().replace('name = "b"\n', '<<<<<<< ours\nname = "b"\n')
    with pytest.raises(LockError, match=r"demo\.lock\.toml:33: a merge conflict"):
        loads(text, PATH)


def test_a_newer_minor_version_may_have_more() -> None:
    text = _small()
    newer = text.replace('lock-version = "1.1"', 'lock-version = "1.7"') + '\n[[gpu]]\ncuda = "11.7"\n'
    newer = newer.replace("size = 1022\n", 'size = 1022\nyanked = ""\n')
    assert loads(newer, PATH) == loads(text, PATH)
    with pytest.raises(LockError, match="unknown key"):
        loads(newer.replace('"1.7"', '"1.1"'), PATH)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('python = "3.8.20"', "python = 3.8", 7, "python: must be a string"),
        ('platform = "linux-64"', 'platform = "linux"', 13, "platform: 'linux' is no known platform"),
        ('platform = "linux-64"', 'platforms = "linux-64"', 12, "target[0]: platform is missing"),
        ('glibc = "2.31"', 'glibc = "2.31"\nmusl = "1"', 15, "target[0].musl: unknown key"),
        ("size = 1022", "size = true", 28, "package[0].file[0].size: must be an integer"),
        ("size = 1022", "size = -1", 28, "-1 bytes cannot be"),
        ("size = 1022", 'size = 1022\nurl = "https://x.invalid/"', 29, "a file has a URL exactly if"),
        ("uploaded = 2022-12-02T16:53:20Z", "uploaded = 2022-12-02", 29, "must be a date and time"),
        ("uploaded = 2022-12-02T16:53:20Z", "uploaded = 2022-12-02T16:53:20", 29, "must say its offset"),
        ("uploaded = 2022-12-02T16:53:20Z", "uploaded = 0001-01-01T00:00:00+10:00", 29, "is out of range"),
        ('path = "/packages/a/', 'path = "//evil.invalid/', 30, "is not the path of a URL"),
        ('index = "default"', 'index = "cu116"', 26, "'cu116' is no index of the lock"),
        ('name = "a-1.0-py3', 'name = "../a-1.0-py3', 25, "is not a plain file name"),
        (f'sha256 = "{a_file("a", "1.0").sha256}"', 'sha256 = "ABC"', 27, "is not a sha256"),
        (f'sha256 = "{a_file("a", "1.0").sha256}"\n', "", 24, "package[0].file[0].sha256: is missing"),
        ('{ name = "c" }', '{ name = "C" }', 21, "package[0].dependencies[1].name: 'C' is not a canonical"),
        ('{ name = "c" }', '{ name = "d" }', 21, "a needs 'd', which is not locked for linux-64"),
        ('{ name = "c" }', '"c"', 21, "package[0].dependencies[1]: must be a table"),
        ('  { name = "c" },\n', "", 43, "nothing requires c 2.0"),
        ('name = "c"\nversion = "2.0"', 'name = "b"\nversion = "1.5"', 46, "b 1.5 stands twice"),
        ('name = "c"\nversion', 'name = "b"\nversion', 44, "b has two versions on linux-64"),
        ('name = "a"\nversion = "1.0"', 'name = "a"\nversion = " "', 18, "' ' is not a version"),
        ('name = "a"\nversion = "1.0"', 'name = "a"\nversion = "1.0"\nextras = ["x"]', 19, "the graph says []"),
        ('name = "a"\nversion = "1.0"', 'name = "a"\nversion = "1.0"\ngroups = ["x"]', 19, "'x' is no group"),
        ('name = "a"\nversion = "1.0"', 'name = "a"\nversion = "1.0"\ntargets = [1]', 19, "[0]: must be a string"),
        ('text = "a==1.0"', 'text = "a==1.0", group = "x"', 9, "requirements[0].group: 'x' is no group"),
        ('{ name = "a", text', '{ name = "z", text', 9, "'z' is not locked for linux-64"),
        ('python = "3.8.20"', 'python = "3.8.20"\nexclusive = ["x"]', 8, "exclusive[0]: must be an array"),
        ("requirements = [", "requirements = [[1, 2], ", 8, "requirements[0]: must be a table"),
        ("size = 1022", "size = 1022\n]", 29, "not TOML"),
        ("size = 1022", "size = " + "[" * 3000, None, "not TOML"),
        ("size = 1022", "size = " + "9" * 5000, None, "not TOML"),
        ("size = 1022", 'size = 1022\nrequirements = "guessed"', 29, "must be one of seen, claimed"),
        ('name = "b"\nversion = "1.5"', 'name = "b"\nversion = "1.6"', 37, "any.whl' is no file of b 1.6"),
        ('name = "c-2.0-py3', 'name = "d-2.0-py3', 49, "'d-2.0-py3-none-any.whl' is no file of c 2.0"),
        ('name = "c-2.0-py3-none-any.whl"', 'name = "c-2.1.tar.gz"', 49, "'c-2.1.tar.gz' is no file of c 2.0"),
        ("size = 1022", 'size = 1022\ncommit = "main"', 29, "'main' is not a full commit id"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(old: str, new: str, line: int | None, message: str) -> None:
    text = _small()
    assert old in text
    with pytest.raises(LockError) as caught:
        loads(text.replace(old, new, 1), PATH)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{PATH}:{line}:" if line else f"{PATH}:")
    assert caught.value.hint is not None
    assert "`envsolver lock demo --upgrade`" in caught.value.hint


@pytest.mark.parametrize(
    ("filename", "name", "version"),
    [
        ("torch-1.12.1+cu116-cp39-cp39-linux_x86_64.whl", "torch", "1.12.1+cu116"),
        ("Flask_SQL-1.0.0.post1-py3-none-any.whl", "flask-sql", "1.0.post1"),
        ("nvidia_cublas_cu12-12.1.3.1-2-py3-none-any.whl", "nvidia-cublas-cu12", "12.1.3.1"),
        ("antlr4-python3-runtime-4.9.3.tar.gz", "antlr4-python3-runtime", "4.9.3"),
        ("zope.interface-5.0-1.zip", "zope-interface", "5.0.post1"),
        ("a-1.0.0.tar.bz2", "a", "1"),
    ],
)
def test_files_are_called_as_their_package(filename: str, name: str, version: str) -> None:
    assert is_file_of(filename, normalize_name(name), version)
    assert not is_file_of(filename, normalize_name(name), "7.0")
    assert not is_file_of(filename, normalize_name(f"{name}-x"), version)


def test_hand_made_order_is_put_right() -> None:
    head, *blocks = _small().split("\n[[package]]\n")
    shuffled = "\n[[package]]\n".join([head, *reversed(blocks)])
    assert loads(shuffled, PATH) == loads(_small(), PATH)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("uploaded = 2022-12-02T16:53:20Z", "uploaded = 2023-12-02T17:53:20.5+01:00", True),
        ('path = "/packages/a/', 'path = "/mirror/', True),
        ('inputs-digest = "sha256:0', 'inputs-digest = "sha256:1', True),
        ("size = 1022", "size = 1023", False),
        ('sha256 = "', 'sha256 = "' + "0" * 64 + '" #', False),
        ('specifier = ">=1"', 'specifier = ">=1.1"', False),
        ('python = "3.8.20"', 'python = "3.8.19"', False),
        ('glibc = "2.31"', 'glibc = "2.28"', False),
    ],
)
def test_the_digest_covers_what_is_installed(old: str, new: str, same: bool) -> None:
    text = _small()
    assert old in text
    assert (content_digest(loads(text)) == content_digest(loads(text.replace(old, new, 1)))) is same


def test_the_digest_is_what_it_has_always_been() -> None:
    # Other locks and images carry this digest: it must not change with the code.
    lock = locked(resolution({"a==1.0": []}, {"": ["a"]}))
    assert content_digest(lock) == "sha256:f9b57b6fdf49beb3e291c6fe7c64d784d16248ad9e00b17f3457fd735703399c"
