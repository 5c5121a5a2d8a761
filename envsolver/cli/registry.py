"""The commands, as data: what ``--help`` and completion show without importing a single command.

Summaries stand here *and* as the first line of each command's docstring; a test keeps them equal.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "Entry", "sections"]


class Entry(NamedTuple):
    """Where one command lives: ``attribute`` of ``envsolver.cli.commands.<module>``."""

    section: str
    module: str
    attribute: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("Start", "init", "init", "Write the first spec of a project, or one more."),
    "import": Entry("Start", "importing", "import_", "Make a spec from a file of another tool."),
    "lock": Entry("Lock", "lock", "lock", "Resolve environments and write their locks."),
    "check": Entry("Lock", "check", "check", "Judge locks: what is wrong, or worth knowing, about them."),
    "audit": Entry("Lock", "audit", "audit", "Say which locked packages have known flaws."),
    "update": Entry("Lock", "update", "update", "Take the newest versions that the specs allow."),
    "diff": Entry("Lock", "diff", "diff", "Show what changed between two states of a lock."),
    "list": Entry("Look", "inspect", "list_", "List the environments of the project."),
    "status": Entry("Look", "status", "status", "Show how the environments age, and what is due."),
    "table": Entry("Look", "table", "table", "Show which environment has which PyTorch, Python and GPU."),
    "show": Entry("Look", "inspect", "show", "Show all that is known of one environment."),
    "tree": Entry("Look", "graph", "tree", "Show the packages of a lock as a tree."),
    "graph": Entry("Look", "drawing", "graph", "Draw the packages of a lock and what they require."),
    "report": Entry("Look", "report", "report", "Write all that is known of a lock as one HTML page."),
    "why": Entry("Look", "graph", "why", "Explain why a package is locked, and at this version."),
    "explain": Entry("Look", "explain", "explain_command", "Explain a code of `check`, or a rule."),
    "build": Entry("Use", "build", "build", "Build the environment of a lock."),
    "verify": Entry("Use", "verify", "verify", "Say whether an environment is what its lock says."),
    "sync": Entry("Use", "sync", "sync", "Bring an environment that is there to its lock."),
    "gpu": Entry("Use", "gpu", "gpu", "Check environments on GPU nodes."),
    "wheel": Entry("Use", "wheel", "wheel", "Build wheels of what is locked as source."),
    "bundle": Entry("Use", "bundle", "bundle", "Collect all files that an environment is built of."),
    "pack": Entry("Use", "pack", "pack", "Pack an environment into a reproducible archive."),
    "export": Entry("Use", "export", "export", "Write a lock in the format of another tool."),
    "ci": Entry("Use", "ci", "ci", "Write a CI pipeline that checks, builds and tries locks."),
    "schema": Entry("Use", "schema", "schema", "Write the JSON Schema of a spec file."),
    "index": Entry("Care", "index", "index", "Look after the indexes that specs name."),
    "channel": Entry("Care", "channel", "channel", "Look after the channels of conda that specs name."),
    "cache": Entry("Care", "cache", "cache", "Look after the cache of pages, metadata and files."),
    "completion": Entry("Care", "completion", "completion", "Print the completion script of a shell."),
}


def sections() -> dict[str, list[tuple[str, str]]]:
    """Return ``{section: [(command, summary), …]}`` in the order of the table."""
    table: dict[str, list[tuple[str, str]]] = {}
    for name, entry in COMMANDS.items():
        table.setdefault(entry.section, []).append((name, entry.summary))
    return table
