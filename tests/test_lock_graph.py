"""The graph of a lock, the reasons for a package, the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.lock.graph import cycles, lock_graph, tree, why
from envsolver.lock.model import LockedRoot
from envsolver.model.candidate import Name
from envsolver.model.errors import UsageError
from tests.support.locks import example, locked, resolution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.lock.graph import TreeLine
    from envsolver.lock.model import Lock


def _diamond() -> Lock:
    universe = {
        "app==1.0": ["left", "right[x]>=1"],
        "left==1.0": ["leaf<3"],
        "right==1.0": ["leaf>=1 ; extra == 'x'", "app", "lone ; extra == 'y'"],
        "leaf==2.0": [],
        "lone==1.0": [],
        "tool==1.0": ["leaf"],
    }
    return locked(resolution(universe, {"": ["app", "leaf"], "dev": ["tool"]}), groups=["dev"])


def _drawn(lines: Iterable[TreeLine]) -> list[str]:
    return [f"{'  ' * line.depth}{line.package.name}{' (*)' if line.repeated else ''}" for line in lines]


def test_nodes_are_roots_and_packages_and_edges_carry_what_applies() -> None:
    graph = lock_graph(_diamond(), "linux-64")
    packages = [node for node in graph if not isinstance(node, LockedRoot)]
    assert packages == ["app", "leaf", "left", "right", "tool"]
    assert graph.nodes[Name("right")]["extras"] == ("x",)
    (edge,) = graph.edges[Name("right"), Name("leaf")]["by"]
    assert (edge.specifier, edge.extra) == (">=1", "x")
    assert [root.text for root in graph if isinstance(root, LockedRoot)] == ["app", "leaf", "tool"]


def test_groups_decide_what_is_in_the_graph() -> None:
    assert "tool" not in lock_graph(_diamond(), "linux-64", ())
    assert "tool" in lock_graph(_diamond(), "linux-64", ["dev"])


def test_why_names_the_shortest_way_from_each_requirement_and_all_parents() -> None:
    reasons = why(_diamond(), "Leaf")
    assert [(way.root.text, [step.package.name for step in way.steps]) for way in reasons.ways] == [
        ("leaf", []),
        ("tool", ["tool"]),
        ("app", ["app", "left"]),
    ]
    assert [(parent.package.name, [str(edge.specifier) for edge in parent.by]) for parent in reasons.parents] == [
        ("left", ["<3"]),
        ("right", [">=1"]),
        ("tool", [""]),
    ]


def test_why_finds_the_solution_that_has_the_package() -> None:
    universe = {"a==1.0": ["b"], "b==1.0": [], "c==1.0": []}
    lock = locked(
        resolution(universe, {"one": ["c"]}),
        resolution(universe, {"two": ["a"]}),
        groups=["one", "two"],
        exclusive=[["one", "two"]],
    )
    assert why(lock, "b").target == "linux-64:two"
    with pytest.raises(UsageError, match="has no package 'b' on linux-64:one"):
        why(lock, "b", groups=["one"])


def test_an_unknown_package_is_named_with_its_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        why(example(), "nunpy", "linux-64")
    assert caught.value.hint == "did you mean 'numpy'?"


def test_the_tree_draws_branches_once_and_ends_in_cycles() -> None:
    assert _drawn(tree(_diamond())) == [
        "app",
        "  left",
        "    leaf",
        "  right",
        "    app (*)",
        "    leaf",
        "leaf",
        "tool",
        "  leaf",
    ]


def test_the_tree_can_be_cut_started_anywhere_and_turned_around() -> None:
    assert _drawn(tree(_diamond(), depth=1)) == ["app", "  left", "  right", "leaf", "tool", "  leaf"]
    assert _drawn(tree(_diamond(), package="left")) == ["left", "  leaf"]
    assert _drawn(tree(_diamond(), package="leaf", invert=True, depth=1)) == ["leaf", "  left", "  right", "  tool"]
    assert _drawn(tree(_diamond(), groups=(), invert=True)) == [
        "leaf",
        "  left",
        "    app",
        "      right",
        "        app (*)",
        "  right (*)",
    ]


def test_lines_of_a_tree_know_their_edge_and_whether_they_are_last() -> None:
    lines = list(tree(_diamond(), groups=(), package="app"))
    assert [(line.package.name, line.last) for line in lines if line.depth == 1] == [("left", False), ("right", True)]
    assert [edge.extras for line in lines for edge in line.by if line.package.name == "right"] == [("x",)]


def test_cycles_are_found() -> None:
    assert cycles(_diamond(), "linux-64") == (("app", "right"),)
    assert cycles(example(), "linux-64") == ()


def test_a_chain_longer_than_the_stack_is_walked() -> None:
    length = 3000
    universe = {f"p{number}==1.0": [f"p{number + 1}"] for number in range(length)}
    universe[f"p{length}==1.0"] = []
    lock = locked(resolution(universe, {"": ["p0"]}))
    assert sum(1 for _ in tree(lock)) == length + 1
    assert len(why(lock, f"p{length}").ways[0].steps) == length
    assert lock.package(Name("p7")).version == "1.0"
