"""The graph of a lock for other tools: Graphviz (DOT), Mermaid, and a picture (SVG)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax import saxutils

from envsolver.lock.graph import lock_graph
from envsolver.lock.layout import layout
from envsolver.lock.model import LockedRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from networkx import DiGraph

    from envsolver.lock.graph import Node
    from envsolver.lock.layout import Box, Drawing
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name

__all__ = ["STYLE", "dot", "drawn", "mermaid", "svg"]

STYLE = """\
.box rect{fill:#fff;stroke:#57606a}
.box text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}
.asked rect{fill:#ddf4ff;stroke:#0969da;stroke-width:1.5}
.line{fill:none;stroke:#8c959f;stroke-width:1.2}
.faint{stroke-width:.8;opacity:.35}
@media (prefers-color-scheme:dark){
.box rect{fill:#161b22;stroke:#8b949e}
.box text{fill:#e6edf3}
.asked rect{fill:#0c2d6b;stroke:#58a6ff}
.line{stroke:#6e7681}
}
"""
"""How the picture looks, in light and in the dark."""


def _graph(lock: Lock, platform: str | None, groups: Sequence[str]) -> DiGraph[Node]:
    chosen = groups or None
    target = lock.target(platform or lock.platforms[0], groups)
    return lock_graph(lock, target.name, chosen)


def dot(lock: Lock, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return the graph in the language of Graphviz.

    Args:
        lock: of the environment.
        platform: the first of the lock by default.
        groups: beside the base; all that the solution holds by default.

    Raises:
        UsageError: there is no such platform or group.
    """
    graph = _graph(lock, platform, groups)
    lines = [f"digraph {_quoted(lock.name)} {{", "  rankdir=LR;", "  node [shape=box];"]
    lines += [
        f"  {_quoted(name)} [label={_quoted(label)}{', style=bold' if asked else ''}];"
        for name, label, asked in _nodes(graph)
    ]
    lines += [f"  {_quoted(above)} -> {_quoted(below)};" for above, below in _edges(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(lock: Lock, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return the graph as a flowchart of Mermaid, which GitHub draws in Markdown. Arguments as :func:`dot`."""
    graph = _graph(lock, platform, groups)
    nodes = list(_nodes(graph))
    # Names are no identifiers there: "end" is a word of the language.
    ids = {name: f"p{number}" for number, (name, _, _) in enumerate(nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[name]}["{_entities(label)}"]' for name, label, _ in nodes]
    lines += [f"  {ids[above]} --> {ids[below]}" for above, below in _edges(graph)]
    asked = ",".join(ids[name] for name, _, wanted in nodes if wanted)
    lines += ["  classDef asked stroke-width:3px", f"  class {asked} asked"] if asked else []
    return "\n".join(lines) + "\n"


def svg(lock: Lock, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return the graph as a picture that needs nothing else: no script, font or file. Arguments as :func:`dot`."""
    drawing = layout(_graph(lock, platform, groups))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width} {drawing.height}"'
        f' width="{drawing.width}" height="{drawing.height}" role="img" aria-label={_attribute(_title(lock))}>\n'
        f"<title>{_escaped(_title(lock))}</title>\n<style>\n{STYLE}</style>\n{drawn(drawing)}</svg>\n"
    )


def drawn(drawing: Drawing) -> str:
    """Return a drawing as elements of SVG. Each says by ``data-`` attributes what it stands for."""
    at = {box.name: box for box in drawing.boxes}
    parts = []
    for line in sorted(drawing.lines, key=lambda one: one.direct):  # the faint ones below
        css = "line" if line.direct else "line faint"
        ends = f"data-above={_attribute(line.above)} data-below={_attribute(line.below)}"
        parts.append(f'<path class="{css}" {ends} d="{_curve(at[line.above], at[line.below])}"/>\n')
    for box in drawing.boxes:
        css = "box asked" if box.asked else "box"
        parts.append(
            f'<g class="{css}" data-name={_attribute(box.name)}><title>{_escaped(box.label)}</title>'
            f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="4"/>'
            f'<text x="{box.x + 8}" y="{box.y + 16}">{_escaped(box.label)}</text></g>\n'
        )
    return "".join(parts)


def _curve(above: Box, below: Box) -> str:
    x, y = above.x + above.width, above.y + above.height // 2
    to_x, to_y = below.x, below.y + below.height // 2
    # Within a circle a line may lead back, in a bow.
    bend = max((to_x - x) // 2, 40)
    return f"M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"


def _title(lock: Lock) -> str:
    return f"The packages of {lock.name}, and what they require"


def _nodes(graph: DiGraph[Node]) -> Iterator[tuple[Name, str, bool]]:
    """Yield name, label, and whether the spec asks for it."""
    asked = {root.name for root in graph if isinstance(root, LockedRoot)}
    for node in graph:
        if not isinstance(node, LockedRoot):
            yield node, f"{node} {graph.nodes[node]['package'].version}", node in asked


def _edges(graph: DiGraph[Node]) -> Iterator[tuple[Name, Name]]:
    for above, below in graph.edges:
        if not isinstance(above, LockedRoot) and not isinstance(below, LockedRoot):
            yield above, below


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no document can hold, however it is written (XML 1.0, section 2.2)."""


def _escaped(text: str) -> str:
    return saxutils.escape(_NO_XML.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return saxutils.quoteattr(_NO_XML.sub("\ufffd", text))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _entities(text: str) -> str:
    """Return a text as a quoted label of Mermaid takes it: its own entities stand for all that is not plain."""
    return "".join(one if one.isalnum() or one in " .-_+:" else f"#{ord(one)};" for one in text)
