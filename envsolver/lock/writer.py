"""A lock as TOML, in the one form that envsolver writes.

The emitter is our own: the file is reviewed in pull requests, so its layout is fixed to the line (one key a line, one
dependency a line, nothing that depends on a library's version), and it is written on every run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.model.candidate import is_conda

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envsolver.lock.knowledge import LockedBound, LockedEffect, LockedRule
    from envsolver.lock.model import (
        Dependency,
        Lock,
        LockedBase,
        LockedBuild,
        LockedFile,
        LockedPackage,
        LockedRoot,
        LockedTree,
    )
    from envsolver.model.candidate import CondaFacts

__all__ = ["HIDDEN", "dumps", "toml_string"]

_WIDTH = 100
"""Columns up to which an array stays on one line."""

HIDDEN = "\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
"""Characters (for a class of a regular expression) that a reviewer could not see, or would see in another order than a
program reads them: control characters, zero-width and bidirectional formatting. Fixed ranges, because
``str.isprintable`` follows the interpreter's Unicode version."""
_SURROGATES = "\ud800-\udfff"
_PLAIN = re.compile(rf'[^"\\{HIDDEN}{_SURROGATES}]*')
_LITERAL = re.compile(rf"[^'{HIDDEN}]*")
_ESCAPED = re.compile(rf'["\\{HIDDEN}]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def dumps(lock: Lock) -> str:
    """Return the text of a lock file. Equal locks give equal text; :func:`~envsolver.lock.reader.loads` undoes it.

    Args:
        lock: in canonical order, as ``build_lock`` and ``loads`` return it.

    Raises:
        ValueError: a string in it is not valid Unicode (a lone surrogate).
    """
    command = _escaped(f"envsolver lock {lock.name}")
    lines = [
        "# The lock of an environment: exactly what it installs, from which bytes, and why. Written by envsolver.",
        f"# Change the spec, not this file; then run: {command}",
        "# docs/lock.md of envsolver explains every key.",
        f"lock-version = {toml_string('.'.join(map(str, _version(lock))))}",
        f"name = {toml_string(lock.name)}",
        f"inputs-digest = {toml_string(lock.inputs_digest)}",
        f"python = {toml_string(lock.python)}",
        *_optional("knowledge", lock.knowledge),
        *_array("bases", [_base(base) for base in lock.bases], inline=False),
        *_strings("groups", lock.groups),
        *_array("exclusive", [f"[{_joined(members)}]" for members in lock.exclusive], inline=True),
        *_array("requirements", [_root(root) for root in lock.roots], inline=False),
    ]
    for target in lock.targets:
        lines += ["", "[[target]]", f"platform = {toml_string(target.platform)}"]
        lines += [*_optional("glibc", target.glibc), *_optional("macos", target.macos)]
        lines += _strings("choice", target.choice)
    for index in lock.indexes:
        lines += ["", "[[index]]", f"alias = {toml_string(index.alias)}", f"url = {toml_string(index.url)}"]
        lines += _optional("kind", None if index.kind == "simple" else index.kind)
    for rule in lock.rules:
        lines += _rule(rule)
    for bound in lock.bounds:
        lines += _bound(bound)
    for tree in lock.trees:
        lines += _tree(tree)
    for package in lock.packages:
        lines += _package(package)
    for build in lock.builds:
        lines += _build(build)
    return "\n".join([*lines, ""])


def _version(lock: Lock) -> tuple[int, int]:
    """Return the oldest version that has what the lock needs: what nobody uses changes no file."""
    if lock.bases:
        return (1, 6)
    if any(not build.is_built for build in lock.builds):
        return (1, 5)
    if any(file.conda is not None for package in lock.packages for file in package.files):
        return (1, 4)
    if any(is_conda(package.name) for package in lock.packages):
        return (1, 3)
    return (1, 2) if lock.trees or lock.builds else (1, 1)


def toml_string(text: str) -> str:
    """Return a TOML string: basic, or literal where that spares escapes, as in the quotes of a marker.

    Raises:
        ValueError: it holds a lone surrogate, which is no Unicode scalar value.
    """
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    if re.search(f"[{_SURROGATES}]", text):
        raise ValueError(f"{text!r} is not valid Unicode")
    return f"'{text}'" if _LITERAL.fullmatch(text) else f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _SHORT_ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}", text)


def _rule(rule: LockedRule) -> Iterator[str]:
    yield from ("", "[[rule]]")
    yield f"id = {toml_string(rule.id)}"
    yield from _optional("title", rule.title or None)
    yield from _optional("ignored", rule.ignored)
    if rule.until is not None:
        yield f"until = {rule.until}"
    yield from _array("effects", [_effect(effect) for effect in rule.effects], inline=False)


def _bound(bound: LockedBound) -> Iterator[str]:
    yield from ("", "[[bound]]")
    yield f"package = {toml_string(bound.package)}"
    yield from _optional("below", bound.below)
    if bound.released is not None:
        yield f"released = {bound.released}"
    yield f"requirer = {toml_string(bound.requirer)}"
    yield f"version = {toml_string(bound.version)}"
    if bound.uploaded is not None:
        yield f"uploaded = {bound.uploaded}"
    if bound.gave_way:
        yield "gave-way = true"
    yield from _strings("targets", bound.targets)


def _tree(tree: LockedTree) -> Iterator[str]:
    yield from ("", "[[tree]]")
    yield f"target = {toml_string(tree.target)}"
    yield from _strings("groups", tree.groups)
    if not tree.bytecode:
        yield "no-bytecode = true"
    yield f"digest = {toml_string(tree.digest)}"


def _package(package: LockedPackage) -> Iterator[str]:
    yield from ("", "[[package]]")
    yield f"name = {toml_string(package.name)}"
    yield f"version = {toml_string(package.version)}"
    yield from _strings("groups", package.groups)
    yield from _strings("extras", package.extras)
    yield from _strings("targets", package.targets)
    edges = [_dependency(edge) for edge in package.dependencies]
    yield from _array("dependencies", edges, inline=len(edges) == 1)
    for file in package.files:
        yield from ("", "[[package.file]]")
        yield from _file(file)


def _build(build: LockedBuild) -> Iterator[str]:
    # What is not built yet stands in a table of its own: readers of older versions do without it.
    table = "build" if build.is_built else "closure"
    yield from ("", f"[[{table}]]")
    yield f"name = {toml_string(build.name)}"
    yield f"version = {toml_string(build.version)}"
    yield f"source = {toml_string(build.source)}"
    yield f"platform = {toml_string(build.platform)}"
    yield from _strings("requires", build.requires)
    yield from _strings("beside", build.beside)
    yield from _strings("environment", build.environment)
    yield from _strings("path", build.path)
    yield from _strings("needs", build.needs)
    yield from _optional("wheel", build.wheel or None)
    yield from _optional("sha256", build.sha256 or None)
    yield from _strings("tools", build.tools)
    for one in build.files:
        yield from ("", f"[[{table}.file]]")
        yield f"package = {toml_string(one.name)}"
        yield f"version = {toml_string(one.version)}"
        yield from _file(one.file)


def _file(file: LockedFile) -> Iterator[str]:
    yield from _optional("name", file.filename or None)
    if file.url is None:
        yield f"index = {toml_string(file.index)}"
    yield from _optional("url", file.url)
    yield from _optional("commit", file.commit)
    yield from _optional("subdir", file.subdir)
    yield from _optional("sha256", file.sha256)
    yield from _optional("md5", file.md5)
    if file.size is not None:
        yield f"size = {file.size}"
    if file.uploaded is not None:
        yield f"uploaded = {file.uploaded}"
    yield from _optional("path", file.path)
    yield from _optional("provenance", None if file.provenance == "seen" else file.provenance)
    yield from _optional("requirements", None if file.requirements == "seen" else file.requirements)
    if file.conda is not None:
        yield from _record(file.conda)
    yield from _strings("targets", file.targets)


def _record(facts: CondaFacts) -> Iterator[str]:
    if facts.number is not None:
        yield f"build-number = {facts.number}"
    yield from _optional("noarch", facts.noarch)
    yield from _strings("virtual", facts.virtual)
    yield from _strings("constrains", facts.constrains)
    yield from _strings("features", facts.features)


def _base(base: LockedBase) -> str:
    return _inline(("name", base.name), ("digest", base.digest), ("frozen", base.frozen))


def _root(root: LockedRoot) -> str:
    return _inline(
        ("name", root.name),
        ("text", root.text),
        ("extras", root.extras),
        ("group", root.group or None),
        ("spec", root.spec),
        ("project", root.project),
        ("targets", root.targets),
    )


def _dependency(edge: Dependency) -> str:
    return _inline(
        ("name", edge.name),
        ("extras", edge.extras),
        ("specifier", edge.specifier or None),
        ("marker", edge.marker),
        ("extra", edge.extra),
        ("declared", edge.declared),
        ("rule", edge.rule),
        ("project", edge.project),
        ("targets", edge.targets),
    )


def _effect(effect: LockedEffect) -> str:
    return _inline(
        ("package", effect.package),
        ("kind", effect.kind),
        ("requirement", effect.requirement),
        ("gave-way", effect.gave_way),
        ("targets", effect.targets),
    )


def _inline(*items: tuple[str, str | bool | Sequence[str] | None]) -> str:
    """Return an inline table; false and what is empty are left out."""
    parts = []
    for key, value in items:
        if isinstance(value, bool):
            parts += [f"{key} = true"] if value else []
        elif isinstance(value, str):
            parts.append(f"{key} = {toml_string(value)}")
        elif value:
            parts.append(f"{key} = [{_joined(value)}]")
    return f"{{ {', '.join(parts)} }}"


def _joined(values: Iterable[str]) -> str:
    return ", ".join(toml_string(value) for value in values)


def _optional(key: str, value: str | None) -> Iterator[str]:
    if value is not None:
        yield f"{key} = {toml_string(value)}"


def _strings(key: str, values: Sequence[str]) -> Iterator[str]:
    return _array(key, [toml_string(value) for value in values], inline=True)


def _array(key: str, items: Sequence[str], *, inline: bool) -> Iterator[str]:
    """Yield an array whose items are TOML already, on one line if that is wanted and short; nothing if it is empty."""
    if not items:
        return
    line = f"{key} = [{', '.join(items)}]"
    if inline and len(line) <= _WIDTH:
        yield line
        return
    yield f"{key} = ["
    yield from (f"  {item}," for item in items)
    yield "]"
