"""``envsolver cache dir|size|clean``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.caching import cache_folder, cache_size, clean_cache
from envsolver.cli.base import command, group
from envsolver.cli.text import size

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["cache"]


@group("cache")
def cache() -> None:
    """Look after the cache of pages, metadata and files.

    The cache may be deleted at any time: it never changes a result. ENVSOLVER_CACHE_DIR moves it.
    """


@command("dir")
def folder(ui: Ui) -> None:
    """Print the cache's folder."""
    path = str(cache_folder())
    if ui.json_wanted:
        ui.json({"dir": path})
    else:
        ui.out(path)


@command("size")
def size_(ui: Ui) -> None:
    """Print how much the cache holds."""
    total = cache_size()
    if ui.json_wanted:
        ui.json({"dir": str(cache_folder()), "bytes": total})
    else:
        ui.out(size(total))


@command("clean")
def clean(ui: Ui) -> None:
    """Delete all entries."""
    freed = clean_cache()
    if ui.json_wanted:
        ui.json({"dir": str(cache_folder()), "freed_bytes": freed})
    else:
        ui.say(f"freed {size(freed)} in {cache_folder()}")


for member in (folder, size_, clean):
    cache.add_command(member)
