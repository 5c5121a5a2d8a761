"""Names of packages that somebody may have meant: those that the project, its locks and the shipped knowledge speak of.

They depend on nothing that a run happens to read, so that the same mistake is answered alike every time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.app.files import read_text
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import EnvsolverError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.app.project import Project
    from envsolver.model.candidate import Name

__all__ = ["known_packages"]

_LOCKED = re.compile(r'^\[\[package\]\]\nname = "([a-z0-9-]+)"$', re.MULTILINE)


def known_packages(project: Project) -> frozenset[Name]:
    """Return the names of all packages in the specs and locks of a project, and in the shipped knowledge.

    What cannot be read is left out: this is about the mistake of another file.
    """
    return frozenset((*_in_specs(project), *_in_locks(project), *_in_knowledge()))


def _in_specs(project: Project) -> Iterator[Name]:
    from envsolver.spec.checks import project_name

    for head in project.heads():
        try:
            spec = project.spec(project.find(head.name), validate=False)
        except EnvsolverError:
            continue
        for written in (*spec.requirements, *spec.constraints, *spec.overrides):
            name = project_name(written.text)
            if name is not None:
                yield normalize_name(name)
        for index in spec.indexes:
            yield from (normalize_name(name) for name in index.packages if not name.endswith("*"))


def _in_locks(project: Project) -> Iterator[Name]:
    for path in sorted(project.lock_path("x").parent.glob("*.lock.toml")):
        try:
            text = read_text(path) or ""
        except EnvsolverError:
            continue
        yield from map(normalize_name, _LOCKED.findall(text))


def _in_knowledge() -> Iterator[Name]:
    from envsolver.knowledge.bounds import exemptions
    from envsolver.knowledge.rules import Finding, Unusable, load_rulebook

    yield from map(normalize_name, exemptions())
    for rule in load_rulebook().rules:
        yield from (condition.name for condition in rule.when)
        yield from (effect.project for effect in rule.effects if not isinstance(effect, Finding | Unusable))
