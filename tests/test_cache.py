"""The cache: whatever happens to its files, the answer is what was put or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envsolver.model.errors import CacheError
from envsolver.sources.cache import Cache, default_cache_root


class Notes:
    """A Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        raise AssertionError(name)

    def update(self, text: str) -> None:
        raise AssertionError(text)

    def note(self, text: str) -> None:
        self.notes.append(text)


def entries(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_what_was_put_is_there_for_the_next_run(tmp_path: Path) -> None:
    Cache(tmp_path).put("pages", "key", b"data")
    cache = Cache(tmp_path)
    assert cache.get("pages", "key") == b"data"
    assert cache.get("pages", "other") is None
    assert cache.get("metadata", "key") is None
    cache.put("pages", "key", b"newer")
    assert Cache(tmp_path).get("pages", "key") == b"newer"


def test_empty_and_large_entries(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    large = bytes(range(256)) * (12 << 10)
    cache.put("pages", "empty", b"")
    cache.put("pages", "large", large)
    assert cache.get("pages", "empty") == b""
    assert cache.get("pages", "large") == large


def test_no_root_keeps_nothing() -> None:
    cache = Cache(None)
    cache.put("pages", "key", b"data")
    assert cache.get("pages", "key") is None
    assert (cache.root(), cache.size(), cache.clean()) == (None, 0, 0)


def test_every_cut_and_every_flipped_byte_is_a_miss(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("pages", "key", b"some data")
    (file,) = entries(tmp_path)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert cache.get("pages", "key") is None
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        file.write_bytes(bytes(damaged))
        assert cache.get("pages", "key") is None
    file.write_bytes(whole + b"x")
    assert cache.get("pages", "key") is None
    file.write_bytes(whole)
    assert cache.get("pages", "key") == b"some data"


def test_an_entry_in_another_ones_place_is_a_miss(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("pages", "one", b"1")
    (one,) = entries(tmp_path)
    cache.put("pages", "two", b"2")
    two = next(path for path in entries(tmp_path) if path != one)
    two.write_bytes(one.read_bytes())
    assert cache.get("pages", "two") is None


def test_names_tell_nothing(tmp_path: Path) -> None:
    Cache(tmp_path).put("pages", "https://private.example/simple/secret-project/", b"data")
    assert all("example" not in str(path) and "secret" not in str(path) for path in entries(tmp_path))


def test_files_left_by_a_killed_run_do_no_harm(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("pages", "key", b"data")
    (file,) = entries(tmp_path)
    (file.parent / f".{file.name[:16]}.1.1.1").write_bytes(b"half")
    assert Cache(tmp_path).get("pages", "key") == b"data"
    assert Cache(tmp_path).clean() > 4
    assert entries(tmp_path) == []


def test_a_read_only_cache_is_read_and_the_user_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(tmp_path).put("pages", "key", b"data")
    real = os.replace

    def refuse(source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied", source, None, target)

    monkeypatch.setattr(os, "replace", refuse)
    notes = Notes()
    cache = Cache(tmp_path, notes)
    cache.put("pages", "other", b"data")
    cache.put("pages", "third", b"data")
    assert cache.get("pages", "key") == b"data"
    assert notes.notes == [f"the cache {tmp_path} cannot be written (permission denied); going on without it"]
    monkeypatch.setattr(os, "replace", real)
    assert len(entries(tmp_path)) == 1


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    notes = Notes()
    Cache(tmp_path, notes).put("pages", "key", b"data")
    assert entries(tmp_path) == []
    assert "no space left on device" in notes.notes[0]


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("mine")
    notes = Notes()
    cache = Cache(tmp_path / "cache", notes)
    cache.put("pages", "key", b"data")
    assert cache.get("pages", "key") is None
    assert (tmp_path / "cache").read_text() == "mine"
    assert len(notes.notes) == 1


def test_an_interrupt_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path).put("pages", "key", b"data")
    assert entries(tmp_path) == []


def test_a_cache_emptied_meanwhile_is_filled_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("pages", "key", b"data")
    Cache(tmp_path).clean()
    assert cache.get("pages", "key") is None
    cache.put("pages", "key", b"data")
    assert cache.get("pages", "key") == b"data"


def test_size_and_clean_concern_the_cache_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "v0").mkdir()
    (tmp_path / "v0" / "old").write_bytes(b"12345")
    cache.put("pages", "key", b"data")
    before = cache.size()
    assert cache.clean() == before - 4
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_clean_does_not_follow_links(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    root = tmp_path / "cache"
    root.mkdir()
    (root / "v9").symlink_to(elsewhere)
    Cache(root).clean()
    assert (elsewhere / "mine").read_text() == "mine"
    assert not (root / "v9").is_symlink()


def test_clean_says_what_it_cannot_delete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    cache.put("pages", "key", b"data")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(CacheError, match="cannot delete"):
        cache.clean()


def test_processes_that_write_the_same_entries_at_once(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from envsolver.sources.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "for turn in range(60):\n"
        "    for key in range(5):\n"
        "        data = bytes([key]) * 20000\n"
        "        cache.put('pages', str(key), data)\n"
        "        found = cache.get('pages', str(key))\n"
        "        assert found in (None, data), len(found)\n"
        "        assert found is not None\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(entries(tmp_path)) == 5


def test_a_run_killed_while_it_writes(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from envsolver.sources.cache import Cache\n"
        "cache, number = Cache(Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    cache.put('pages', str(number % 50), str(number % 50).encode() * 30000)\n"
        "    number += 1\n"
        "    print(number, flush=True)\n"
    )
    for lines in (1, 7, 60):
        arguments = [sys.executable, "-c", script, str(tmp_path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
        cache = Cache(tmp_path)
        found = {number: cache.get("pages", str(number)) for number in range(50)}
        assert all(data in {None, str(number).encode() * 30000} for number, data in found.items())
        assert sum(data is not None for data in found.values()) >= min(lines, 50)


def test_a_thread_writes_and_nobody_notices(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.writing_behind():
        for turn in range(300):
            for key in ("a", "b"):
                cache.put("pages", key, f"{key} {turn}".encode() * 500)
                assert cache.get("pages", key) == f"{key} {turn}".encode() * 500
    for reader in (cache, Cache(tmp_path)):
        assert [reader.get("pages", key) for key in "ab"] == [f"{key} 299".encode() * 500 for key in "ab"]
    cache.put("pages", "c", b"as before")
    assert Cache(tmp_path).get("pages", "c") == b"as before"


def test_an_error_does_not_keep_the_thread_from_writing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def interrupted() -> None:
        with cache.writing_behind():
            cache.put("pages", "key", b"data")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert Cache(tmp_path).get("pages", "key") == b"data"


def test_the_thread_meets_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    notes = Notes()
    cache = Cache(tmp_path, notes)
    with cache.writing_behind():
        for key in range(20):
            cache.put("pages", str(key), b"data")
    assert entries(tmp_path) == []
    assert notes.notes == [f"the cache {tmp_path} cannot be written (no space left on device); going on without it"]
    monkeypatch.undo()
    cache.put("pages", "key", b"data")
    assert cache.get("pages", "key") is None, "one failure is enough for a run"


def test_without_a_root_there_is_no_thread(tmp_path: Path) -> None:
    cache = Cache(None)
    with cache.writing_behind():
        cache.put("pages", "key", b"data")
        assert cache.get("pages", "key") is None


def test_default_root() -> None:
    home = Path("/home/me")
    assert default_cache_root({"ENVSOLVER_CACHE_DIR": "/x", "XDG_CACHE_HOME": "/y"}, home) == Path("/x")
    if sys.platform == "linux":
        assert default_cache_root({"XDG_CACHE_HOME": "/y"}, home) == Path("/y/envsolver")
        assert default_cache_root({"XDG_CACHE_HOME": "relative"}, home) == home / ".cache" / "envsolver"
        assert default_cache_root({}, home) == home / ".cache" / "envsolver"
