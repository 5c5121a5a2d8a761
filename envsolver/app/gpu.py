"""What the lock of an environment expects of a GPU node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.checking import book_of, subjects_in
from envsolver.app.lockfile import read_lock, read_lock_text
from envsolver.build.interpreter import machine_platform
from envsolver.model.candidate import is_conda
from envsolver.model.spec import BASE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.app.project import Environment, Project
    from envsolver.findings.subject import Subject
    from envsolver.gpu.model import Expectations
    from envsolver.knowledge.rules import RuleBook
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.spec import Spec

__all__ = ["expectations", "expectations_of"]


def expectations(
    project: Project, environment: Environment, *, platform: str | None = None, groups: Iterable[str] = ()
) -> Expectations:
    """Return what the lock of an environment expects of a node.

    Args:
        project: of the environment.
        environment: whose lock it is.
        platform: of the lock; None for that of this machine, or else the first that the lock has.
        groups: that are installed beside the base.

    Raises:
        FileError: there is no lock.
        LockError: it makes no sense.
        SpecError: the spec cannot be used.
        UsageError: the lock has no such platform or group.
    """
    lock = read_lock(project, environment)
    spec = project.spec(environment, validate=False)
    text = read_lock_text(project, environment) or ""
    subjects = subjects_in(project, environment, spec, text)
    return _expected(lock, spec, subjects, book_of(project, spec), platform, tuple(groups))


def expectations_of(
    lock: Lock, spec: Spec | None = None, *, platform: str | None = None, groups: Iterable[str] = ()
) -> Expectations:
    """Return what a lock expects of a node, by the shipped rules.

    Args:
        lock: of any project.
        spec: that it was made from: what it says of the nodes, and its import checks. None: neither is known.
        platform: of the lock; None for that of this machine, or else the first that the lock has.
        groups: that are installed beside the base.

    Raises:
        UsageError: the lock has no such platform or group.
    """
    from envsolver.findings.subject import subjects_of
    from envsolver.knowledge.rules import load_rulebook
    from envsolver.lock.writer import dumps

    gpu, image = (spec.gpu, spec.base_image) if spec is not None else (None, None)
    path = f"locks/{lock.name}.lock.toml"
    subjects = subjects_of(lock, path=path, text=dumps(lock), roots={}, gpu=gpu, base_image=image)
    return _expected(lock, spec, subjects, load_rulebook(), platform, tuple(groups))


def _expected(
    lock: Lock,
    spec: Spec | None,
    subjects: Sequence[Subject],
    book: RuleBook,
    platform: str | None,
    groups: tuple[str, ...],
) -> Expectations:
    from envsolver.findings.judge import judge
    from envsolver.gpu.expect import Known, expect
    from envsolver.knowledge.version import knowledge_version

    target = lock.target(platform or _platform(lock), groups)
    subject = next(one for one in subjects if one.label == target.name)
    findings = judge([subject], book, knowledge=knowledge_version())
    known = Known(
        variants=subject.variants,
        imports=_imports(spec, groups) if spec is not None else (),
        broken={one.rule: one.message for one in findings if one.rule is not None},
        gpu=spec.gpu if spec is not None else None,
        conda=_conda(subject),
    )
    return expect(lock, target, groups, known)


def _platform(lock: Lock) -> str:
    machine = machine_platform()
    return machine if machine in lock.platforms else lock.platforms[0]


def _imports(spec: Spec, groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.module for one in spec.imports if one.group in {BASE_GROUP, *groups}))


def _conda(subject: Subject) -> dict[Name, str]:
    """Return the projects that packages of conda provide, with their versions."""
    endings = (".conda", ".tar.bz2")
    return {
        name: part.version
        for name, part in subject.parts.items()
        if part.filename.endswith(endings) and not is_conda(name)
    }
