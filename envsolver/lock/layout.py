"""A place for every package of a graph: layers from left to right, each package right of all that require it.

Packages that require each other in a circle share a layer. Within a layer the order follows the neighbours (the
barycentre heuristic of Sugiyama, Tagawa and Toda, 1981), so that few lines cross. Everything is whole numbers of pixels
and follows from the lock alone: the same lock gives the same drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.lock.model import LockedRoot
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from networkx import DiGraph

    from envsolver.lock.graph import Node
    from envsolver.model.candidate import Name

__all__ = ["Box", "Drawing", "Line", "layout"]

_HEIGHT = 24
_GAP = 10
_BETWEEN = 96
_MARGIN = 16
_PER_CHARACTER = 7.2
_PADDING = 16
_SWEEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A package in a drawing; ``x`` and ``y`` are its left upper corner.

    Attributes:
        asked: a requirement of the spec names it.
    """

    name: Name
    label: str
    x: int
    y: int
    width: int
    height: int
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A requirement in a drawing.

    Attributes:
        above: the package that requires.
        below: the package that is required.
        direct: no other way leads from one to the other, so that the line cannot be left out.
    """

    above: Name
    below: Name
    direct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Boxes, sorted by name, and lines, sorted by their ends."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def layout(graph: DiGraph[Node]) -> Drawing:
    """Return where the packages of a graph (:func:`envsolver.lock.graph.lock_graph`) stand."""
    asked = {root.name for root in graph if isinstance(root, LockedRoot)}
    packages = _packages(graph)
    labels = {name: f"{name} {graph.nodes[name]['package'].version}" for name in packages}
    layers = _ordered(packages, _layers(packages))
    sizes = {name: round(len(label) * _PER_CHARACTER) + _PADDING for name, label in labels.items()}
    tallest = max((len(layer) for layer in layers), default=0)
    boxes, left = [], _MARGIN
    for layer in layers:
        column = max(sizes[name] for name in layer)
        top = _MARGIN + (tallest - len(layer)) * (_HEIGHT + _GAP) // 2
        for place, name in enumerate(layer):
            boxes.append(
                Box(
                    name=name,
                    label=labels[name],
                    x=left,
                    y=top + place * (_HEIGHT + _GAP),
                    width=sizes[name],
                    height=_HEIGHT,
                    asked=name in asked,
                )
            )
        left += column + _BETWEEN
    return Drawing(
        width=max(left - _BETWEEN + _MARGIN, 2 * _MARGIN),
        height=2 * _MARGIN + tallest * (_HEIGHT + _GAP),
        boxes=tuple(sorted(boxes, key=lambda box: box.name)),
        lines=tuple(_lines(packages)),
    )


def _packages(graph: DiGraph[Node]) -> DiGraph[Name]:
    """Return the graph without the requirements of the spec."""
    import networkx as nx

    packages: DiGraph[Name] = nx.DiGraph()
    packages.add_nodes_from(node for node in graph if not isinstance(node, LockedRoot))
    for above, below in graph.edges:
        if not isinstance(above, LockedRoot) and not isinstance(below, LockedRoot):
            packages.add_edge(above, below)
    return packages


def _layers(packages: DiGraph[Name]) -> list[list[Name]]:
    """Return the packages by the length of the longest way that leads to them."""
    import networkx as nx

    circles = nx.condensation(packages)
    depth: dict[int, int] = {}
    for node in nx.topological_sort(circles):
        depth[node] = max((depth[above] + 1 for above in circles.predecessors(node)), default=0)
    layers: list[list[Name]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node, level in depth.items():
        layers[level] += circles.nodes[node]["members"]
    return [sorted(layer) for layer in layers]


def _ordered(packages: DiGraph[Name], layers: list[list[Name]]) -> list[list[Name]]:
    """Order each layer by where the neighbours of its packages stand, from left to right and back in turns."""
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        heights = _heights(layers)
        for number in range(len(layers)) if forth else reversed(range(len(layers))):
            near = packages.pred if forth else packages.succ
            middle = {
                name: _mean([heights[other] for other in near[name] if other != name], heights[name])
                for name in layers[number]
            }
            layers[number].sort(key=lambda name: (middle[name], name))
            heights |= _heights([layers[number]])
    return layers


def _heights(layers: Iterable[Sequence[Name]]) -> dict[Name, float]:
    return {name: place - len(layer) / 2 for layer in layers for place, name in enumerate(layer)}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _lines(packages: DiGraph[Name]) -> Iterable[Line]:
    """Yield the lines; those that another way says already are marked (transitive reduction)."""
    import networkx as nx

    circles = nx.condensation(packages)
    place: Mapping[Name, int] = circles.graph["mapping"]
    needed = set(nx.transitive_reduction(circles).edges)
    for above, below in sorted(packages.edges):
        if above != below:
            ends = (place[above], place[below])
            yield Line(above=above, below=below, direct=ends[0] == ends[1] or ends in needed)
