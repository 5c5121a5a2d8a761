from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app import files
from envsolver.app.files import read_text, write_atomic, write_document, write_together
from envsolver.model.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_a_new_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.toml"
    assert write_atomic(path, b"one\n")
    assert path.read_bytes() == b"one\n"
    assert names(path.parent) == ["a.toml"]


def test_one_folder_is_made_and_none_above_it(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"a\.toml cannot be written: no such file or directory"):
        write_atomic(tmp_path / "nowhere" / "locks" / "a.toml", b"one\n")
    assert names(tmp_path) == []


def test_a_document_goes_into_a_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match=r"^out/a\.txt cannot be written: there is no folder out$") as caught:
        write_document(Path("out/a.txt"), b"one\n")
    assert caught.value.hint == "make it first, or name another file"
    assert names(tmp_path) == []
    assert write_document(Path("a.txt"), b"one\n")


def test_equal_bytes_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, b"same")
    os.utime(path, (1, 1))
    assert not write_atomic(path, b"same")
    assert path.stat().st_mtime == 1


def test_a_new_file_has_the_mode_of_the_users_mask_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    write_atomic(tmp_path / "new", b"y")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


def test_only_what_differs_is_reported_as_written(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_atomic(one, b"1")
    assert write_together({one: b"1", two: b"2"}) == (two,)
    assert write_together({one: b"1", two: b"2"}) == ()


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_leaves_all_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_together({one: b"1", two: b"2"})
    calls = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    def stage(path: Path, data: bytes) -> Path:
        if path == two:
            raise OSError(28, "No space left on device")
        return real_stage(path, data)

    real_stage = files._stage
    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", fsync)
    else:
        monkeypatch.setattr(files, "_stage", stage)
    with pytest.raises(FileError, match=r"two cannot be written: no space left") as caught:
        write_together({one: b"11", two: b"22"})
    assert caught.value.hint == "all files are as they were; run it again when that is mended"
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")
    assert names(tmp_path) == ["one", "two"]


def test_a_replacement_that_fails_takes_back_those_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, broken = tmp_path / "old", tmp_path / "new", tmp_path / "broken"
    write_atomic(old, b"before")
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target == broken:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(FileError):
        write_together({old: b"after", new: b"x", broken: b"y"})
    assert old.read_bytes() == b"before"
    assert names(tmp_path) == ["old"]


@pytest.mark.parametrize("moment", range(1, 7))
def test_an_interrupt_at_any_moment_leaves_all_old_or_all_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_together({one: b"1", two: b"2"})
    calls = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == moment:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((os, "fsync"), (Path, "chmod"), (Path, "replace")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            write_together({one: b"11", two: b"22"})
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")
    assert names(tmp_path) == ["one", "two"]


def test_what_a_killed_process_left_is_swept_up_and_what_a_running_one_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.lock.toml"
    stale, fresh = tmp_path / ".a.lock.toml.x.tmp", tmp_path / ".a.lock.toml.y.tmp"
    other = tmp_path / ".b.lock.toml.x.tmp"
    for leftover in (stale, fresh, other):
        leftover.write_bytes(b"half")
    os.utime(stale, (0, 0))
    os.utime(other, (0, 0))
    write_atomic(path, b"whole")
    assert names(tmp_path) == [fresh.name, other.name, path.name]


def test_a_missing_file_reads_as_none_and_a_folder_is_an_error(tmp_path: Path) -> None:
    assert read_text(tmp_path / "none") is None
    with pytest.raises(FileError, match="cannot be read: is a directory"):
        read_text(tmp_path)


def test_bytes_that_are_not_utf8_are_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(FileError, match=r"not UTF-8 \(byte 2\)"):
        read_text(tmp_path / "a")


def test_messages_name_files_from_the_current_folder_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match=r"^folder cannot be read"):
        read_text(tmp_path / "folder")


def test_a_text_of_any_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_TEXT", 10)
    (tmp_path / "a").write_bytes(b"x" * 10)
    (tmp_path / "b").write_bytes(b"x" * 11)
    assert read_text(tmp_path / "a") == "x" * 10
    with pytest.raises(FileError, match="larger than"):
        read_text(tmp_path / "b")


def test_what_is_no_ordinary_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"some words\n"))
    writer.start()
    assert read_text(path) == "some words\n"
    writer.join()
