"""Files of the store put into folders: linked where the file system can, else copied."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from envsolver.build.layout import FILE_TIME
from envsolver.model.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from envsolver.build.manifest import Entry

__all__ = ["LinkMode", "Linker", "Tree"]

LinkMode: TypeAlias = Literal["auto", "copy"]
_FICLONE = 0x40049409
"""``_IOW(0x94, 9, int)`` of linux/fs.h: share the blocks of another file (btrfs, XFS)."""
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}
_AT_ONCE = 500
"""Files that one thread takes in hand; a large package is divided."""
_THREADS = 4
"""More of them wait for each other: all write into one file system."""


class Tree(NamedTuple):
    """Files of the store that go into a folder.

    Attributes:
        subject: whose they are, for messages.
        source: folder that they lie in.
        entries: of it.
    """

    subject: str
    source: Path
    entries: Sequence[Entry]


class Linker:
    """Puts files of the store into a folder.

    Args:
        root: the folder.
        mode: how.
    """

    def __init__(self, root: Path, mode: LinkMode) -> None:
        self._root = f"{root}{os.sep}"
        self._folders: set[str] = set()
        self._links = mode == "auto"
        self.copied = False

    def link(self, trees: Iterable[Tree]) -> None:
        """Put some files into place.

        The kernel does most of the work, and lets go of the interpreter for that, so threads share it.

        Raises:
            ArtefactError: something else is in the way.
            OSError: something cannot be written.
        """
        os.makedirs(self._root, exist_ok=True)  # noqa: PTH103 - a Path has no use here
        pieces = []
        for tree in trees:
            self._make_folders(tree)
            starts = range(0, len(tree.entries), _AT_ONCE)
            pieces += [tree._replace(entries=tree.entries[start : start + _AT_ONCE]) for start in starts]
        pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS))
        try:
            # What fails first in this order is raised, whichever thread came upon something first.
            for _ in pool.map(self._put, pieces):
                pass
        finally:
            pool.shutdown(cancel_futures=True)

    def _make_folders(self, tree: Tree) -> None:
        last = None
        try:
            for entry in tree.entries:
                folder = entry.path.rpartition("/")[0]
                if folder != last:
                    self._make_folder(folder)
                    last = folder
        except (NotADirectoryError, FileExistsError) as error:
            raise self._in_the_way(tree, error) from error

    def _make_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        if above := folder.rpartition("/")[0]:
            self._make_folder(above)
        try:
            os.mkdir(self._root + folder)  # noqa: PTH102 - thousands of folders
        except FileExistsError:
            if not os.path.isdir(self._root + folder):  # noqa: PTH112 - as above
                raise
        self._folders.add(folder)

    def _put(self, tree: Tree) -> None:
        base = f"{tree.source}{os.sep}"
        try:
            for entry in tree.entries:
                if self._links:
                    try:
                        os.link(base + entry.path, self._root + entry.path)
                        continue
                    except OSError as error:
                        if error.errno not in _NO_LINKS:
                            raise
                        # A file with too many links is alone in that; anything else holds for all.
                        self._links = error.errno == errno.EMLINK
                self.copied = True
                _copy(base + entry.path, self._root + entry.path, int(entry.mode, 8))
        except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
            raise self._in_the_way(tree, error) from error

    def _in_the_way(self, tree: Tree, error: OSError) -> ArtefactError:
        path = os.fsdecode(error.filename2 or error.filename or "").removeprefix(self._root)
        return ArtefactError(
            tree.subject, f"another package has a file where it needs a folder, or the reverse: {path}"
        )


def _copy(source: str, target: str, mode: int) -> None:
    import fcntl

    with open(source, "rb") as old, open(target, "xb") as new:  # noqa: PTH123 - thousands of files
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)
        os.fchmod(new.fileno(), mode)
    os.utime(target, (FILE_TIME, FILE_TIME))
