"""The store, where two processes make the same tree at once."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from envsolver.build.layout import FILE_TIME
from envsolver.build.manifest import Entry
from envsolver.build.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.build.store import Stored

WHEEL = "ab" * 32


def fill(folder: Path, text: bytes = b"x = 1\n") -> tuple[Entry, ...]:
    path = folder / "lib.py"
    path.write_bytes(text)
    path.chmod(0o644)
    os.utime(path, (FILE_TIME, FILE_TIME))
    return (Entry(path="lib.py", mode="644", sha256=sha256(text).hexdigest(), size=len(text)),)


def test_a_tree_that_another_process_has_made_meanwhile_stays_as_it_is(tmp_path: Path) -> None:
    ours, theirs = Store(tmp_path, "cp311"), Store(tmp_path, "cp311")
    made: list[Stored] = []
    inode: list[int] = []

    def slowly(folder: Path) -> tuple[Entry, ...]:
        # They may be linking from it already: not for an instant may a file of it be gone.
        made.append(theirs.make("wheels", WHEEL, fill))
        inode.append((made[0].folder / "lib.py").stat().st_ino)
        return fill(folder)

    found = ours.make("wheels", WHEEL, slowly)
    assert found == made[0]
    assert (found.folder / "lib.py").stat().st_ino == inode[0]
    assert not list((tmp_path / "v1" / "store" / "work").iterdir())


@pytest.mark.parametrize("damage", [b"y = 2\n\n", None])
def test_a_damaged_tree_is_replaced(tmp_path: Path, damage: bytes | None) -> None:
    store = Store(tmp_path, "cp311")
    path = store.make("wheels", WHEEL, fill).folder / "lib.py"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert store.get("wheels", WHEEL) is None
    assert store.make("wheels", WHEEL, fill).folder / "lib.py" == path
    assert path.read_bytes() == b"x = 1\n"
    assert store.get("wheels", WHEEL) is not None
