"""The graph of a lock: who requires whom on a target, why a package is there, and the same as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.lock.model import BASE_GROUP, LockedRoot
from envsolver.lock.reach import reach
from envsolver.model.candidate import Name
from envsolver.model.errors import UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from networkx import DiGraph

    from envsolver.lock.model import Dependency, Lock, LockedPackage, LockedTarget

__all__ = ["Parent", "Step", "TreeLine", "Way", "Why", "cycles", "lock_graph", "target_of", "tree", "why"]

Node = Name | LockedRoot


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A package on the way from the spec to another one, and the dependency by which the way goes on."""

    package: LockedPackage
    by: Dependency


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A shortest way from a requirement of the spec to a package; without steps if it names the package itself."""

    root: LockedRoot
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A package that requires another one, and all dependencies by which it does."""

    package: LockedPackage
    by: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a package is on a target.

    Attributes:
        package: the version that is there.
        target: name of the target.
        ways: one for each requirement of the spec that leads to it, shortest first.
        parents: all packages that require it, sorted by name.
    """

    package: LockedPackage
    target: str
    ways: tuple[Way, ...]
    parents: tuple[Parent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLine:
    """A line of a tree.

    Attributes:
        depth: 0 at the top.
        package: that stands on it.
        by: the dependencies through which it hangs from the line above (inverted: by which it requires that line);
            empty at the top.
        repeated: its own branches stand further up and are not drawn again.
        last: it is the last branch of the line that it hangs from.
    """

    depth: int
    package: LockedPackage
    by: tuple[Dependency, ...] = ()
    repeated: bool = False
    last: bool = True


def lock_graph(lock: Lock, target: str, groups: Iterable[str] | None = None) -> DiGraph[Node]:
    """Return the graph of a target.

    Nodes are the requirements of the spec (:class:`LockedRoot`) and the canonical names of packages; the latter carry
    ``package`` and ``extras`` (those that are active). Edges between packages carry ``by``, the dependencies that
    apply. Nodes and edges stand in sorted order.

    Args:
        lock: of the environment.
        target: name of one of its targets.
        groups: names of groups to take beside the base; None for all that the target holds.
    """
    import networkx as nx

    wanted = {BASE_GROUP, *(lock.groups if groups is None else groups)}
    packages = lock.packages_on(target)
    active = reach(lock, target, wanted)
    graph: DiGraph[Node] = nx.DiGraph()
    for root in lock.roots:
        if root.group in wanted and (not root.targets or target in root.targets):
            graph.add_node(root)
    for name in sorted(active):
        graph.add_node(name, package=packages[name], extras=tuple(sorted(active[name])))
    graph.add_edges_from((root, root.name) for root in list(graph) if isinstance(root, LockedRoot))
    for name in sorted(active):
        found: dict[Name, list[Dependency]] = {}
        for edge in packages[name].edges(target):
            if edge.extra is None or edge.extra in active[name]:
                found.setdefault(edge.name, []).append(edge)
        graph.add_edges_from((name, below, {"by": tuple(edges)}) for below, edges in sorted(found.items()))
    return graph


def why(lock: Lock, package: str, platform: str | None = None, groups: Iterable[str] | None = None) -> Why:
    """Say why a package is in a lock.

    Args:
        lock: of the environment.
        package: name of the project, in any spelling.
        platform: may be left out if the lock has one only.
        groups: as :func:`lock_graph`; they also decide between solutions where groups exclude each other.

    Raises:
        UsageError: there is no such package, platform or group.
    """
    import networkx as nx

    target = target_of(lock, platform, groups, package).name
    graph = lock_graph(lock, target, groups)
    name = _node(lock, graph, package, target)
    towards = dict(nx.bfs_predecessors(graph.reverse(copy=False), name))
    ways = [_way(graph, node, towards) for node in towards if isinstance(node, LockedRoot)]
    return Why(
        package=graph.nodes[name]["package"],
        target=target,
        ways=tuple(sorted(ways, key=lambda way: (len(way.steps), lock.roots.index(way.root)))),
        parents=tuple(
            Parent(package=graph.nodes[parent]["package"], by=graph.edges[parent, name]["by"])
            for parent in sorted(parent for parent in graph.predecessors(name) if not isinstance(parent, LockedRoot))
        ),
    )


def tree(
    lock: Lock,
    platform: str | None = None,
    groups: Iterable[str] | None = None,
    *,
    package: str | None = None,
    depth: int | None = None,
    invert: bool = False,
) -> Iterator[TreeLine]:
    """Return the lines of the tree of a target, top down. A package's branches are drawn once, where it comes first.

    Args:
        lock: of the environment.
        platform: may be left out if the lock has one only.
        groups: as :func:`lock_graph`.
        package: start at this package instead of at the requirements of the spec.
        depth: levels to draw below the top; None for all.
        invert: draw who requires a package below it; without ``package``, from those that require nothing.

    Raises:
        UsageError: there is no such package, platform or group.
    """
    target = target_of(lock, platform, groups, package).name
    graph = lock_graph(lock, target, groups)
    if package is not None:
        tops = [_node(lock, graph, package, target)]
    elif invert:
        tops = [node for node in graph if not isinstance(node, LockedRoot) and not any(graph.successors(node))]
    else:
        tops = list(dict.fromkeys(root.name for root in graph if isinstance(root, LockedRoot)))
    return _lines(graph, tops, depth=depth, invert=invert)


def cycles(lock: Lock, target: str) -> tuple[tuple[Name, ...], ...]:
    """Return the sets of packages of a target that require each other, sorted. pip and uv install them all the same."""
    import networkx as nx

    components = nx.strongly_connected_components(lock_graph(lock, target))
    rings = (tuple(sorted(node for node in ring if not isinstance(node, LockedRoot))) for ring in components)
    return tuple(sorted(ring for ring in rings if len(ring) > 1))


def target_of(lock: Lock, platform: str | None, groups: Iterable[str] | None, package: str | None) -> LockedTarget:
    """Return the target to look at; of several solutions for a platform, the first with the package.

    Raises:
        UsageError: there is no such platform or group.
    """
    found = lock.target(platform, groups or ())
    if package is not None and groups is None:
        name = lock.known_as(package)
        others = (target for target in lock.targets if target.platform == found.platform)
        found = next((target for target in others if name in lock.packages_on(target.name)), found)
    return found


def _node(lock: Lock, graph: DiGraph[Node], package: str, target: str) -> Name:
    name = lock.known_as(package)
    if name in graph:
        return name
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(node for node in graph if not isinstance(node, LockedRoot)), n=3)
    raise UsageError(
        f"the lock of {lock.name} has no package {package!r} on {target}",
        hint=did_you_mean(close) or f"`envsolver tree {lock.name}` shows those that it has",
    )


def _way(graph: DiGraph[Node], root: LockedRoot, towards: Mapping[Node, Node]) -> Way:
    """Return the way from a root, along the neighbours that lie nearer to the package."""
    steps = []
    above: Node = root.name
    while (below := towards.get(above)) is not None:
        steps.append(Step(package=graph.nodes[above]["package"], by=graph.edges[above, below]["by"][0]))
        above = below
    return Way(root=root, steps=tuple(steps))


def _lines(graph: DiGraph[Node], tops: Sequence[Name], *, depth: int | None, invert: bool) -> Iterator[TreeLine]:
    # An own stack: the chain of a hostile lock may be longer than Python's.
    shown: set[Name] = set()
    stack: list[tuple[int, Name, tuple[Dependency, ...], bool]] = [
        (0, name, (), at == 0) for at, name in enumerate(reversed(tops))
    ]
    while stack:
        level, name, by, last = stack.pop()
        near = graph.predecessors(name) if invert else graph.successors(name)
        below = [node for node in near if not isinstance(node, LockedRoot) and node != name]
        if depth is not None and level >= depth:
            below = []
        repeated = bool(below) and name in shown
        yield TreeLine(depth=level, package=graph.nodes[name]["package"], by=by, repeated=repeated, last=last)
        if below and not repeated:
            shown.add(name)
            for at, node in enumerate(reversed(below)):
                edge = (node, name) if invert else (name, node)
                stack.append((level + 1, node, graph.edges[edge]["by"], at == 0))
