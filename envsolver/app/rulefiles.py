"""The project's own rules: ``rules/*.toml`` beside ``specs/``."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envsolver.app.stamps import RULES
from envsolver.model.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Project
    from envsolver.knowledge.rules import RuleBook
    from envsolver.model.spec import Spec

__all__ = ["load_rules", "rule_digests", "rule_files", "rule_texts"]


def rule_files(project: Project) -> tuple[Path, ...]:
    """Return the rule files of a project, sorted by name; none if it has no folder for them."""
    folder = project.root / RULES
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith(".")))


def rule_digests(project: Project) -> dict[str, str]:
    """Return the sha256 of each rule file by its path in the project. Line ends do not count.

    Raises:
        FileError: one cannot be read.
    """
    return {project.relative(path): hashlib.sha256(_read(project, path)).hexdigest() for path in rule_files(project)}


def rule_texts(project: Project) -> tuple[tuple[str, str], ...]:
    """Return ``(path, text)`` of each rule file.

    Raises:
        FileError: one cannot be read, or is not UTF-8.
    """
    texts = []
    for path in rule_files(project):
        data = _read(project, path)
        try:
            texts.append((project.relative(path), data.decode("utf-8")))
        except UnicodeDecodeError as error:
            raise FileError(f"{project.relative(path)} is not UTF-8 (byte {error.start})") from error
    return tuple(texts)


def load_rules(project: Project, spec: Spec) -> RuleBook:
    """Return the rules that hold for an environment: the shipped ones and the project's own.

    Raises:
        SpecError: a rule file of the project is wrong, or the spec ignores a rule that does not exist.
        FileError: a rule file cannot be read.
    """
    from envsolver.knowledge.rules import load_rulebook

    return load_rulebook(
        rule_texts(project),
        {ignored.id: ignored.reason for ignored in spec.ignored_rules},
        origins={ignored.id: ignored.origin for ignored in spec.ignored_rules},
    )


def _read(project: Project, path: Path) -> bytes:
    try:
        return path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{project.relative(path)} cannot be read: {reason}") from error
