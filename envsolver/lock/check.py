"""What must hold inside a lock, whoever wrote it: the solver, or a hand that resolved a merge conflict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.lock.filenames import is_file_of
from envsolver.lock.model import DEFAULT_INDEX, DIRECT_INDEX
from envsolver.lock.reach import Reached, reached
from envsolver.model.candidate import CONDA_PREFIX, is_conda
from envsolver.model.target import KNOWN_PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from envsolver.lock.knowledge import LockedBound, LockedRule
    from envsolver.lock.model import Lock, LockedBuild, LockedFile, LockedPackage
    from envsolver.model.candidate import CondaFacts, Name

__all__ = ["Defect", "KeyPath", "defects", "summary"]

KeyPath = tuple["str | int", ...]
"""Keys and positions from the top of the file down to a value: ``("package", 3, "file", 0, "sha256")``."""

Defect = tuple[KeyPath, str]
"""Where, and what is wrong."""

_NAME = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*|conda:[a-z0-9_][a-z0-9_.-]*)")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_URL = re.compile(r"[^\s\x00-\x1f\x7f]+")
_GROUP = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 735
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^\x00]*")
_FOLDER = re.compile(r"/[^:\s\x00]*")
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_PINNED = re.compile(rf"{_NAME.pattern}=={_VERSION.pattern}")
_TREE = re.compile(r"sha256:[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_SUBDIR = re.compile(r"[a-z0-9]+(?:-[a-z0-9_]+)?")
_CONDA_FILE = re.compile(r"[A-Za-z0-9_][^/\\\s]*-[^/\\\s-]+-[^/\\\s-]+(?:\.conda|\.tar\.bz2)")
_PRINTED = re.compile(r"[\x20-\x7e]+")
_VIRTUAL = re.compile(rf"__{_PRINTED.pattern}")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_FILENAME = re.compile(r"[A-Za-z0-9_][ !#$%&'()+,\-.0-9;=@A-Z\[\]^_`a-z{}~]*")  # what every file system takes
_PATH = re.compile(r"/(?!/)[\x21-\x7e]*")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_RULE = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def summary(lock: Lock) -> dict[tuple[Name, str], Reached]:
    """Return for each (name, version) what the package's ``extras`` and ``groups`` must say, over all targets.

    A package that nothing reaches has no entry.

    Raises:
        KeyError: something requires a package that the lock has not.
    """
    extras: dict[tuple[Name, str], set[str]] = {}
    groups: dict[tuple[Name, str], set[str]] = {}
    for target in lock.targets:
        packages = lock.packages_on(target.name)
        for name, facts in reached(lock, target.name).items():
            key = (name, packages[name].version)
            extras.setdefault(key, set()).update(facts.extras)
            groups.setdefault(key, set()).update(facts.groups)
    return {key: Reached(extras=tuple(sorted(extras[key])), groups=tuple(sorted(groups[key]))) for key in groups}


def defects(lock: Lock) -> Iterator[Defect]:
    """Yield what is wrong with a lock: its values one by one, then, if those are fine, what refers to what."""
    for stage in (_value_defects, _identity_defects, _filename_defects, _dangling_defects, _summary_defects):
        found = False
        for defect in stage(lock):
            found = True
            yield defect
        if found:
            return


# --- Values ---------------------------------------------------------------------------------------------------------


def _value_defects(lock: Lock) -> Iterator[Defect]:
    yield from _target_defects(lock)
    yield from _root_defects(lock)
    yield from _repeated(("rule",), [rule.id for rule in lock.rules])
    for at, rule in enumerate(lock.rules):
        for path, message in _rule_defects(lock, rule):
            yield ("rule", at, *path), message
    for at, bound in enumerate(lock.bounds):
        for path, message in _bound_defects(lock, bound):
            yield ("bound", at, *path), message
    yield from _tree_defects(lock)
    yield from _repeated(("build",), [f"{build.source} {build.platform}" for build in lock.builds])
    for key, built in (("build", True), ("closure", False)):
        for at, build in enumerate(one for one in lock.builds if one.is_built is built):
            for path, message in _build_defects(lock, build):
                yield (key, at, *path), message
    for at, package in enumerate(lock.packages):
        for path, message in _package_defects(lock, package):
            yield ("package", at, *path), message


def _tree_defects(lock: Lock) -> Iterator[Defect]:
    targets = [target.name for target in lock.targets]
    ways = [f"{tree.target} {' '.join(sorted(tree.groups))} {tree.bytecode}" for tree in lock.trees]
    yield from _repeated(("tree",), ways)
    for at, tree in enumerate(lock.trees):
        yield from _foreign(("tree", at, "target"), [tree.target], targets, "target of the lock")
        yield from _foreign(("tree", at, "groups"), tree.groups, lock.groups, "group of the lock")
        yield from _shape(("tree", at, "digest"), tree.digest, _TREE, "sha256: and 64 hex digits")


def _target_defects(lock: Lock) -> Iterator[Defect]:
    if not lock.targets:
        yield ("target",), "a lock needs at least one target"
    yield from _repeated(("target",), [target.name for target in lock.targets])
    for at, target in enumerate(lock.targets):
        yield from _foreign(("target", at, "platform"), [target.platform], KNOWN_PLATFORMS, "known platform")
        exclusive = {group for members in lock.exclusive for group in members}
        yield from _foreign(("target", at, "choice"), target.choice, exclusive, "exclusive group")
    for at, group in enumerate(lock.groups):
        yield from _shape(("groups", at), group, _GROUP, "the name of a group")
    for members in lock.exclusive:
        yield from _foreign(("exclusive",), members, lock.groups, "group of the lock")
    yield from _repeated(("index",), [index.alias for index in lock.indexes])
    for at, index in enumerate(lock.indexes):
        if index.alias == DIRECT_INDEX:
            yield ("index", at, "alias"), f"{DIRECT_INDEX!r} stands for direct references"
        yield from _shape(("index", at, "url"), index.url, _URL, "a URL")


def _root_defects(lock: Lock) -> Iterator[Defect]:
    targets = [target.name for target in lock.targets]
    for at, root in enumerate(lock.roots):
        yield from _shape(("requirements", at, "name"), root.name, _NAME, "a canonical project name")
        yield from _foreign(("requirements", at, "group"), [root.group], ["", *lock.groups], "group of the lock")
        yield from _foreign(("requirements", at, "targets"), root.targets, targets, "target of the lock")


def _rule_defects(lock: Lock, rule: LockedRule) -> Iterator[Defect]:
    every = tuple(target.name for target in lock.targets)
    yield from _shape(("id",), rule.id, _RULE, "the id of a rule")
    if rule.until is not None:
        yield from _shape(("until",), rule.until, _DAY, "a date")
    if rule.ignored is not None and rule.effects:
        yield ("effects",), "an ignored rule has none"
    for at, effect in enumerate(rule.effects):
        yield from _shape(("effects", at, "package"), effect.package, _NAME, "a canonical project name")
        yield from _foreign(("effects", at, "targets"), effect.targets, every, "target of the lock")


def _bound_defects(lock: Lock, bound: LockedBound) -> Iterator[Defect]:
    yield from _shape(("package",), bound.package, _NAME, "a canonical project name")
    yield from _shape(("requirer",), bound.requirer, _NAME, "a canonical project name")
    yield from _shape(("version",), bound.version, _VERSION, "a version")
    yield from _foreign(("targets",), bound.targets, [target.name for target in lock.targets], "target of the lock")
    times = {"uploaded": bound.uploaded, "released": bound.released}
    for key, value in {"below": bound.below, **times}.items():
        if (value is None) is not bound.gave_way:
            yield (key,), "is missing" if value is None else "a bound that gave way has none"
        elif value is not None:
            pattern, what = (_INSTANT, "an instant in UTC") if key in times else (_VERSION, "a version")
            yield from _shape((key,), value, pattern, what)


def _build_defects(lock: Lock, build: LockedBuild) -> Iterator[Defect]:
    yield from _shape(("name",), build.name, _NAME, "a canonical project name")
    yield from _shape(("version",), build.version, _VERSION, "a version")
    yield from _foreign(("platform",), [build.platform], lock.platforms, "platform of the lock")
    yield from _shape(("source",), build.source, _SHA256, "64 hex digits")
    if build.is_built:
        yield from _shape(("sha256",), build.sha256, _SHA256, "64 hex digits")
        if not is_file_of(build.wheel, build.name, build.version) or not build.wheel.endswith(".whl"):
            yield ("wheel",), f"is not a wheel of {build.name} {build.version}"
    for key, values, pattern, what in (
        ("environment", build.environment, _VARIABLE, "NAME=value"),
        ("path", build.path, _FOLDER, "an absolute path"),
        ("needs", build.needs, _PROGRAM, "the name of a program"),
        ("beside", build.beside, _PINNED, "a package and its version"),
    ):
        for at, value in enumerate(values):
            yield from _shape((key, at), value, pattern, what)
    yield from _repeated(("file",), [one.name for one in build.files])
    for at, one in enumerate(build.files):
        yield from _shape(("file", at, "package"), one.name, _NAME, "a canonical project name")
        yield from _shape(("file", at, "version"), one.version, _VERSION, "a version")
        for path, message in (*_source_defects(lock, one.file), *_artefact_defects(one.file)):
            yield ("file", at, *path), message


def _package_defects(lock: Lock, package: LockedPackage) -> Iterator[Defect]:
    every = tuple(target.name for target in lock.targets)
    yield from _shape(("name",), package.name, _NAME, "a canonical project name")
    yield from _shape(("version",), package.version, _VERSION, "a version")
    yield from _foreign(("targets",), package.targets, every, "target of the lock")
    yield from _foreign(("groups",), package.groups, lock.groups, "group of the lock")
    mine = package.targets or every
    for at, edge in enumerate(package.dependencies):
        yield from _shape(("dependencies", at, "name"), edge.name, _NAME, "a canonical project name")
        yield from _foreign(("dependencies", at, "targets"), edge.targets, mine, "target of the package")
    served: list[str] = []
    for at, file in enumerate(package.files):
        served += file.targets or mine
        yield from _foreign(("file", at, "targets"), file.targets, mine, "target of the package")
        for path, message in (*_source_defects(lock, file), *_artefact_defects(file)):
            yield ("file", at, *path), message
    for target in mine:
        if served.count(target) != 1:
            yield ("file",), f"{served.count(target) or 'no'} files for target {target!r}, where one is needed"


def _source_defects(lock: Lock, file: LockedFile) -> Iterator[Defect]:
    if file.index not in {DEFAULT_INDEX, DIRECT_INDEX} and lock.index_url(file.index) is None:
        yield ("index",), f"{file.index!r} is no index of the lock"
    if (file.index == DIRECT_INDEX) != (file.url is not None):
        yield ("url",), f"a file has a URL exactly if its index is {DIRECT_INDEX!r}"
    if file.url is not None:
        yield from _shape(("url",), file.url, _URL, "a URL")
    if file.commit is not None:
        yield from _shape(("commit",), file.commit, _COMMIT, "a full commit id")
        if file.url is None:
            yield ("commit",), "needs the URL of its repository"


def _artefact_defects(file: LockedFile) -> Iterator[Defect]:
    if file.commit is None or file.filename:
        # The builder joins the name to a folder: nothing that could leave it may pass.
        yield from _shape(("name",), file.filename, _FILENAME, "a plain file name")
    if file.sha256 is not None:
        yield from _shape(("sha256",), file.sha256, _SHA256, "a sha256 in lower-case hexadecimal")
    elif file.commit is None and (file.md5 is None or file.subdir is None):
        yield ("sha256",), "is missing"
    if file.md5 is not None:
        yield from _shape(("md5",), file.md5, _MD5, "an md5 in lower-case hexadecimal")
    if file.subdir is not None:
        yield from _shape(("subdir",), file.subdir, _SUBDIR, "a part of a channel")
    if file.conda is not None:
        yield from _record_defects(file.conda)
    if file.size is not None and file.size < 0:
        yield ("size",), f"{file.size} bytes cannot be"
    if file.path is not None:
        # Two slashes at its beginning would name another host when it is joined to an index (RFC 3986, 4.2).
        yield from _shape(("path",), file.path, _PATH, "the path of a URL")
    if file.uploaded is not None:
        yield from _shape(("uploaded",), file.uploaded, _INSTANT, "an instant in UTC")


def _record_defects(facts: CondaFacts) -> Iterator[Defect]:
    for at, text in enumerate(facts.virtual):
        yield from _shape(("virtual", at), text, _VIRTUAL, "a match spec of a virtual package")
    for key, values in (("constrains", facts.constrains), ("features", facts.features)):
        for at, text in enumerate(values):
            yield from _shape((key, at), text, _PRINTED, "printable text")
    if facts.number is not None and facts.number < 0:
        yield ("build-number",), "is counted from 0"


def _shape(path: KeyPath, value: str, pattern: re.Pattern[str], what: str) -> Iterator[Defect]:
    if not pattern.fullmatch(value):
        yield path, f"{value!r} is not {what}"


def _foreign(path: KeyPath, values: Collection[str], known: Collection[str], what: str) -> Iterator[Defect]:
    return ((path, f"{value!r} is no {what}") for value in values if value not in known)


def _repeated(path: KeyPath, values: Sequence[str]) -> Iterator[Defect]:
    return (((*path, at), f"{value!r} stands twice") for at, value in enumerate(values) if value in values[:at])


# --- References -----------------------------------------------------------------------------------------------------


def _identity_defects(lock: Lock) -> Iterator[Defect]:
    versions: set[tuple[Name, str]] = set()
    names: set[tuple[Name, str]] = set()
    for at, package in enumerate(lock.packages):
        if (package.name, package.version) in versions:
            yield ("package", at, "version"), f"{package.name} {package.version} stands twice"
            continue
        versions.add((package.name, package.version))
        for target in package.targets or [target.name for target in lock.targets]:
            if (package.name, target) in names:
                yield ("package", at, "targets"), f"{package.name} has two versions on {target}"
            names.add((package.name, target))


def _filename_defects(lock: Lock) -> Iterator[Defect]:
    """Yield the files that have the name of another version: what is installed is the file, whatever stands above."""
    for at, package in enumerate(lock.packages):
        for place, file in enumerate(package.files):
            # The URL of a direct reference may end in anything, but for a wheel's, whose tags an installer reads.
            if (file.kind == "conda") is not is_conda(package.name):
                yield ("package", at, "file", place, "subdir"), "a package of conda has one, and nothing else has"
                continue
            if file.kind == "conda":
                start = f"{package.name.removeprefix(CONDA_PREFIX)}-{package.version}-"
                if not _CONDA_FILE.fullmatch(file.filename) or not file.filename.startswith(start):
                    path = ("package", at, "file", place, "name")
                    yield path, f"{file.filename!r} is no file of {package.name} {package.version}"
                continue
            named = file.index != DIRECT_INDEX or file.filename.endswith(".whl")
            if named and not is_file_of(file.filename, package.name, package.version):
                path = ("package", at, "file", place, "name")
                yield path, f"{file.filename!r} is no file of {package.name} {package.version}"


def _dangling_defects(lock: Lock) -> Iterator[Defect]:
    every = tuple(target.name for target in lock.targets)
    for at, root in enumerate(lock.roots):
        for target in root.targets or every:
            if root.name not in lock.packages_on(target):
                yield ("requirements", at), f"{root.name!r} is not locked for {target}"
    for at, package in enumerate(lock.packages):
        for place, edge in enumerate(package.dependencies):
            for target in edge.targets or package.targets or every:
                if edge.name not in lock.packages_on(target):
                    path = ("package", at, "dependencies", place)
                    yield path, f"{package.name} needs {edge.name!r}, which is not locked for {target}"
    yield from _dangling_bounds(lock)
    yield from _dangling_rules(lock)


def _dangling_bounds(lock: Lock) -> Iterator[Defect]:
    every = tuple(target.name for target in lock.targets)
    for at, bound in enumerate(lock.bounds):
        for packages, target in ((lock.packages_on(name), name) for name in bound.targets or every):
            if bound.package not in packages:
                yield ("bound", at, "package"), f"{bound.package!r} is not locked for {target}"
            requirer = packages.get(bound.requirer)
            if requirer is None or requirer.version != bound.version:
                yield ("bound", at, "requirer"), f"{bound.requirer} {bound.version} is not locked for {target}"


def _dangling_rules(lock: Lock) -> Iterator[Defect]:
    every = tuple(target.name for target in lock.targets)
    for at, rule in enumerate(lock.rules):
        for place, effect in enumerate(rule.effects):
            for target in effect.targets or every:
                if effect.package not in lock.packages_on(target):
                    yield ("rule", at, "effects", place), f"{effect.package!r} is not locked for {target}"
    known = {rule.id for rule in lock.rules}
    for at, package in enumerate(lock.packages):
        for place, edge in enumerate(package.dependencies):
            if edge.rule is not None and edge.rule not in known:
                yield ("package", at, "dependencies", place), f"there is no rule {edge.rule!r} in the lock"


def _summary_defects(lock: Lock) -> Iterator[Defect]:
    graph = summary(lock)
    for at, package in enumerate(lock.packages):
        facts = graph.get((package.name, package.version))
        if facts is None:
            yield ("package", at), f"nothing requires {package.name} {package.version}"
            continue
        if facts.groups != package.groups:
            yield ("package", at, "groups"), f"is {list(package.groups)}, but the graph says {list(facts.groups)}"
        if facts.extras != package.extras:
            yield ("package", at, "extras"), f"is {list(package.extras)}, but the graph says {list(facts.extras)}"
