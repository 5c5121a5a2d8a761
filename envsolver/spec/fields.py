"""Every key at the top of a spec, once: what it takes, what it means, and what ``extends`` does with it.

Loader, JSON Schema and reference are derived from this table and from that of the keys below these
(:mod:`envsolver.spec.subfields`). Every upper-case name is for use elsewhere, as ``fields.NAME``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from envsolver.model.spec import Status
from envsolver.spec import checks, conda, subfields, words
from envsolver.spec.kinds import Choice, Field, ListOf, Record, Table, Text
from envsolver.spec.values import Merge

if TYPE_CHECKING:
    from envsolver.spec.values import Located, Part

NAME: Field[Located[str]] = Field(
    "name",
    words.SPEC_NAME,
    "The environment's name: letters, digits, `.`, `-`, `_`. It is the file's name without `.yaml`, and may be left"
    " out. A file whose name begins with `_` is a base for others and no environment itself.",
    merge=Merge.OWN,
    example="acpt-1.13-py38",
)
EXTENDS: Field[Located[tuple[Part, ...]]] = Field(
    "extends",
    ListOf(
        Record((subfields.BASE, subfields.FROZEN_BASE), "the name of a spec, or a mapping", shorthand=subfields.BASE),
        "the name of a spec or a list of names",
        or_one=True,
        at_least=1,
    ),
    "Specs that this one builds upon: of this project, or shipped with envsolver. What they say holds here too; see"
    " `replace`. The versions in a base's lock are a starting point, or stay with `{name: …, frozen: true}`.",
    merge=Merge.OWN,
    also=("base", "inherits", "parent"),
    example="_acpt",
)
REPLACE: Field[Located[tuple[Located[str], ...]]] = Field(
    "replace",
    ListOf(words.line("a package or a key", r"[A-Za-z_][A-Za-z0-9._-]*|[0-9][A-Za-z0-9._-]*"), "a list", at_least=1),
    "What is not taken over from the bases: a package (`numpy`: their requirements, constraints and overrides on it), a"
    " key (`python`, `gpu`) or a part of one (`gpu.driver`, `indexes.pytorch`, `groups.dev`, `pip.numpy`).",
    merge=Merge.OWN,
    example="[numpy, gpu.driver]",
)
ALIASES: Field[Located[tuple[Located[str], ...]]] = Field(
    "aliases",
    ListOf(words.line("a name", words.NAME_PATTERN), "a list of names"),
    "Other names by which commands know it.",
    merge=Merge.OWN,
    also=("alias",),
)
TITLE: Field[Located[str]] = Field("title", Text("a text"), "One line for lists.", merge=Merge.OWN)
DESCRIPTION: Field[Located[str]] = Field("description", words.PROSE, "Some sentences for readers.", merge=Merge.OWN)
STATUS: Field[Located[str]] = Field(
    "status",
    Choice("a status", get_args(Status), {"active": "supported", "stable": "supported", "beta": "preview"}),
    "`supported` (also when left out), `preview`, `deprecated` or `removed`.",
    merge=Merge.OWN,
)
SUPPORT: Field[Part] = Field(
    "support",
    Record((subfields.SUPPORTED, subfields.DEPRECATED, subfields.REMOVED), "a mapping with dates"),
    "From when on the environment is supported, deprecated and removed. `envsolver status` shows the dates and says"
    " when `status` is behind them.",
    merge=Merge.OWN,
    example="{deprecated: 2027-03-01}",
)
PYTHON: Field[Located[str]] = Field(
    "python",
    Text("a Python version", check=checks.python_version, numeric=True, pattern=words.PYTHON_PATTERN),
    "`3.9` means the last release of that series, which the lock records; `3.9.18` exactly that. What an ended series"
    " never had is refused; of a release newer than those that envsolver knows, `lock` says so. Quotes are not needed"
    " here, though other YAML tools take `3.10` for a number.",
    also=("python_version", "requires-python", "python-version"),
    example='"3.9"',
)
PLATFORMS: Field[Located[tuple[Located[str], ...]]] = Field(
    "platforms",
    ListOf(words.PLATFORM, "a list of platforms", at_least=1),
    "Platforms that the lock covers. Later ones prefer the versions of the first.",
    also=("platform", "targets"),
    example="[linux-64, osx-arm64]",
)
SYSTEM: Field[Part] = Field(
    "system",
    Record(
        (subfields.OS, subfields.GLIBC, subfields.MACOS, *subfields.PLATFORM_SYSTEMS.values()),
        "a mapping with os, glibc, macos or platforms",
    ),
    "The operating system of the nodes, for all platforms and, under a platform's name, where one differs.",
    merge=Merge.DEEP,
)
GPU: Field[Part] = Field(
    "gpu",
    Record(
        (subfields.BACKEND, subfields.CUDA, subfields.ROCM, subfields.DRIVER, subfields.ARCHITECTURES, subfields.ALLOW),
        "a mapping with backend, cuda or rocm, driver, architectures",
    ),
    "What the nodes compute on.",
    merge=Merge.DEEP,
    also=("cuda", "accelerator"),
)
INDEXES: Field[Located[dict[str, Part]]] = Field(
    "indexes",
    Table(
        words.line("an alias", r"[a-z0-9][a-z0-9._-]*", check=checks.index_alias),
        Record(
            (subfields.URL, subfields.PACKAGES, subfields.FROZEN, subfields.KIND, subfields.INDEX_PLATFORMS),
            "a mapping with url and packages",
        ),
        "a mapping from aliases to indexes",
    ),
    "Indexes beside the one that the user's pip or uv configuration names. A package comes from the index that it is"
    " bound to, else from the first that knows it; never from a mixture.",
    merge=Merge.DEEP,
    also=("index", "sources", "index-url", "extra-index-url", "find-links"),
)
PIP: Field[Located[tuple[Part, ...]]] = Field(
    "pip",
    subfields.REQUIREMENTS,
    "What the environment is for. The order counts: each is locked as new as those before it allow.",
    merge=Merge.ADD,
    also=("requirements", "dependencies", "packages", "install"),
    example="[torch==1.13.1, pytorch-lightning]",
)
CONDA: Field[Located[tuple[Part, ...]]] = Field(
    "conda",
    subfields.CONDA_REQUIREMENTS,
    "Packages of conda, solved in one problem with those under `pip`: what one of them provides is never installed a"
    " second time as a wheel. The interpreter is then conda's, in the version under `python`.",
    merge=Merge.ADD,
    also=("conda-dependencies",),
    example='[pytorch=1.12.1, "cudatoolkit=11.6"]',
)
CHANNELS: Field[Located[tuple[Part, ...]]] = Field(
    "channels",
    ListOf(
        Record(
            (subfields.CHANNEL, subfields.FROZEN_CHANNEL),
            "the name or URL of a channel or a mapping",
            shorthand=subfields.CHANNEL,
        ),
        "a list of channels",
        at_least=1,
    ),
    "Channels of conda by name or URL, in the order of their priority.",
    merge=Merge.ADD,
    also=("channel",),
    example="[pytorch, conda-forge]",
)
CHANNEL_PRIORITY: Field[Located[str]] = Field(
    "channel-priority",
    Choice("a priority", ("strict", "flexible"), {"disabled": "flexible", "true": "strict"}),
    "`strict` (also when left out): a package comes from the first channel that has it, whatever others have."
    " `flexible`: from a later one where no version of the first will do.",
    also=("channel_priority",),
)
PREFER: Field[Located[dict[str, Located[str]]]] = Field(
    "prefer",
    Table(
        words.line(
            "the name of a project, or *",
            r"\*|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?",
            normalise=checks.normalise_package_pattern,
        ),
        Choice("conda or pip", ("conda", "pip"), {"pypi": "pip"}),
        "a mapping from projects to conda or pip",
    ),
    "Who provides a project where both could; `*` means all others. Left out: pip, unless conda's packages need it.",
    merge=Merge.DEEP,
    example="{numpy: conda}",
)
CONDA_NAMES: Field[Located[dict[str, Located[str]]]] = Field(
    "conda-names",
    Table(
        words.line("the name of a package of conda", r"[A-Za-z0-9_][A-Za-z0-9_.-]*", normalise=str.lower),
        words.line("the name of a project, or none", r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"),
        "a mapping from packages of conda to projects",
    ),
    "The project that a package of conda provides, where their names differ and envsolver does not know; `none` where"
    " it provides none though it has the name of one.",
    merge=Merge.DEEP,
    example="{pytorch-nightly-gpu: torch}",
)
CONDA_MAPPING: Field[Located[str]] = Field(
    "conda-mapping",
    words.line("a path or URL", check=conda.mapping),
    "A public mapping of names, for what envsolver itself does not know: of parselmouth (package → projects) or of"
    " grayskull (project → `conda_name`), JSON or YAML, as a path beside the spec or a URL. `conda-names` goes before"
    " it.",
    example="names/conda-forge.json",
)
FROM: Field[Located[tuple[Located[str], ...]]] = Field(
    "from", subfields.PROJECTS, subfields.FROM_DOC, merge=Merge.INTO_PIP, example="pyproject.toml[train]"
)
CONSTRAINTS: Field[Located[tuple[Part, ...]]] = Field(
    "constraints",
    subfields.requirements(subfields.CONSTRAINT, "a list of constraints"),
    "Narrow a package if something requires it; they bring nothing in.",
    merge=Merge.ADD,
)
OVERRIDES: Field[Located[tuple[Part, ...]]] = Field(
    "overrides",
    subfields.requirements(subfields.REQUIREMENT, "a list of overrides", subfields.UNTIL_LOOKED_AT, subfields.ADVISORY),
    "Take the place of what packages (not the spec) require of a project; with a `reason`, and `until` when.",
    merge=Merge.ADD,
)
GROUPS: Field[Located[dict[str, Part]]] = Field(
    "groups",
    Table(
        words.GROUP_NAME,
        Record(
            (
                subfields.GROUP_REQUIREMENTS,
                subfields.GROUP_DESCRIPTION,
                subfields.BUILD_NOTES,
                subfields.GROUP_FROM,
                subfields.GROUP_IMPORTS,
            ),
            "a list of requirements or a mapping",
            shorthand=subfields.GROUP_REQUIREMENTS,
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
    ListOf(ListOf(words.GROUP_NAME, "a list of groups", at_least=2), "a list of lists of groups"),
    "Groups that exclude each other; they are locked apart.",
    merge=Merge.ADD,
    also=("conflicts",),
    example="[[cpu, gpu]]",
)
AS_OF: Field[Located[str]] = Field(
    "as-of",
    words.line("a date or an instant", check=checks.as_of, normalise=checks.normalise_as_of),
    "Files uploaded at or after this moment do not exist: a date means the start of that day, UTC; an instant is"
    " written as RFC 3339 has it.",
    also=("exclude-newer", "snapshot"),
    example="2023-03-09",
)
BASE_IMAGE: Field[Located[str]] = Field(
    "base-image",
    words.line("the name of an image", r"\S+"),
    "The container image that the environment stands on.",
    merge=Merge.NEAREST,
    also=("image", "docker", "container"),
)
IMPLIED_BOUNDS: Field[Part] = Field(
    "implied-bounds",
    Record(
        (subfields.HORIZON, subfields.HORIZONS),
        "off, a horizon such as 180d, or a mapping",
        shorthand=subfields.HORIZON,
    ),
    "How much newer than a package the releases may be that it requires without saying up to which version. What the"
    " spec itself requires is never bounded.",
    merge=Merge.DEEP,
    also=("upper-bounds", "bounds", "horizon"),
    example="180d",
)
RULES: Field[Part] = Field(
    "rules",
    Record((subfields.IGNORE,), "a mapping with ignore"),
    "What is known of packages beyond what they declare: the rules that envsolver ships, and those of the project in"
    " `rules/*.toml` beside `specs/`.",
    merge=Merge.DEEP,
)
AUDIT: Field[Part] = Field(
    "audit",
    Record((subfields.ACCEPTED,), "a mapping with ignore"),
    "What `audit` is to know of this environment.",
    merge=Merge.DEEP,
)
BUILD: Field[Located[dict[str, Part]]] = Field(
    "build",
    Table(
        words.PROJECT,
        Record(
            (
                subfields.BUILD_REQUIRES,
                subfields.BUILD_BESIDE,
                subfields.BUILD_ENVIRONMENT,
                subfields.BUILD_PATH,
                subfields.BUILD_TOOLS,
            ),
            "a mapping with requires, beside, environment, path or tools",
        ),
        "a mapping from packages to what their builds need",
    ),
    "How source archives are built (`envsolver wheel`), where they do not say it themselves.",
    merge=Merge.DEEP,
)
IMPORTS: Field[Located[tuple[Located[str], ...]]] = Field(
    "imports", subfields.MODULES, "Modules that must be importable in the built environment.", merge=Merge.ADD
)
NOTES: Field[Located[tuple[Part, ...]]] = Field(
    "notes",
    ListOf(Record((subfields.SUBJECT, subfields.TEXT), "a mapping with subject and text"), "a list of notes"),
    "What a reader must know and no requirement can say. `show` prints them.",
    merge=Merge.ADD,
)
LABELS: Field[Located[dict[str, Located[str]]]] = Field(
    "labels",
    Table(
        words.line("a label", r"[A-Za-z0-9][A-Za-z0-9._-]*"),
        Text("a text", numeric=True),
        "a mapping from labels to texts",
    ),
    "Free words for tables and reports. A child's stands in place of the base's of the same name.",
    merge=Merge.DEEP,
    also=("tags", "metadata"),
)

SPEC = Record(
    (
        NAME,
        EXTENDS,
        REPLACE,
        ALIASES,
        TITLE,
        DESCRIPTION,
        STATUS,
        SUPPORT,
        PYTHON,
        PLATFORMS,
        SYSTEM,
        GPU,
        INDEXES,
        PIP,
        CONDA,
        CHANNELS,
        CHANNEL_PRIORITY,
        PREFER,
        CONDA_NAMES,
        CONDA_MAPPING,
        FROM,
        CONSTRAINTS,
        OVERRIDES,
        GROUPS,
        EXCLUSIVE,
        AS_OF,
        IMPLIED_BOUNDS,
        RULES,
        AUDIT,
        BUILD,
        BASE_IMAGE,
        IMPORTS,
        NOTES,
        LABELS,
    ),
    "a mapping with name, python, platforms and pip",
)
