"""The keys of a spec that stand below others: of a requirement, under ``system``, ``gpu``, ``indexes`` and so on.

Every upper-case name is for use elsewhere, as ``subfields.NAME``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from envsolver.model.spec import Backend
from envsolver.model.target import KNOWN_PLATFORMS
from envsolver.spec import checks, conda, words
from envsolver.spec.kinds import Choice, Field, Flag, ListOf, Record, Table, Text
from envsolver.spec.values import Complaint, Merge

if TYPE_CHECKING:
    from envsolver.spec.values import Located, Part

# Requirements

REQUIREMENT: Field[Located[str]] = Field(
    "requirement",
    Text("a requirement", check=checks.requirement, validate=checks.requirement_syntax),
    "A requirement as PEP 508 has it: a name, extras, versions, a marker, or `name @ URL`.",
    required=True,
    example="torch==1.13.1",
)
CONSTRAINT: Field[Located[str]] = Field(
    "requirement",
    Text("a constraint", check=checks.requirement, validate=checks.constraint),
    "A name and versions, perhaps with a marker.",
    required=True,
    example="numpy<2",
)
REASON: Field[Located[str]] = Field("reason", words.PROSE, "Why it stands there. Shown by `why` and `show`.")


UNTIL_LOOKED_AT: Field[Located[str]] = Field(
    "until",
    words.line("a date such as 2027-03-01", r"\d{4}-\d\d-\d\d", check=checks.day),
    "From this day on `check` asks whether it is still wanted. It stays in force.",
)
ADVISORY: Field[Located[str]] = Field(
    "advisory",
    words.line("the id of an advisory such as CVE-2024-5480", words.ADVISORY_PATTERN),
    "The advisory that it is there for, under any of its ids.",
    example="CVE-2024-5480",
)


def requirements(item: Field[Located[str]], expected: str, *more: Field[Any]) -> ListOf[Part]:
    """Return the kind of a list whose items are texts, or mappings with a reason, and more, beside the text."""
    return ListOf(Record((item, REASON, *more), f"{item.kind.expected} or a mapping", shorthand=item), expected)


CONDA_REQUIREMENT: Field[Located[str]] = Field(
    "requirement",
    Text("a match spec of conda", check=conda.match_spec, validate=conda.match_spec_syntax),
    "A match spec: `NAME`, `NAME=1.12`, `NAME=1.12.1=BUILD`, `NAME>=1.0,<2`, `CHANNEL::NAME`.",
    required=True,
    example="pytorch=1.12.1=*cuda11.6*",
)
CONDA_PLATFORMS: Field[Located[tuple[Located[str], ...]]] = Field(
    "platforms",
    ListOf(words.PLATFORM, "a list of platforms", at_least=1),
    "Platforms on which it is asked for. Left out: all.",
    also=("platform",),
    example="[linux-64]",
)
CONDA_REQUIREMENTS = requirements(CONDA_REQUIREMENT, "a list of match specs", CONDA_PLATFORMS)

CHANNEL: Field[Located[str]] = Field(
    "name",
    words.line("the name or URL of a channel", check=conda.channel),
    "Its name, or its URL.",
    required=True,
    also=("channel", "url"),
    example="conda-forge",
)
FROZEN_CHANNEL: Field[Located[str]] = Field(
    "frozen",
    words.line("a path such as channels/conda-forge", check=checks.relative_path),
    "A folder, relative to that of the specs, with repodata that serves in place of the network (`envsolver channel"
    " freeze`).",
    example="channels/conda-forge",
)

REQUIREMENTS = requirements(REQUIREMENT, "a list of requirements")
PROJECTS = ListOf(
    words.line(
        "pyproject.toml, pyproject.toml[EXTRA] or pyproject.toml:GROUP",
        r"[^\[\]:\s]+\.toml(?:\[[A-Za-z0-9._, -]+\]|:[A-Za-z0-9._-]+)?",
    ),
    "a list of places such as pyproject.toml[EXTRA]",
    or_one=True,
    at_least=1,
)
FROM_DOC = (
    "A project whose requirements belong to the environment and stay live: `pyproject.toml` (its dependencies, PEP"
    " 621), `pyproject.toml[train,eval]` (with those extras) or `pyproject.toml:dev` (a dependency group, PEP 735). The"
    " path is relative to the project. They come after those under `pip`."
)

# Support


def _support(key: str, text: str) -> Field[Located[str]]:
    return Field(key, words.line("a date such as 2027-03-01", r"\d{4}-\d\d-\d\d", check=checks.day), text)


SUPPORTED = _support("supported", "Supported from this day on; a preview before.")
DEPRECATED = _support("deprecated", "Deprecated from this day on: not in `list`, usable with a warning.")
REMOVED = _support("removed", "Removed from this day on: what its lock needs may be gone.")

# Bases

BASE: Field[Located[str]] = Field("name", words.SPEC_NAME, "Of the spec.", required=True, example="acpt-1.12-py39")
FROZEN_BASE: Field[Located[bool]] = Field(
    "frozen",
    Flag(),
    "The versions in the base's lock stay: what this spec adds is solved around them, and a conflict names both sides."
    " Left out or false: they are a starting point.",
)

# System

OS: Field[Located[str]] = Field(
    "os",
    words.line("an operating system", r"[A-Za-z][A-Za-z0-9._-]*"),
    "The distribution of the nodes, for readers and tables.",
    example="ubuntu20.04",
)
GLIBC: Field[Located[str]] = Field(
    "glibc",
    words.line("a version of glibc such as 2.31", r"2\.\d+", numeric=True),
    "Lowest glibc of the nodes: decides which manylinux wheels fit (PEP 600). Left out: 2.28.",
    example='"2.31"',
)
MACOS: Field[Located[str]] = Field(
    "macos",
    words.line("a version of macOS such as 13.0", r"\d+(?:\.\d+)?", numeric=True),
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
    words.line("a CUDA version such as 11.7", r"\d+\.\d+", numeric=True),
    "The CUDA toolkit that the stack is built for.",
    example='"11.7"',
)
ROCM: Field[Located[str]] = Field(
    "rocm",
    words.line("a ROCm version such as 6.4", r"\d+\.\d+(?:\.\d+)?", numeric=True),
    "The ROCm release that the stack is built for.",
    example='"6.4"',
)
DRIVER: Field[Located[str]] = Field(
    "driver",
    words.line("a driver version such as 515.43.04", r"\d+\.\d+(?:\.\d+)?", numeric=True),
    "Lowest driver of the nodes.",
    example="515.43.04",
)
ARCHITECTURES: Field[Located[tuple[Located[str], ...]]] = Field(
    "architectures",
    ListOf(
        words.line(
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
ALLOW_PACKAGE: Field[Located[str]] = Field("package", words.PROJECT, "The package.", required=True)
ALLOW_CUDA: Field[Located[str]] = Field(
    "cuda", words.line("a CUDA version such as 11.6", r"\d+\.\d+", numeric=True), "What it is built for.", required=True
)
ALLOW_REASON: Field[Located[str]] = Field("reason", words.PROSE, "Why that is good enough.", required=True)
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
    words.line("a URL", check=checks.index_url),
    "Base URL of a simple-API index, address of a find-links page, or a folder of wheels inside the project. Required,"
    " here or in a base.",
    example="https://download.pytorch.org/whl/cu116",
)
PACKAGES: Field[Located[tuple[Located[str], ...]]] = Field(
    "packages",
    ListOf(
        words.line(
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
    words.line("a path such as indexes/pytorch-cu116.json", check=checks.relative_path),
    "A file, relative to the folder of the specs, that serves in place of the network (`envsolver index freeze`).",
    example="indexes/pytorch-cu116.json",
)
KIND: Field[Located[str]] = Field(
    "kind",
    Choice("a kind of index", ("simple", "find-links"), {"flat": "find-links", "html": "find-links"}),
    "`simple` (PEP 503, PEP 691; also what is meant when it is left out) or `find-links`: one flat page of links.",
)
INDEX_PLATFORMS: Field[Located[tuple[Located[str], ...]]] = Field(
    "platforms",
    ListOf(words.PLATFORM, "a list of platforms", at_least=1),
    "Platforms on which it counts. Left out: all.",
)

# Groups

GROUP_REQUIREMENTS: Field[Located[tuple[Part, ...]]] = Field(
    "requirements", REQUIREMENTS, "As under `pip`.", merge=Merge.ADD, also=("pip", "dependencies")
)
GROUP_DESCRIPTION: Field[Located[str]] = Field("description", words.PROSE, "What it is for.", merge=Merge.NEAREST)
BUILD_NOTES: Field[Located[str]] = Field(
    "build-notes", words.PROSE, "What it takes to build its source archives.", merge=Merge.NEAREST
)
GROUP_FROM: Field[Located[tuple[Located[str], ...]]] = Field("from", PROJECTS, "As at the top.", merge=Merge.INTO_PIP)
MODULES = ListOf(words.MODULE, "a list of modules")
GROUP_IMPORTS: Field[Located[tuple[Located[str], ...]]] = Field(
    "imports", MODULES, "Modules that must be importable where the group is installed.", merge=Merge.ADD
)

# Builds

BUILD_REQUIRES: Field[Located[tuple[Part, ...]]] = Field(
    "requires",
    REQUIREMENTS,
    "What its build needs beside what the archive itself says.",
    merge=Merge.ADD,
    example="[cloudpickle, setuptools<70]",
)
BUILD_BESIDE: Field[Located[tuple[Located[str], ...]]] = Field(
    "beside",
    ListOf(words.PROJECT, "a list of packages"),
    "Packages of the environment that must be there when it is built, in the versions that are locked.",
    merge=Merge.ADD,
    example="[torch]",
)
BUILD_ENVIRONMENT: Field[Located[dict[str, Located[str]]]] = Field(
    "environment",
    Table(
        words.line("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*"),
        Text("a text", numeric=True),
        "a mapping from variables to texts",
    ),
    "Environment variables of its build. `{env}` stands for the folder of the build environment.",
    merge=Merge.DEEP,
    example="{HOROVOD_WITH_PYTORCH: 1}",
)
BUILD_PATH: Field[Located[tuple[Located[str], ...]]] = Field(
    "path",
    ListOf(words.line("an absolute path", r"/[^:\s]*"), "a list of folders"),
    "Folders in which its build looks for tools, before `/usr/bin` and `/bin`; nothing else is on its PATH.",
    merge=Merge.ADD,
    example="[/usr/local/cuda-11.7/bin]",
)
BUILD_TOOLS: Field[Located[tuple[Located[str], ...]]] = Field(
    "tools",
    ListOf(words.line("the name of a program", r"[A-Za-z0-9][A-Za-z0-9._+-]*"), "a list of programs"),
    "Programs that must be there. An `nvcc` must be of the CUDA major version under `gpu`, if one stands there.",
    merge=Merge.ADD,
    example="[nvcc, g++-11]",
)

# Implied bounds and rules


def _horizon(text: str) -> Complaint | None:
    bare = re.fullmatch(r"(\d+) *(?:days?)?", text)
    if bare and int(bare[1]):
        return Complaint(f"expected a horizon such as 180d, found {text!r}", f"write {int(bare[1])}d")
    return None


_HORIZON = words.line(
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
    Table(words.PROJECT, _HORIZON, "a mapping from packages to horizons", same_key=Merge.AGREE),
    "For requirements on single packages.",
    merge=Merge.DEEP,
    example='{numpy: "off", torch: 180d}',
)


def _rule_id(text: str) -> Complaint | None:
    upper = re.sub(r"[\s_]", "-", text).upper()
    if upper != text and re.fullmatch(words.RULE_PATTERN, upper):
        return Complaint(f"expected the id of a rule, found {text!r}", f"write {upper}")
    return None


RULE_ID: Field[Located[str]] = Field(
    "id",
    words.line("the id of a rule such as TORCH-NUMPY2", words.RULE_PATTERN, check=_rule_id),
    "The rule.",
    required=True,
)
RULE_REASON: Field[Located[str]] = Field(
    "reason", words.PROSE, "Why it does not hold here. The lock records it.", required=True
)
UNTIL: Field[Located[str]] = Field(
    "until",
    words.line("a date such as 2027-03-01", r"\d{4}-\d\d-\d\d", check=checks.day),
    "From this day on `check`, and `lock` when it solves, ask whether the reason is still good. It stays ignored.",
)
IGNORE: Field[Located[tuple[Part, ...]]] = Field(
    "ignore",
    ListOf(
        Record((RULE_ID, RULE_REASON, UNTIL, ADVISORY), "a mapping with id and reason"), "a list of rules to ignore"
    ),
    "Rules that do not hold for this environment.",
    merge=Merge.ADD,
    also=("disable", "off", "skip"),
)

# Advisories

ACCEPT_REASON: Field[Located[str]] = Field(
    "reason", words.PROSE, "Why it can be lived with here. Shown by `audit`.", required=True
)
ACCEPT_UNTIL: Field[Located[str]] = Field(
    "until",
    words.line("a date such as 2027-03-01", r"\d{4}-\d\d-\d\d", check=checks.day),
    "From this day on `audit` reports it again.",
)
ACCEPTED: Field[Located[dict[str, Part]]] = Field(
    "ignore",
    Table(
        words.line("the id of an advisory such as GHSA-47fc-vmwq-366v or CVE-2022-45907", words.ADVISORY_PATTERN),
        Record((ACCEPT_REASON, ACCEPT_UNTIL), "a mapping with reason and until"),
        "a mapping from ids of advisories to reasons",
    ),
    "Advisories that are accepted for this environment, by id or alias.",
    merge=Merge.DEEP,
    also=("accept", "allow"),
)

# Notes

SUBJECT: Field[Located[str]] = Field("subject", Text("a text"), "What it is about.", required=True)
TEXT: Field[Located[str]] = Field("text", words.PROSE, "What there is to know.", required=True)
