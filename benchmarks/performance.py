"""``docs/performance.md``, made of the figures: ``python -m benchmarks.performance FIGURES [-o PAGE]``."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AIMS", "FIGURES", "PAGE", "Aim", "page", "table"]

ROOT = Path(__file__).resolve().parent.parent
FIGURES = Path(__file__).with_name("figures.json")
PAGE = ROOT / "docs" / "performance.md"
_Rows = Sequence[Mapping[str, Any]]
_COLUMNS = ("scenario", "inputs", "round trip", "cache headers", "tool", "median s", "min-max", "CPU s", "ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Something that envsolver wants to reach.

    Attributes:
        text: what it is.
        reached: returns what was measured, in words, and whether that is enough; None where it was not measured.
        profile: the scenario whose profile tells where the time goes.
    """

    text: str
    reached: Callable[[_Rows], tuple[str, bool] | None]
    profile: str = ""


def _median(row: Mapping[str, Any], tool: str) -> float | None:
    seconds = row["runs"].get(tool, {}).get("seconds")
    return statistics.median(seconds) if seconds else None


def _find(rows: _Rows, scenario: str, **facts: Any) -> Mapping[str, Any] | None:
    for row in rows:
        if row["scenario"] == scenario and all(row.get(key) == value for key, value in facts.items()):
            return row
    return None


def _at_most(scenario: str, seconds: float, *, tool: str = "envsolver") -> Callable[[_Rows], tuple[str, bool] | None]:
    def reached(rows: _Rows) -> tuple[str, bool] | None:
        row = _find(rows, scenario, headers=True)
        found = _median(row, tool) if row else None
        return None if found is None else (f"{found:.2f} s", found <= seconds)

    return reached


def _share(
    scenario: str, share: float, tool: str, peer: str, **facts: Any
) -> Callable[[_Rows], tuple[str, bool] | None]:
    def reached(rows: _Rows) -> tuple[str, bool] | None:
        row = _find(rows, scenario, **facts)
        ours, theirs = (_median(row, tool), _median(row, peer)) if row else (None, None)
        if ours is None or theirs is None:
            return None
        return f"{ours:.2f} s of {theirs:.2f} s: {ours / theirs:.2f}", ours <= share * theirs

    return reached


def _all(rows: _Rows) -> tuple[str, bool] | None:
    row = _find(rows, "lock --all")
    if row is None:
        return None
    known = {tool: _median(row, tool) for tool in row["runs"]}
    alone = [found for tool, found in known.items() if tool != "--all" and found is not None]
    every = known["--all"]
    if every is None or len(alone) < len(known) - 1:
        return None
    return f"{every:.2f} s; the slowest alone {max(alone):.2f} s, the sum {sum(alone):.2f} s", every <= 2 * max(alone)


AIMS = (
    Aim(
        text="`lock` from nothing, 20 ms away: at most a third of uv's time",
        reached=_share("cold", 1 / 3, "envsolver", "uv", latency_ms=20, headers=True),
        profile="cold",
    ),
    Aim(text="`lock` with a cache and no lock: at most 0.3 s", reached=_at_most("warm", 0.3), profile="warm"),
    Aim(text="`lock` with nothing changed: at most 0.1 s", reached=_at_most("no-op", 0.1)),
    Aim(text="`check` with nothing changed: at most 0.1 s", reached=_at_most("no-op", 0.1, tool="envsolver check")),
    Aim(text="`lock --all`: at most twice the slowest environment alone", reached=_all),
    Aim(
        text="`build`, with bytecode: at most a fifth of uv's time with bytecode",
        reached=_share("install", 1 / 5, "envsolver build", "uv pip sync --compile-bytecode"),
    ),
)

_HEAD = """\
# What it costs

<!-- Made by: python -m benchmarks.performance -->

Measured by `python -m benchmarks`, which anybody can repeat; nothing here is an estimate. Whole processes, in turns, on
one machine, on {day}: {cores} cores, {memory:.0f} GiB of memory, CPython {python}{load}.
{note}

The index is a recording of a real one on the same machine: pages, metadata of wheels (PEP
658), source archives, with the round trip that stands in the table, paid by every request and once more by every new
connection, and with or without `Cache-Control` and `ETag`. A bandwidth is not imitated. Tools: {tools}.

- *cold*: nothing is cached. *warm*: the cache has seen it, there is no lock. *no-op*: nothing has changed since the
  lock. *re-lock*: one requirement has changed, the lock is there, the cache has not seen the change.
- *ratio*: seconds of the tool by seconds of envsolver; above 1, envsolver is faster.
{inputs}
All locks have hashes. The no-op of PDM is `pdm lock --check`, that of Poetry `poetry check --lock`, which resolve
nothing; that of the others is the same command again. Poetry's lock is for all platforms.
"""


_PROFILES = """
## Where the time goes

Seconds of the main thread of one `lock`, 20 ms away, under a profiler, which makes calls of functions dearer than they
are. *waiting*: for sockets and for other threads.
"""


def page(document: Mapping[str, Any]) -> str:
    """Return the page."""
    rows, load = document["rows"], document["machine"]["load"]
    parts = [
        _HEAD.format(
            day=document["day"],
            cores=document["machine"]["cores"],
            memory=document["machine"]["memory"] / (1 << 30),
            python=document["machine"]["python"],
            # Of figures that were put together by hand nobody knows it.
            load="" if load is None else f", load {load} before it began",
            note=document["note"],
            tools=", ".join(f"{tool} {version}" for tool, version in document["tools"].items()),
            inputs="".join(_inputs(name, facts) for name, facts in document["inputs"].items()),
        ),
        "\n## Aims\n\n| aim | measured | |\n| --- | --- | --- |\n",
        *(_aim(aim, rows, document["profiles"]) for aim in AIMS),
        *_profiles(document["profiles"]),
        "\n## All figures\n\n",
        _markdown(rows),
    ]
    if document["left_out"]:
        parts.append("\nNot measured:\n\n" + "".join(f"- {text}\n" for text in document["left_out"]))
    return "".join(parts)


def _inputs(name: str, facts: Mapping[str, Any]) -> str:
    count, python, packages = facts["requirements"], facts["python"], facts["packages"]
    return f"- *{name}*: {count} requirements, {packages} packages, Python {python}.\n"


def _aim(aim: Aim, rows: _Rows, profiles: Mapping[str, Any]) -> str:
    found = aim.reached(rows)
    said, kept = found or ("not measured", None)
    verdict = {None: "", True: "reached", False: "**missed**"}[kept]
    if kept is False and aim.profile in profiles:
        verdict += ": [where the time goes](#where-the-time-goes)"
    return f"| {aim.text} | {said} | {verdict} |\n"


def _profiles(profiles: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not profiles:
        return []
    parts = [_PROFILES]
    for scenario, spent in profiles.items():
        whole = sum(spent.values())
        parts.append(f"\n| {scenario}: {whole:.2f} s in | s | share |\n| --- | ---: | ---: |\n")
        shown = [(area, seconds) for area, seconds in spent.items() if seconds >= whole / 50]
        parts += [f"| {area} | {seconds:.2f} | {seconds / whole:.0%} |\n" for area, seconds in shown]
    return parts


def _cells(rows: _Rows) -> list[tuple[str, ...]]:
    """Return a line for every tool of every row."""
    lines: list[tuple[str, ...]] = []
    for row in rows:
        tools = list(row["runs"])
        own = _median(row, tools[0]) if tools else None
        for tool, known in row["runs"].items():
            found = _median(row, tool)
            link = "" if "latency_ms" not in row else f"{row['latency_ms']} ms"
            manners = "" if "headers" not in row else "yes" if row["headers"] else "no"
            if found is None:
                figures = ("-", known["why"] or "not measured", "", "")
            else:
                seconds = known["seconds"]
                used = f"{statistics.median(known['cpu']):.2f}" if known["cpu"] else ""
                ratio = "" if own is None or tool == tools[0] else f"{found / own:.2f}"
                figures = (f"{found:.2f}", f"{min(seconds):.2f}-{max(seconds):.2f}", used, ratio)
            lines.append((row["scenario"], row["inputs"], link, manners, tool, *figures))
    return lines


def table(rows: _Rows) -> str:
    """Return the figures as a table for a terminal."""
    lines = [_COLUMNS, *_cells(rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def _markdown(rows: _Rows) -> str:
    head = f"| {' | '.join(_COLUMNS)} |\n|{' --- |' * 5}{' ---: |' * 4}\n"
    return head + "".join(f"| {' | '.join(line)} |\n" for line in _cells(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.performance", description=__doc__)
    parser.add_argument("figures", type=Path, nargs="?", default=FIGURES, help="JSON of `python -m benchmarks -o`")
    parser.add_argument("-o", "--output", type=Path, default=PAGE, help="the page")
    options = parser.parse_args(arguments)
    options.output.write_text(page(json.loads(options.figures.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
