"""A project on disk: its environments by name, alias or path, and where their files lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import EnvsolverError, UnknownEnvironmentError, UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.spec import Spec, SpecHead

__all__ = ["Environment", "Project", "catalogue", "complete_names", "locate_environment", "open_project", "projects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment of a project, before its spec has been read.

    Attributes:
        name: by which its lock is called: that of the spec file without suffix.
        path: of the spec file, absolute.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with ``specs/``.

    Attributes:
        root: absolute.
        shipped: whether it is the catalogue that envsolver ships, reached from elsewhere: nothing is written there.
    """

    root: Path
    shipped: bool = False

    def find(self, reference: str) -> Environment:
        """Return the environment with this name or alias, or whose spec file this is.

        Raises:
            UnknownEnvironmentError: there is none; the hint names the nearest.
            UsageError: the file is no spec of this project.
            SpecError: two specs claim the name or alias.
        """
        from envsolver.spec.catalogue import find_spec

        try:
            path = find_spec(self.root, reference)
        except UnknownEnvironmentError as error:
            if error.hint is None or "did you mean" not in error.hint:
                error.hint = self._shipped_hint(reference) or error.hint
            raise
        return Environment(name=path.stem, path=path)

    def all(self) -> tuple[Environment, ...]:
        """Return all environments, sorted by name."""
        from envsolver.spec.catalogue import environment_names

        return tuple(self.find(name) for name in environment_names(self.root))

    def select(self, references: Sequence[str], *, every: bool) -> tuple[Environment, ...]:
        """Return the environments named, each once, in the order given; or all but those that :meth:`left_out` names.

        Raises:
            UsageError: nothing or both was asked for, or there are none.
            UnknownEnvironmentError: one is unknown.
        """
        if every and references:
            raise UsageError("--all and names exclude each other")
        if not every and not references:
            raise UsageError("no environment is named", hint=f"name {self._some()}, or use --all")
        if references:
            found = [self.find(reference) for reference in references]
            return tuple({environment.name: environment for environment in found}.values())
        everything = self.all()
        if not everything:
            raise UsageError("the project has no environments", hint="write a spec into specs/")
        left_out = self.left_out()
        if len(left_out) == len(everything):
            raise UsageError("every environment of the project is deprecated or removed", hint="name those you mean")
        return tuple(environment for environment in everything if environment.name not in left_out)

    def left_out(self) -> tuple[str, ...]:
        """Return the environments that "all" does not mean, sorted: deprecated and removed ones are locked by name.

        What they need may be gone from the indexes, and their locks are to stay as they are.
        """
        return tuple(head.name for head in self.heads() if head.status in {"deprecated", "removed"})

    def heads(self) -> tuple[SpecHead, ...]:
        """Return what lists show of each environment, sorted by name."""
        from envsolver.spec.catalogue import spec_heads

        return spec_heads(self.root)

    def spec(self, environment: Environment, *, validate: bool = True) -> Spec:
        """Load the spec of an environment.

        Args:
            environment: whose spec it is.
            validate: parse the requirements; not needed to see whether anything has changed.

        Raises:
            SpecError: it cannot be used; all problems are named.
            FileError: it cannot be read.
        """
        from envsolver.spec.load import load_spec

        return load_spec(environment.path, self.root, validate=validate)

    def lock_path(self, name: str) -> Path:
        """Return where the lock of an environment lies."""
        return self.root / "locks" / f"{name}.lock.toml"

    def requirements_path(self, name: str) -> Path:
        """Return where the requirements file beside the lock lies."""
        return self.root / "locks" / f"{name}.requirements.txt"

    def relative(self, path: Path) -> str:
        """Return a path as messages have it: relative to the project, with ``/``."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return str(path)

    def frozen_reference(self, path: Path) -> str | None:
        """Return how a spec refers to a record (``frozen:``): relative to its folder; None if it lies outside of it."""
        specs = (self.root / "specs").resolve()
        found = path.resolve()
        return found.relative_to(specs).as_posix() if found.is_relative_to(specs) else None

    def _shipped_hint(self, reference: str) -> str | None:
        """Say what to do with an environment that is not the project's, but envsolver's own."""
        shipped = None if self.shipped else catalogue()
        try:
            found = shipped.find(reference) if shipped is not None else None
        except EnvsolverError:
            return None
        if found is None:
            return None
        return f"envsolver ships {found.name}; for one of your own, write a spec with `extends: {found.name}`"

    def _some(self) -> str:
        from envsolver.spec.catalogue import environment_names

        names = environment_names(self.root)
        if len(names) > 6:
            return f"one of {', '.join(names[:6])} and {len(names) - 6} more"
        return listed(names, "or") if names else "an environment"


def open_project(folder: Path | None, wanted: Sequence[str] = ()) -> Project:
    """Return the project in a folder, or the nearest from the current folder upwards.

    Args:
        folder: of the project; None: the nearest from the current folder upwards.
        wanted: names of environments that it is opened for: where there is no project, one that envsolver ships may
            be meant.

    Raises:
        UsageError: there is none; the hint says how to start one.
    """
    from envsolver.spec.catalogue import SPECS_FOLDER, find_project

    if folder is None:
        try:
            return Project(root=find_project(Path.cwd()))
        except UsageError as missing:
            missing.hint = _to_start(wanted) or missing.hint
            raise
    root = folder.resolve()
    if not root.is_dir():
        raise UsageError(f"--project: there is no folder {folder}")
    if not (root / SPECS_FOLDER).is_dir():
        hint = f"`envsolver init NAME --project {folder}` makes one of it"
        raise UsageError(f"{folder} is no project: it has no folder {SPECS_FOLDER}/", hint=hint)
    return Project(root=root)


def _to_start(wanted: Sequence[str]) -> str | None:
    """Say how to start a project, with what envsolver ships; None where it ships nothing."""
    shipped = catalogue()
    if shipped is None:
        return None
    for reference in wanted:
        try:
            name = shipped.find(reference).name
        except EnvsolverError:
            continue
        return (
            f"envsolver ships {name}, with its lock, for `envsolver build` and `envsolver export`; to lock one of your"
            f" own on top of it, run `envsolver init NAME` and write `extends: {name}` into its spec"
        )
    return (
        "run `envsolver init NAME` there, or name the project with --project DIR; `envsolver list` shows what envsolver"
        " ships, to be built as it is or to be extended"
    )


def catalogue() -> Project | None:
    """Return the environments that envsolver ships, as a project that is only read; None where they were left out."""
    from envsolver.spec.curated import curated_root

    root = curated_root()
    return None if root is None else Project(root=root, shipped=True)


def projects(folder: Path | None) -> tuple[Project | None, Project | None]:
    """Return the user's project and the catalogue of envsolver, None for what there is not; they are never the same.

    Args:
        folder: of the project; None: the nearest from the current folder upwards, or none at all.

    Raises:
        UsageError: ``folder`` is no project, or there is neither of the two.
    """
    shipped = catalogue()
    try:
        project = open_project(folder)
    except UsageError:
        if folder is not None or shipped is None:
            raise
        return None, shipped
    return project, None if shipped is not None and shipped.root == project.root else shipped


def locate_environment(folder: Path | None, reference: str) -> tuple[Project, Environment]:
    """Return an environment to be read, and the project that it is of: the user's, else the catalogue of envsolver.

    Args:
        folder: of the project; None: the nearest from the current folder upwards, or none at all.
        reference: name, alias or path.

    Raises:
        UsageError: ``folder`` is no project, or there is neither a project nor the catalogue.
        UnknownEnvironmentError: neither the project nor the catalogue has it; the hint names the nearest.
        SpecError: two specs claim the name or alias.
    """
    shipped = catalogue()
    try:
        project = open_project(folder)
    except UsageError as missing:
        if folder is not None or shipped is None:
            raise
        try:
            return shipped, shipped.find(reference)
        except UnknownEnvironmentError as unknown:
            if unknown.hint is None or not unknown.hint.startswith("did you mean"):
                unknown.hint = (
                    "here is no project (`envsolver init NAME` starts one), and envsolver ships none of this name;"
                    " `envsolver list` shows what it ships"
                )
            raise unknown from missing
    try:
        return project, project.find(reference)
    except UnknownEnvironmentError as unknown:
        if shipped is None or project.root == shipped.root:
            raise
        try:
            return shipped, shipped.find(reference)
        except EnvsolverError:
            raise unknown from None


def complete_names(folder: Path | None, incomplete: str, *, shipped: bool = False) -> list[tuple[str, str | None]]:
    """Return ``(name, title)`` of the environments that an incomplete word may become; never fails.

    Args:
        folder: of the project, or None.
        incomplete: what has been typed.
        shipped: those that envsolver ships may be meant as well.
    """
    try:
        own, other = projects(folder)
        heads = [head for one in (own, other if shipped else None) if one is not None for head in one.heads()]
    except (EnvsolverError, OSError):
        return []
    named = [(name, head.title) for head in heads for name in (head.name, *head.aliases)]
    return [(name, title) for name, title in named if name.startswith(incomplete)]
