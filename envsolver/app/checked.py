"""What was found about a lock, remembered until something changes: so that a second ``check`` reads digests only.

As with stamps (:mod:`envsolver.app.stamps`), the bytes of all files that were looked at decide. An answer that is
missing or damaged is found out anew.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver import __version__
from envsolver.app.exceptions import exceptions
from envsolver.app.stamps import SPECS, stamped_files
from envsolver.knowledge.names import names_version
from envsolver.knowledge.version import knowledge_version
from envsolver.sources.cache import Cache, default_cache_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.app.project import Environment, Project
    from envsolver.findings.model import Finding
    from envsolver.model.spec import Spec

__all__ = ["Seen", "recall"]

_BUCKET = "findings-3"


class Seen:
    """The files of an environment as they were before it was judged."""

    def __init__(self, project: Project, environment: Environment, spec: Spec, today: str) -> None:
        self._project = project
        self._environment = environment
        self._files = _files(project, environment, spec)
        self._content = stamped_files(project.root, self._files)
        # An exception whose day comes is a finding, though no file changes.
        self._until = min((one.until for one in exceptions(spec) if one.until > today), default=None)

    def keep(self, findings: Sequence[Finding], packages: int) -> None:
        """Remember what was found about an up-to-date lock, if nothing has changed since its files were read."""
        from envsolver.findings.render import as_data

        root = self._project.root
        if self._environment.path.parent != root / SPECS or self._content is None:
            return
        # The bytes are read before and after: an answer must not stand beside bytes that it was not made from.
        if stamped_files(root, self._files) != self._content:
            return
        entry = {
            "by": _judge(),
            "files": self._content,
            "packages": packages,
            "until": self._until,
            "findings": [as_data(finding) for finding in findings],
        }
        _cache().put(_BUCKET, _key(self._project, self._environment), json.dumps(entry).encode())


def recall(project: Project, environment: Environment) -> tuple[tuple[Finding, ...], int] | None:
    """Return what was found about a lock, and how many packages it has; None if something has changed since."""
    from envsolver.findings.render import from_data

    data = _cache().get(_BUCKET, _key(project, environment))
    if data is None:
        return None
    try:
        entry = json.loads(data)
        files = [line.split(" ", 1)[1] for line in entry["files"].splitlines()]
        if entry["by"] != _judge() or stamped_files(project.root, files) != entry["files"]:
            return None
        if entry["until"] is not None and entry["until"] <= datetime.now(UTC).date().isoformat():
            return None
        return tuple(from_data(one, environment.name) for one in entry["findings"]), entry["packages"]
    except (ValueError, KeyError, TypeError, IndexError):  # of another layout
        return None


def _files(project: Project, environment: Environment, spec: Spec) -> list[str]:
    from envsolver.app.freshness import spec_files
    from envsolver.app.rulefiles import rule_files

    return [
        *spec_files(project, spec),
        *map(project.relative, rule_files(project)),
        project.relative(project.lock_path(environment.name)),
        project.relative(project.requirements_path(environment.name)),
    ]


def _judge() -> str:
    from envsolver.app.filelists import generation

    return f"{__version__} {knowledge_version()} {names_version()} {generation()}"


def _key(project: Project, environment: Environment) -> str:
    return f"{project.root}\0{environment.name}"


def _cache() -> Cache:
    return Cache(default_cache_root(os.environ, Path.home()))
