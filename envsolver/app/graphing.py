"""The graph of a lock as people look at it: a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from envsolver.lock.graph import target_of
from envsolver.lock.graph import tree as tree_lines
from envsolver.lock.specifiers import requirement_text
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.graph import TreeLine
    from envsolver.lock.model import Lock

__all__ = ["GraphFormat", "Tree", "TreeRow", "graph_text", "tree_of"]

GraphFormat = Literal["svg", "dot", "mermaid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRow:
    """One line of a tree.

    Attributes:
        depth: 0 at the top.
        requirement: by which it hangs from the line above (inverted: by which it requires that line), such as
            ``numpy>=1.21``; empty at the top, and where it asks for no version or extra.
        extra: the extra of the requiring package that brings it, or None.
        groups: the groups that bring the package where the base does not.
        repeated: it stands with its branches further up.
        last: no line of the same depth follows below the same package.
    """

    depth: int
    name: str
    version: str
    requirement: str = ""
    extra: str | None = None
    groups: tuple[str, ...] = ()
    repeated: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The lines of a tree, top down, and what they are of.

    Attributes:
        target: the solution that it shows.
        choice: of groups that exclude each other, those in that solution.
        other_platforms: of the lock.
        other_choices: the groups of the other solutions for this platform.
    """

    environment: str
    platform: str
    target: str
    choice: tuple[str, ...]
    other_platforms: tuple[str, ...]
    other_choices: tuple[tuple[str, ...], ...]
    rows: tuple[TreeRow, ...]


def graph_text(lock: Lock, format_: GraphFormat, *, platform: str | None, groups: Sequence[str]) -> str:
    """Return the graph of a lock as a picture or as a text for another tool.

    Raises:
        UsageError: there is no such platform or group.
    """
    from envsolver.formats import graphs

    write = {"svg": graphs.svg, "dot": graphs.dot, "mermaid": graphs.mermaid}[format_]
    return write(lock, platform=platform, groups=groups)


def tree_of(
    lock: Lock,
    *,
    package: str | None = None,
    platform: str | None = None,
    groups: Sequence[str] = (),
    depth: int | None = None,
    invert: bool = False,
) -> Tree:
    """Return the packages of one platform as a tree.

    Args:
        lock: of the environment.
        package: begin at this package instead of at the requirements of the spec.
        platform: the first of the lock if None.
        groups: those to draw beside the base; all that were solved together if empty.
        depth: how many levels to draw below the top; all if None.
        invert: draw below each package who requires it.

    Raises:
        UsageError: there is no such platform, group or package.
    """
    chosen = platform or lock.platforms[0]
    lines = tree_lines(lock, chosen, groups or None, package=package, depth=depth, invert=invert)
    target = target_of(lock, chosen, groups or None, package)
    return Tree(
        environment=lock.name,
        platform=chosen,
        target=target.name,
        choice=target.choice,
        other_choices=tuple(
            other.choice for other in lock.targets if other.platform == chosen and other.choice != target.choice
        ),
        other_platforms=tuple(other for other in lock.platforms if other != chosen),
        rows=tuple(_row(line) for line in lines),
    )


def _row(line: TreeLine) -> TreeRow:
    extras = {edge.extra for edge in line.by}
    return TreeRow(
        depth=line.depth,
        name=line.package.name,
        version=line.package.version,
        requirement=", ".join(
            dict.fromkeys(requirement_text(edge) for edge in line.by if edge.specifier or edge.extras)
        ),
        extra=next(iter(extras)) if len(extras) == 1 else None,
        groups=line.package.groups,
        repeated=line.repeated,
        last=line.last,
    )
