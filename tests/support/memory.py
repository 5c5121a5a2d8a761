"""A source of candidates that holds everything in memory, for tests of the solver."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import Version

from envsolver.model.candidate import File, Metadata, Page, Release, Shape, normalize_name
from envsolver.model.errors import MetadataUnusableError, UnknownPackageError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.model.target import Target, full_python_version
from envsolver.solve.problem import Problem

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.model.candidate import Name


@dataclass
class MemorySource:
    """Projects by name; each version has one file unless more are given."""

    files: dict[Name, dict[str, list[File]]] = field(default_factory=dict)
    declared: dict[str, Metadata | None] = field(default_factory=dict)
    delays: random.Random | None = None
    asked: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        name: str,
        version: str,
        requires: Sequence[str] = (),
        *,
        tags: str = "py3-none-any",
        sdist: bool = False,
        requires_python: str | None = None,
        metadata_python: str | None = None,
        yanked: str | None = None,
        uploaded: int | None = None,
        unusable: bool = False,
        build: str = "",
        index: str = "default",
    ) -> None:
        """Add one file."""
        stem = f"{name.replace('-', '_')}-{version}{build}"
        filename = f"{stem}.tar.gz" if sdist else f"{stem}-{tags}.whl"
        file = File(
            name=normalize_name(name),
            version=version,
            kind="sdist" if sdist else "wheel",
            filename=filename,
            index=index,
            url=f"https://files.invalid/{filename}",
            sha256="0" * 64,
            requires_python=requires_python,
            yanked=yanked,
            uploaded=uploaded,
        )
        self.files.setdefault(file.name, {}).setdefault(version, []).append(file)
        self.declared[filename] = (
            None
            if unusable
            else Metadata(
                requires_dist=tuple(requires),
                source="wheel",
                requires_python=metadata_python,
                provides_extra=tuple(sorted(set(re.findall(r"extra == '([^']+)'", " ".join(requires))))),
            )
        )

    async def _wait(self) -> None:
        if self.delays is not None:
            for _ in range(self.delays.randrange(6)):
                await asyncio.sleep(0)

    async def page(self, name: Name) -> Page:
        self.asked[name] += 1
        await self._wait()
        if name not in self.files:
            raise UnknownPackageError(name, indexes=["default"])
        versions = sorted(self.files[name], key=Version)
        shapes = sorted({_shape(f) for files in self.files[name].values() for f in files}, key=repr)
        files = {version: tuple(sorted(self.files[name][version], key=lambda f: f.filename)) for version in versions}
        return Page(
            name=name,
            index="default",
            shapes=tuple(shapes),
            releases=tuple(
                Release(
                    version,
                    tuple(sorted({shapes.index(_shape(file)) for file in files[version]})),
                    min((f.uploaded for f in files[version] if f.uploaded is not None), default=None),
                )
                for version in versions
            ),
            load_files=files.__getitem__,
        )

    async def metadata(self, file: File) -> Metadata:
        self.asked[file.filename] += 1
        await self._wait()
        declared = self.declared[file.filename]
        if declared is None:
            raise MetadataUnusableError(file.filename, "METADATA is not readable")
        return declared

    async def digest(self, file: File) -> tuple[str, int]:
        raise NotImplementedError(file)

    async def direct(self, name: Name, url: str) -> Page:
        raise NotImplementedError(name, url)

    def hint(self, name: Name) -> None: ...

    def hint_metadata(self, file: File) -> None: ...


def _shape(file: File) -> Shape:
    return Shape(file.kind, file.tags, file.requires_python or "", file.yanked is not None)


def requirements(
    texts: Iterable[str], *, path: str = "specs/x.yaml", first_line: int = 5
) -> tuple[SpecRequirement, ...]:
    """Requirements as a spec would hold them, one a line."""
    return tuple(
        SpecRequirement(text=text, origin=Origin(path, line)) for line, text in enumerate(texts, start=first_line)
    )


def problem(
    *texts: str,
    python: str = "3.9",
    platform: str = "linux-64",
    constraints: Iterable[str] = (),
    overrides: Iterable[str] = (),
    as_of: int | None = None,
    preferences: Mapping[str, str] | None = None,
) -> Problem:
    """A problem whose requirements stand from line 5 on in specs/x.yaml, constraints from 50, overrides from 70."""
    return Problem(
        target=Target(platform=platform, python=full_python_version(python), glibc="2.31"),
        requirements=requirements(texts),
        constraints=requirements(constraints, first_line=50),
        overrides=requirements(overrides, first_line=70),
        as_of=as_of,
        preferences={normalize_name(name): version for name, version in (preferences or {}).items()},
    )
