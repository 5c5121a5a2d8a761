"""Every way in which an index says what it has, each with the same packages: the locks must not differ.

``python -m benchmarks.faults`` prints the table; ``test_faults.py`` checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bad_input import SPEC
from tests.support.packages import make_sdist, make_wheel, metadata_text, sha256, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bad_input import Stage

__all__ = ["DIALECTS", "FILES", "LOCKED", "PINS", "Dialect"]

PINS = ("app==1.0", "lib[fast]==1.1", "source==1.0")
"""What the spec of this table locks, from whatever index."""

_REQUIRES = {
    ("app", "1.0"): ("lib[fast]>=1", 'other; sys_platform == "win32"'),
    ("lib", "1.0"): (),
    ("lib", "1.1"): ('source; extra == "fast"',),
}
_WHEELS = {
    wheel_filename(name, version): make_wheel(
        name, version, metadata=metadata_text(name, version, requires=requires, extras={"fast": ()})
    )
    for (name, version), requires in _REQUIRES.items()
}
FILES = {**_WHEELS, "source-1.0.tar.gz": make_sdist("source", "1.0", static=True)}
"""File name → bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way to be an index.

    Attributes:
        name: what it is.
        prepare: makes the index of the stage so, with :data:`FILES` on it.
        says: what standard error must contain, line breaks aside.
        status: the exit status.
    """

    name: str
    prepare: Callable[[Stage], object]
    says: tuple[str, ...] = ()
    status: int = 0


def _serve(
    stage: Stage, *, index: str = "simple", hashes: bool = True, metadata: bool = False, **manners: object
) -> None:
    """Empty an index and put the files on it."""
    stage.server.index(index, **manners).files.clear()
    for filename, data in FILES.items():
        wheel = filename.endswith(".whl")
        stage.server.add(filename, data, index=index, hashes=hashes, metadata=True if metadata and wheel else None)


def _named(stage: Stage, url: str, *, kind: str = "simple") -> None:
    """Bind everything to an index that the spec names; the default one has nothing."""
    stage.server.index().files.clear()
    stage.spec(f"{SPEC}indexes:\n  wheels: {{url: {url}, kind: {kind}, packages: [app, lib, source]}}\n")


def _attributes(stage: Stage) -> None:
    """Versions that only the page's attributes rule out: yanked, for another Python."""
    _serve(stage, format="html", metadata=True)
    for version, facts in {"1.2": {"yanked": "broken"}, "1.3": {"requires_python": ">=3.12"}}.items():
        stage.server.add(f"lib-{version}-py3-none-any.whl", b"is not read", **facts)  # type: ignore[arg-type] # as named


def _wrong_hash(stage: Stage) -> None:
    _serve(stage, format="html")
    name = "lib-1.1-py3-none-any.whl"
    stage.server.add(name, FILES[name], hashes={"sha256": "0" * 64})


def _elsewhere(stage: Stage) -> None:
    _serve(stage, files_at=stage.server.other_host)


def _find_links(stage: Stage, *, hashes: bool = True) -> None:
    _serve(stage, index="flat", format="find-links", links="relative", hashes=hashes)
    _named(stage, stage.server.url("flat"), kind="find-links")


def _folder(stage: Stage) -> None:
    folder = stage.root / "wheels"
    folder.mkdir()
    for filename, data in FILES.items():
        (folder / filename).write_bytes(data)
    _named(stage, "wheels", kind="find-links")


def _moved(stage: Stage) -> None:
    """Each page answers with a redirect to the same server under another name."""
    _serve(stage, index="moved")
    stage.server.index().files.clear()
    for project in stage.server.index("moved").projects():
        page = f"{stage.server.other_host}/moved/{project}/"
        stage.server.fault(f"/simple/{project}/", redirect=page)


DIALECTS: tuple[Dialect, ...] = (
    Dialect(name="JSON with sizes (PEP 691, 700)", prepare=_serve),
    Dialect(name="JSON 1.0, without sizes", prepare=lambda stage: _serve(stage, sizes=False)),
    Dialect(name="JSON, metadata files (PEP 658, 714)", prepare=lambda stage: _serve(stage, metadata=True)),
    Dialect(name="JSON, compressed", prepare=lambda stage: _serve(stage, compress=True, etag=True)),
    Dialect(name="JSON without hashes", prepare=lambda stage: _serve(stage, hashes=False)),
    Dialect(name="HTML with hashes (PEP 503)", prepare=lambda stage: _serve(stage, format="html")),
    Dialect(name="HTML without hashes", prepare=lambda stage: _serve(stage, format="html", hashes=False)),
    Dialect(
        name="HTML with a wrong hash",
        prepare=_wrong_hash,
        status=4,
        says=("lib-1.1-py3-none-any.whl is not the file that it should be", f"says {'0' * 64}", "damaged on the way"),
    ),
    Dialect(name="HTML, links from the root", prepare=lambda stage: _serve(stage, format="html", links="root")),
    Dialect(name="HTML, links from the page", prepare=lambda stage: _serve(stage, format="html", links="relative")),
    Dialect(name="HTML with data- attributes (PEP 592, 658, 714)", prepare=_attributes),
    Dialect(name="files on another host", prepare=_elsewhere),
    Dialect(name="pages that have moved to another host", prepare=_moved),
    Dialect(name="a server without ranges", prepare=lambda stage: _serve(stage, ranges="ignored")),
    Dialect(name="a server that refuses ranges", prepare=lambda stage: _serve(stage, ranges="refused")),
    Dialect(name="find-links page", prepare=_find_links),
    Dialect(name="find-links page without hashes", prepare=lambda stage: _find_links(stage, hashes=False)),
    Dialect(name="folder of wheels", prepare=_folder),
)

LOCKED = frozenset(sha256(FILES[name]) for name in FILES if name != "lib-1.0-py3-none-any.whl")
"""The sha256 of the files that are locked."""
