"""The report of a lock: one page of HTML that needs nothing else.

Its Content-Security-Policy admits its own style and script, by their digests, and no request at all. Every text goes
through Jinja's escaping; what is taken as it is are our own style and script, and the elements of the drawing, which
:mod:`envsolver.formats.graphs` has escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envsolver.formats.graphs import STYLE
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.layout import Drawing
    from envsolver.lock.model import LockedBuild
    from envsolver.model.spec import Note

__all__ = ["Fact", "PackageRow", "Report", "render"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact at the top of the page; ``kind`` is ``good``, ``warning``, ``error`` or empty."""

    label: str
    value: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """A row of the table of packages.

    Attributes:
        size: for people; ``unknown`` where the index does not say.
        share: of the largest package, in thousandths; 0 for unknown.
        kind: wheel, sdist or conda.
        index: alias.
        groups: that bring it where the base does not.
        asked: the requirements of the spec that name it.
        parents: packages that require it.
        search: what the search looks into, in lower case.
    """

    name: str
    version: str
    size: str
    share: int
    kind: str
    index: str
    groups: tuple[str, ...]
    asked: tuple[str, ...]
    parents: tuple[str, ...]
    search: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What stands on the page.

    Attributes:
        facts: at the top.
        cuda: what the lock asks of a GPU and its driver, in sentences.
        built_for: parts with code for GPUs (:class:`envsolver.gpu.model.BuiltFor`).
        findings: of ``check``.
        findings_error: why there are none, or None.
        drawing: of the graph; ``elements`` are its SVG.
        total: bytes of all packages, for people; ``unsized`` is the number of those that have none.
        held, gave_way, ignored: as :class:`envsolver.app.holding.HeldReport` has them.
        builds: of source archives.
        previous: what the lock was compared with, None if with nothing; ``no_previous`` then says why.
        settings, changes: as :class:`envsolver.lock.diff.LockDiff` has them.
        receipts: of GPU nodes.
        digest: of what the lock installs.
    """

    name: str
    title: str | None
    description: str | None
    status: str
    facts: tuple[Fact, ...]
    cuda: tuple[str, ...]
    built_for: Sequence[Any]
    notes: tuple[Note, ...]
    findings: Sequence[Any]
    findings_error: str | None
    drawing: Drawing
    elements: str
    packages: tuple[PackageRow, ...]
    total: str
    unsized: int
    held: Sequence[Any]
    gave_way: Sequence[Any]
    ignored: Sequence[Any]
    builds: tuple[LockedBuild, ...]
    previous: str | None
    no_previous: str
    settings: Sequence[Any]
    changes: Sequence[Any]
    receipts: Sequence[Any]
    digest: str

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """Anchor and title of each section that the page has."""
        return (
            ("stack", "Stack"),
            ("findings", f"Findings ({len(self.findings)})"),
            ("graph-section", "Graph"),
            ("packages", f"Packages ({len(self.packages)})"),
            ("rules", "Rules and bounds"),
            *((("builds", "Builds"),) if self.builds else ()),
            ("changes", "Changes"),
            *((("receipts", "Receipts"),) if self.receipts else ()),
        )


def render(report: Report) -> str:
    """Return the page."""
    from importlib import resources

    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("envsolver.catalog") / "page"
    css = STYLE + (folder / "report.css").read_text(encoding="utf-8")
    js = (folder / "report.js").read_text(encoding="utf-8")
    template = (folder / "report.html.j2").read_text(encoding="utf-8")
    sources = {"default": "none", "style": _digest(css), "script": _digest(js)}
    policy = "; ".join(f"{kind}-src '{source}'" for kind, source in sources.items())
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    ours = {"css": css, "js": js, "elements": report.elements, "policy": policy}
    safe = {name: Markup(text) for name, text in ours.items()}  # noqa: S704 - see above
    return environment.from_string(template).render(report=report, **safe)


def _digest(text: str) -> str:
    from base64 import b64encode
    from hashlib import sha256

    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
