"""The codes: stable names of what can be found, with their documents, which are data."""

from __future__ import annotations

import tomllib
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from envsolver.knowledge.rules import Conflicts, Constrains, Finding, Requires, Unusable
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.findings.model import Severity
    from envsolver.knowledge.rules import Effect, Rule

__all__ = ["Code", "Example", "code_of_rule", "codes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An environment for a document, small enough to be read.

    Attributes:
        pins: lines of a requirements file.
        options: of ``envsolver check --file``, beside the file: ``--cuda 11.6``.
        conda: packages of conda, ``NAME=VERSION=BUILD``.
        files: project → paths in its wheel.
        base_image: that the spec names.
        allow: (package, CUDA version, reason) that the spec accepts.
        asked: requirements of a spec, where they are not the pins.
        text: of what cannot be said in these terms.
    """

    pins: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    conda: tuple[str, ...] = ()
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    base_image: str | None = None
    allow: tuple[tuple[str, str, str], ...] = ()
    asked: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for.

    Attributes:
        code: ``GPU001``; never given to something else.
        title: one line.
        severity: the usual one.
        text: paragraphs: what it means, what happens, how it is found.
        remedy: what to do.
        example: an environment with such a finding.
        near: one that comes close and has none.
        rules: ids of rules whose findings have this code, whatever their effects.
    """

    code: str
    title: str
    severity: Severity
    text: str
    remedy: str
    example: Example
    near: Example
    rules: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def codes() -> dict[str, Code]:
    """Return all codes, in the order of the documents."""
    from importlib.resources import files

    data = tomllib.loads(files("envsolver.findings").joinpath("codes.toml").read_text(encoding="utf-8"))
    return {row["code"]: _code(row) for row in data["code"]}


def _code(row: dict[str, Any]) -> Code:
    return Code(
        code=row["code"],
        title=row["title"],
        severity=row["severity"],
        text=row["text"].strip(),
        remedy=row["remedy"].strip(),
        example=_example(row["example"]),
        near=_example(row["near"]),
        rules=tuple(row.get("rules", ())),
    )


def _example(row: dict[str, Any]) -> Example:
    return Example(
        pins=tuple(row.get("pins", ())),
        options=tuple(row.get("options", {}).items()),
        conda=tuple(row.get("conda", ())),
        files={name: tuple(paths) for name, paths in row.get("files", {}).items()},
        base_image=row.get("base-image"),
        allow=tuple((one[0], one[1], one[2]) for one in row.get("allow", ())),
        asked=tuple(row.get("asked", ())),
        text=row.get("text", "").strip(),
    )


_OF_PROJECT = {"numpy": "ABI001", "protobuf": "ABI002", "setuptools": "ABI003"}
"""Project whose version a rule is about → code."""


def code_of_rule(rule: Rule, effect: Effect) -> str:
    """Return the code under which a rule that does not hold is reported."""
    named = _named_rules().get(rule.id)
    if named is not None:
        return named
    match effect:
        case Finding():
            return "SRC001" if rule.severity == "build-failure" else "RUL004"
        case Unusable():
            return "RUL001"
        case Conflicts() if rule.severity != "unsupported" and rule.verified == "file-lists":
            nvidia = all(one.name.startswith("nvidia-") for one in rule.when)
            return "DUP002" if nvidia else "DUP001"
        case Constrains(project) | Requires(project) if project in _OF_PROJECT:
            return _OF_PROJECT[project]
        case Requires():
            return "RUL002"
        case _:
            return "RUL003" if rule.severity in {"unsupported", "info"} else "RUL001"


@lru_cache(maxsize=1)
def _named_rules() -> dict[str, str]:
    return {rule: code.code for code in codes().values() for rule in code.rules}
