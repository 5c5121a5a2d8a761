"""Every key of a spec, once: what it takes, what it means, and what ``extends`` does with it.

Loader, JSON Schema and reference are derived from this table. Every upper-case name is for use elsewhere, as
``fields.NAME``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from envsolver.model.candidate import normalize_name
from envsolver.model.spec import Backend, Status
from envsolver.model.target import KNOWN_PLATFORMS, LATEST_PATCH
from envsolver.spec import checks
from envsolver.spec.kinds import Choice, Field, ListOf, Record, Table, Text
from envsolver.spec.values import Complaint, Merge

if TYPE_CHECKING:
    from envsolver.spec.values import Located, Part

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_BASE_NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_PYTHON_PATTERN = rf"(?:{'|'.join(map(re.escape, LATEST_PATCH))})(?:\.\d+)?"
_GROUP_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_RULE_PATTERN = r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*"

_PLATFORM_SYNONYMS = {
    "linux": "linux-64",
    "linux-x86_64": "linux-64",
    "linux_x86_64": "linux-64",
    "x86_64-unknown-linux-gnu": "linux-64",
    "linux-arm64": "linux-aarch64",
    "linux_aarch64": "linux-aarch64",
    "aarch64-unknown-linux-gnu": "linux-aarch64",
    "macos": "osx-arm64",
    "macos-arm64": "osx-arm64",
    "darwin": "osx-arm64",
    "aarch64-apple-darwin": "osx-arm64",
    "macos-x86_64": "osx-64",
    "x86_64-apple-darwin": "osx-64",
    "windows": "win-64",
    "win32": "win-64",
    "win_amd64": "win-64",
    "x86_64-pc-windows-msvc": "win-64",
    "manylinux": "linux-64",
}


def _line(expected: str, pattern: str | None = None, **more: Any) -> Text:
    return Text(expected, pattern=pattern, **more)


_PLATFORM = Choice("a platform", tuple(KNOWN_PLATFORMS), _PLATFORM_SYNONYMS)
_PROJECT = _line("the name of a package", _GROUP_PATTERN, normalise=normalize_name)
_GROUP_NAME = _line("the name of a group", _GROUP_PATTERN, normalise=normalize_name)
_MODULE = _line("the name of a module", r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_SPEC_NAME = _line("the name of a spec, without '.yaml'", _BASE_NAME_PATTERN)
_PROSE = Text("a text", lines=True)

# Requirements

REQUIREMENT: Field[Located[str]] = Field(
    "requirement",
    Text("a requirement", check=checks.requirement, validate=checks.requirement_syntax),
    "A requirement as PEP 508 has it: a name, extras, versions, a marker, or `name @ URL`.",
    required=True,
    example="torch==1.13.1",
)
_CONSTRAINT: Field[Located[str]] = Field(
    "requirement",
    Text("a constraint", check=checks.requirement, validate=checks.constraint),
    "A name and versions, perhaps with a marker.",
    required=True,
    example="numpy<2",
)
REASON: Field[Located[str]] = Field("reason", _PROSE, "Why it stands there. Shown by `why` and `show`.")


def _requirements(item: Field[Located[str]], expected: str) -> ListOf[Part]:
    return ListOf(Record((item, REASON), f"{item.kind.expected} or a mapping", shorthand=item), expected)


_REQUIREMENTS = _requirements(REQUIREMENT, "a list of requirements")
_FROM = ListOf(
    _line(
        "pyproject.toml, pyproject.toml[EXTRA] or pyproject.toml:GROUP",
        r"[^\[\]:\s]+\.toml(?:\[[A-Za-z0-9._, -]+\]|:[A-Za-z0-9._-]+)?",
    ),
    "a list of places such as pyproject.toml[EXTRA]",
    or_one=True,
    at_least=1,
)
_FROM_DOC = (
    "A project whose requirements belong to the environment and stay live: `pyproject.toml` (its dependencies, PEP"
    " 621), `pyproject.toml[train,eval]` (with those extras) or `pyproject.toml:dev` (a dependency group, PEP 735). The"
    " path is relative to the project. They come after those under `pip`."
)

# System

OS: Field[Located[str]] = Field(
    "os",
    _line("an operating system", r"[A-Za-z][A-Za-z0-9._-]*"),
    "The distribution of the nodes, for readers and tables.",
    example="ubuntu20.04",
)
GLIBC: Field[Located[str]] = Field(
    "glibc",
    _line("a version of glibc such as 2.31", r"2\.\d+", numeric=True),
    "Lowest glibc of the nodes: decides which manylinux wheels fit (PEP 600). Left out: 2.28.",
    example='"2.31"',
)
MACOS: Field[Located[str]] = Field(
    "macos",
    _line("a version of macOS such as 13.0", r"\d+(?:\.\d+)?", numeric=True),
    "Lowest macOS of the machines. Left out: 11.0 on osx-arm64, 10.13 on osx-64.",
    example='"13.0"',
)
_PLATFORM_SYSTEM = Record((OS, GLIBC, MACOS), "a mapping with os, glibc or macos")
PLATFORM_SYSTEMS: dict[str, Field[Part]] = {
    platform: Field(platform, _PLATFORM_SYSTEM, f"What differs on {platform}.", merge=Merge.DEEP)
    for platform in KNOWN_PLATFORMS
}

# GPU


def _architecture(text: str) -> Complaint | None:
    match = re.fullmatch(r"(?:sm_?|compute_?)?(\d{1,2}?)(\d)", text, re.IGNORECASE)
    if match:
        return Complaint(f"expected a compute capability such as 8.0, found {text!r}", f"write {match[1]}.{match[2]}")
    return None


BACKEND: Field[Located[str]] = Field(
    "backend",
    Choice("a backend", get_args(Backend), {"nvidia": "cuda", "amd": "rocm", "hip": "rocm", "none": "cpu"}),
    "What the stack computes on. May be left out where `cuda` or `rocm` is given.",
    example="cuda",
)
CUDA: Field[Located[str]] = Field(
    "cuda",
    _line("a CUDA version such as 11.7", r"\d+\.\d+", numeric=True),
    "The CUDA toolkit that the stack is built for.",
    example='"11.7"',
)
ROCM: Field[Located[str]] = Field(
    "rocm",
    _line("a ROCm version such as 6.4", r"\d+\.\d+(?:\.\d+)?", numeric=True),
    "The ROCm release that the stack is built for.",
    example='"6.4"',
)
DRIVER: Field[Located[str]] = Field(
    "driver",
    _line("a driver version such as 515.43.04", r"\d+\.\d+(?:\.\d+)?", numeric=True),
    "Lowest driver of the nodes.",
    example="515.43.04",
)
ARCHITECTURES: Field[Located[tuple[Located[str], ...]]] = Field(
    "architectures",
    ListOf(
        _line(
            "a compute capability such as 8.0, or an AMD target such as gfx90a",
            r"\d{1,2}\.\d[a-f]?|gfx[0-9a-f]{3,5}",
            check=_architecture,
            numeric=True,
        ),
        "a list of compute capabilities",
        at_least=1,
    ),
    "The GPUs of the nodes: compute capabilities (CUDA) or gfx targets (ROCm).",
    example='["7.0", "8.0"]',
)
ALLOW_PACKAGE: Field[Located[str]] = Field("package", _PROJECT, "The package.", required=True)
ALLOW_CUDA: Field[Located[str]] = Field(
    "cuda", _line("a CUDA version such as 11.6", r"\d+\.\d+", numeric=True), "What it is built for.", required=True
)
ALLOW_REASON: Field[Located[str]] = Field("reason", _PROSE, "Why that is good enough.", required=True)
ALLOW: Field[Located[tuple[Part, ...]]] = Field(
    "allow",
    ListOf(
        Record((ALLOW_PACKAGE, ALLOW_CUDA, ALLOW_REASON), "a mapping with package, cuda and reason"),
        "a list of exceptions",
    ),
    "Packages that may be built for another CUDA than the stack.",
    merge=Merge.ADD,
)

# Indexes

URL: Field[Located[str]] = Field(
    "url",
    _line("a URL", check=checks.index_url),
    "Base URL of a simple-API index, address of a find-links page, or a folder of wheels inside the project. Required,"
    " here or in a base.",
    example="https://download.pytorch.org/whl/cu116",
)
PACKAGES: Field[Located[tuple[Located[str], ...]]] = Field(
    "packages",
    ListOf(
        _line(
            "the name of a package or a pattern such as nvidia-*",
            r"[A-Za-z0-9][A-Za-z0-9._-]*\*?",
            normalise=checks.normalise_package_pattern,
        ),
        "a list of packages",
    ),
    "Packages bound to this index: they come from no other. An index without any is asked for packages that are"
    " bound to none.",
    merge=Merge.ADD,
    example="[torch, torchvision]",
)
FROZEN: Field[Located[str]] = Field(
    "frozen",
    _line("a path such as indexes/pytorch-cu116.json", check=checks.relative_path),
    "A file, relative to the folder of the specs, that serves in place of the network (`envsolver index freeze`).",
    example="indexes/pytorch-cu116.json",
)
KIND: Field[Located[str]] = Field(
    "kind",
    Choice("a kind of index", ("simple", "find-links"), {"flat": "find-links", "html": "find-links"}),
    "`simple` (PEP 503, PEP 691; also what is meant when it is left out) or `find-links`: one flat page of links.",
)
INDEX_PLATFORMS: Field[Located[tuple[Located[str], ...]]] = Field(
    "platforms", ListOf(_PLATFORM, "a list of platforms", at_least=1), "Platforms on which it counts. Left out: all."
)

# Groups

GROUP_REQUIREMENTS: Field[Located[tuple[Part, ...]]] = Field(
    "requirements", _REQUIREMENTS, "As under `pip`.", merge=Merge.ADD, also=("pip", "dependencies")
)
GROUP_DESCRIPTION: Field[Located[str]] = Field("description", _PROSE, "What it is for.", merge=Merge.NEAREST)
BUILD_NOTES: Field[Located[str]] = Field(
    "build-notes", _PROSE, "What it takes to build its source archives.", merge=Merge.NEAREST
)
GROUP_FROM: Field[Located[tuple[Located[str], ...]]] = Field("from", _FROM, "As at the top.", merge=Merge.INTO_PIP)
_IMPORTS = ListOf(_MODULE, "a list of modules")
GROUP_IMPORTS: Field[Located[tuple[Located[str], ...]]] = Field(
    "imports", _IMPORTS, "Modules that must be importable where the group is installed.", merge=Merge.ADD
)

# Implied bounds and rules


def _horizon(text: str) -> Complaint | None:
    bare = re.fullmatch(r"(\d+) *(?:days?)?", text)
    if bare and int(bare[1]):
        return Complaint(f"expected a horizon such as 180d, found {text!r}", f"write {int(bare[1])}d")
    return None


_HORIZON = _line(
    "off, or days such as 180d",
    r"off|false|[1-9]\d{0,4}d",
    check=_horizon,
    normalise=lambda text: "off" if text == "false" else text,
    falsy=True,
)
HORIZON: Field[Located[str]] = Field(
    "horizon",
    _HORIZON,
    "For all packages: `off`, or so many days. Left out: 90d.",
    example="180d",
)
HORIZONS: Field[Located[dict[str, Located[str]]]] = Field(
    "packages",
    Table(_PROJECT, _HORIZON, "a mapping from packages to horizons", same_key=Merge.AGREE),
    "For requirements on single packages.",
    merge=Merge.DEEP,
    example='{numpy: "off", torch: 180d}',
)


def _rule_id(text: str) -> Complaint | None:
    upper = re.sub(r"[\s_]", "-", text).upper()
    if upper != text and re.fullmatch(_RULE_PATTERN, upper):
        return Complaint(f"expected the id of a rule, found {text!r}", f"write {upper}")
    return None


RULE_ID: Field[Located[str]] = Field(
    "id", _line("the id of a rule such as TORCH-NUMPY2", _RULE_PATTERN, check=_rule_id), "The rule.", required=True
)
RULE_REASON: Field[Located[str]] = Field(
    "reason", _PROSE, "Why it does not hold here. The lock records it.", required=True
)
UNTIL: Field[Located[str]] = Field(
    "until",
    _line("a date such as 2027-03-01", r"\d{4}-\d\d-\d\d", check=checks.day),
    "From this day on `lock`, when it solves, asks whether the reason is still good. The rule stays ignored.",
)
IGNORE: Field[Located[tuple[Part, ...]]] = Field(
    "ignore",
    ListOf(Record((RULE_ID, RULE_REASON, UNTIL), "a mapping with id and reason"), "a list of rules to ignore"),
    "Rules that do not hold for this environment.",
    merge=Merge.ADD,
    also=("disable", "off", "skip"),
)

# Notes

SUBJECT: Field[Located[str]] = Field("subject", Text("a text"), "What it is about.", required=True)
TEXT: Field[Located[str]] = Field("text", _PROSE, "What there is to know.", required=True)

# The spec itself

NAME: Field[Located[str]] = Field(
    "name",
    _SPEC_NAME,
    "The environment's name: letters, digits, `.`, `-`, `_`. It is the file's name without `.yaml`, and may be left"
    " out. A file whose name begins with `_` is a base for others and no environment itself.",
    merge=Merge.OWN,
    example="acpt-1.13-py38",
)
EXTENDS: Field[Located[tuple[Located[str], ...]]] = Field(
    "extends",
    ListOf(_SPEC_NAME, "the name of a spec or a list of names", or_one=True, at_least=1),
    "Specs that this one builds upon. What they say holds here too; see `replace`.",
    merge=Merge.OWN,
    also=("base", "inherits", "parent"),
    example="_acpt",
)
REPLACE: Field[Located[tuple[Located[str], ...]]] = Field(
    "replace",
    ListOf(_line("a package or a key", r"[A-Za-z_][A-Za-z0-9._-]*|[0-9][A-Za-z0-9._-]*"), "a list", at_least=1),
    "What is not taken over from the bases: a package (`numpy`: their requirements, constraints and overrides on it), a"
    " key (`python`, `gpu`) or a part of one (`gpu.driver`, `indexes.pytorch`, `groups.dev`, `pip.numpy`).",
    merge=Merge.OWN,
    example="[numpy, gpu.driver]",
)
ALIASES: Field[Located[tuple[Located[str], ...]]] = Field(
    "aliases",
    ListOf(_line("a name", NAME_PATTERN), "a list of names"),
    "Other names by which commands know it.",
    merge=Merge.OWN,
    also=("alias",),
)
TITLE: Field[Located[str]] = Field("title", Text("a text"), "One line for lists.", merge=Merge.OWN)
DESCRIPTION: Field[Located[str]] = Field("description", _PROSE, "Some sentences for readers.", merge=Merge.OWN)
STATUS: Field[Located[str]] = Field(
    "status",
    Choice("a status", get_args(Status), {"active": "supported", "stable": "supported", "beta": "preview"}),
    "`supported` (also when left out), `preview`, `deprecated` or `removed`.",
    merge=Merge.OWN,
)
PYTHON: Field[Located[str]] = Field(
    "python",
    Text("a Python version", check=checks.python_version, numeric=True, pattern=_PYTHON_PATTERN),
    "`3.9` means the last release of that series, which the lock records; `3.9.18` exactly that. Quotes are not needed"
    " here, though other YAML tools take `3.10` for a number.",
    also=("python_version", "requires-python", "python-version"),
    example='"3.9"',
)
PLATFORMS: Field[Located[tuple[Located[str], ...]]] = Field(
    "platforms",
    ListOf(_PLATFORM, "a list of platforms", at_least=1),
    "Platforms that the lock covers. Later ones prefer the versions of the first.",
    also=("platform", "targets"),
    example="[linux-64, osx-arm64]",
)
SYSTEM: Field[Part] = Field(
    "system",
    Record((OS, GLIBC, MACOS, *PLATFORM_SYSTEMS.values()), "a mapping with os, glibc, macos or platforms"),
    "The operating system of the nodes, for all platforms and, under a platform's name, where one differs.",
    merge=Merge.DEEP,
)
GPU: Field[Part] = Field(
    "gpu",
    Record(
        (BACKEND, CUDA, ROCM, DRIVER, ARCHITECTURES, ALLOW),
        "a mapping with backend, cuda or rocm, driver, architectures",
    ),
    "What the nodes compute on.",
    merge=Merge.DEEP,
    also=("cuda", "accelerator"),
)
INDEXES: Field[Located[dict[str, Part]]] = Field(
    "indexes",
    Table(
        _line("an alias", r"[a-z0-9][a-z0-9._-]*", check=checks.index_alias),
        Record((URL, PACKAGES, FROZEN, KIND, INDEX_PLATFORMS), "a mapping with url and packages"),
        "a mapping from aliases to indexes",
    ),
    "Indexes beside the one that the user's pip or uv configuration names. A package comes from the index that it is"
    " bound to, else from the first that knows it; never from a mixture.",
    merge=Merge.DEEP,
    also=("index", "sources", "index-url", "extra-index-url", "find-links"),
)
PIP: Field[Located[tuple[Part, ...]]] = Field(
    "pip",
    _REQUIREMENTS,
    "What the environment is for. The order counts: each is locked as new as those before it allow.",
    merge=Merge.ADD,
    also=("requirements", "dependencies", "packages", "install"),
    example="[torch==1.13.1, pytorch-lightning]",
)
FROM: Field[Located[tuple[Located[str], ...]]] = Field(
    "from", _FROM, _FROM_DOC, merge=Merge.INTO_PIP, example="pyproject.toml[train]"
)
CONSTRAINTS: Field[Located[tuple[Part, ...]]] = Field(
    "constraints",
    _requirements(_CONSTRAINT, "a list of constraints"),
    "Narrow a package if something requires it; they bring nothing in.",
    merge=Merge.ADD,
)
OVERRIDES: Field[Located[tuple[Part, ...]]] = Field(
    "overrides",
    _requirements(REQUIREMENT, "a list of overrides"),
    "Take the place of what packages (not the spec) require of a project.",
    merge=Merge.ADD,
)
GROUPS: Field[Located[dict[str, Part]]] = Field(
    "groups",
    Table(
        _GROUP_NAME,
        Record(
            (GROUP_REQUIREMENTS, GROUP_DESCRIPTION, BUILD_NOTES, GROUP_FROM, GROUP_IMPORTS),
            "a list of requirements or a mapping",
            shorthand=GROUP_REQUIREMENTS,
        ),
        "a mapping from names to requirements",
    ),
    "Requirements that can be left out when installing. All groups are locked in one solution with the rest, unless"
    " `exclusive` says otherwise.",
    merge=Merge.DEEP,
    also=("extras", "dependency-groups", "optional-dependencies"),
)
EXCLUSIVE: Field[Located[tuple[Located[tuple[Located[str], ...]], ...]]] = Field(
    "exclusive",
    ListOf(ListOf(_GROUP_NAME, "a list of groups", at_least=2), "a list of lists of groups"),
    "Groups that exclude each other; they are locked apart.",
    merge=Merge.ADD,
    also=("conflicts",),
    example="[[cpu, gpu]]",
)
AS_OF: Field[Located[str]] = Field(
    "as-of",
    _line("a date or an instant", check=checks.as_of, normalise=checks.normalise_as_of),
    "Files uploaded at or after this moment do not exist: a date means the start of that day, UTC; an instant is"
    " written as RFC 3339 has it.",
    also=("exclude-newer", "snapshot"),
    example="2023-03-09",
)
BASE_IMAGE: Field[Located[str]] = Field(
    "base-image",
    _line("the name of an image", r"\S+"),
    "The container image that the environment stands on.",
    merge=Merge.NEAREST,
    also=("image", "docker", "container"),
)
IMPLIED_BOUNDS: Field[Part] = Field(
    "implied-bounds",
    Record((HORIZON, HORIZONS), "off, a horizon such as 180d, or a mapping", shorthand=HORIZON),
    "How much newer than a package the releases may be that it requires without saying up to which version. What the"
    " spec itself requires is never bounded.",
    merge=Merge.DEEP,
    also=("upper-bounds", "bounds", "horizon"),
    example="180d",
)
RULES: Field[Part] = Field(
    "rules",
    Record((IGNORE,), "a mapping with ignore"),
    "What is known of packages beyond what they declare: the rules that envsolver ships, and those of the project in"
    " `rules/*.toml` beside `specs/`.",
    merge=Merge.DEEP,
)
IMPORTS: Field[Located[tuple[Located[str], ...]]] = Field(
    "imports", _IMPORTS, "Modules that must be importable in the built environment.", merge=Merge.ADD
)
NOTES: Field[Located[tuple[Part, ...]]] = Field(
    "notes",
    ListOf(Record((SUBJECT, TEXT), "a mapping with subject and text"), "a list of notes"),
    "What a reader must know and no requirement can say. `show` prints them.",
    merge=Merge.ADD,
)
LABELS: Field[Located[dict[str, Located[str]]]] = Field(
    "labels",
    Table(
        _line("a label", r"[A-Za-z0-9][A-Za-z0-9._-]*"), Text("a text", numeric=True), "a mapping from labels to texts"
    ),
    "Free words for tables and reports. A child's stands in place of the base's of the same name.",
    merge=Merge.DEEP,
    also=("tags", "metadata"),
)

_LATER = "this version of envsolver locks Python packages only"
SPEC = Record(
    (
        NAME,
        EXTENDS,
        REPLACE,
        ALIASES,
        TITLE,
        DESCRIPTION,
        STATUS,
        PYTHON,
        PLATFORMS,
        SYSTEM,
        GPU,
        INDEXES,
        PIP,
        FROM,
        CONSTRAINTS,
        OVERRIDES,
        GROUPS,
        EXCLUSIVE,
        AS_OF,
        IMPLIED_BOUNDS,
        RULES,
        BASE_IMAGE,
        IMPORTS,
        NOTES,
        LABELS,
    ),
    "a mapping with name, python, platforms and pip",
    reserved={
        "conda": _LATER,
        "channels": _LATER,
        "build": "say under a group's 'build-notes' what its source archives need",
    },
)
