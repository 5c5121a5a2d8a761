"""Environments for findings, as the examples of the codes have them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.app.foreign import Circumstances, foreign_subject
from envsolver.findings.judge import judge
from envsolver.formats.foreign import ForeignPackage
from envsolver.formats.requirements_reader import loads
from envsolver.knowledge.rules import load_rulebook
from envsolver.knowledge.version import knowledge_version
from envsolver.model.candidate import normalize_name
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuAllow

if TYPE_CHECKING:
    from envsolver.findings.codes import Example
    from envsolver.findings.model import Finding
    from envsolver.findings.subject import Subject

__all__ = ["judged", "subject", "subject_of"]


def subject(*pins: str, conda: tuple[str, ...] = (), python: str = "3.10", **facts: str) -> Subject:
    """Return an environment of pins (``name==version``) and packages of conda (``name=version=build``)."""
    arch = facts.pop("arch", None)
    circumstances = Circumstances(python=python, architectures=(arch,) if arch else (), **facts)
    target = circumstances.target()
    lock = loads("\n".join(pins), "requirements.txt", target)
    packages = [
        ForeignPackage(name=normalize_name(name), version=version, manager="conda", build_string=build, hashed=True)
        for name, version, build in (package.split("=") for package in conda)
    ]
    return foreign_subject(
        replace(lock, packages=(*lock.packages, *packages)), "requirements.txt", target, circumstances
    )


def subject_of(example: Example) -> Subject:
    """Return the environment that an example of a code describes."""
    found = subject(
        *example.pins,
        conda=example.conda,
        **dict(example.options),
        **({"base_image": example.base_image} if example.base_image else {}),
    )
    if example.allow and found.gpu is not None:
        allow = tuple(
            GpuAllow(package=package, cuda=cuda, reason=reason, origin=Origin("specs/x.yaml", 3))
            for package, cuda, reason in example.allow
        )
        found = replace(found, gpu=replace(found.gpu, allow=allow))
    if example.asked:
        roots = [replace(root, text=text) for root, text in zip(found.roots, example.asked, strict=True)]
        found = replace(found, roots=tuple(roots))
    if example.files:
        # Files of two projects differ, whatever their path.
        lists = {
            name: {path: (len(name) + 100, zlib.crc32(f"{name}/{path}".encode())) for path in paths}
            for name, paths in example.files.items()
        }
        found = replace(found, file_lists=lists, digests={normalize_name(name): name for name in example.files})
    return found


def judged(found: Subject, *, knowledge: str | None = None) -> tuple[Finding, ...]:
    """Return what the shipped rules and all detectors find."""
    return judge([found], load_rulebook(), knowledge=knowledge or knowledge_version())
