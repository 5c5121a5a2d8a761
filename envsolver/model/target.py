"""The target of a lock: platform and interpreter, with the markers and wheel tags that follow from them.

Nothing here looks at the machine that runs envsolver: a lock for CPython 3.8 on linux-64 is the same wherever it is
made. Platform names are conda's subdirs (``linux-64``), as pixi and conda-lock use them.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

from envsolver.model.values import dataclass

__all__ = ["ENDED", "KNOWN_PLATFORMS", "LATEST_PATCH", "Target", "full_python_version"]

LATEST_PATCH = {
    # Last releases of the series that have ended: https://devguide.python.org/versions/
    "3.7": "3.7.17",
    "3.8": "3.8.20",
    "3.9": "3.9.25",
    "3.10": "3.10.22",
    # Newest releases on 2026-11-22, as listed by `uv python list --all-versions` of uv 0.13.9.
    "3.11": "3.11.18",
    "3.12": "3.12.16",
    "3.13": "3.13.18",
    "3.14": "3.14.10",
}
"""Minor version → the patch release that ``python: "3.9"`` stands for. Recorded in the lock."""
ENDED = frozenset({"3.7", "3.8", "3.9", "3.10"})
"""Minor versions of which there will be no further release."""


def full_python_version(python: str) -> str:
    """Return the full version for a minor or full one.

    Raises:
        KeyError: for a minor series that is not in :data:`LATEST_PATCH`.
    """
    return python if python.count(".") >= 2 else LATEST_PATCH[python]


@dataclass(frozen=True, slots=True)
class _PlatformFacts:
    os_name: str
    sys_platform: str
    platform_system: str
    platform_machine: str


KNOWN_PLATFORMS = {
    "linux-64": _PlatformFacts("posix", "linux", "Linux", "x86_64"),
    "linux-aarch64": _PlatformFacts("posix", "linux", "Linux", "aarch64"),
    "osx-64": _PlatformFacts("posix", "darwin", "Darwin", "x86_64"),
    "osx-arm64": _PlatformFacts("posix", "darwin", "Darwin", "arm64"),
    "win-64": _PlatformFacts("nt", "win32", "Windows", "AMD64"),
}

DEFAULT_GLIBC = "2.28"
"""Where the spec names no glibc: manylinux_2_28, the baseline of the current PyPA images (PEP 600)."""
DEFAULT_MACOS = {"osx-64": "10.13", "osx-arm64": "11.0"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One platform and CPython version for which a lock holds.

    Attributes:
        platform: one of :data:`KNOWN_PLATFORMS`.
        python: full version, ``3.8.20``.
        glibc: lowest glibc of the nodes (linux only), ``2.31``.
        macos: lowest macOS of the nodes (osx only), ``11.0``.
    """

    platform: str
    python: str
    glibc: str | None = None
    macos: str | None = None

    @property
    def python_minor(self) -> str:
        """``3.8`` for ``3.8.20``."""
        major, minor, *_ = self.python.split(".")
        return f"{major}.{minor}"

    @cached_property
    def marker_environment(self) -> dict[str, str]:
        """The PEP 508 marker variables. What no lock can know (kernel release) is empty."""
        facts = KNOWN_PLATFORMS[self.platform]
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": facts.os_name,
            "platform_machine": facts.platform_machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": facts.platform_system,
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": self.python_minor,
            "sys_platform": facts.sys_platform,
        }

    @cached_property
    def tag_ranks(self) -> dict[str, int]:
        """Every supported tag triple (``cp38-cp38-manylinux_2_17_x86_64``) → its place; 0 is the best."""
        return _tag_ranks(self.platform, self.python_minor, self.glibc, self.macos)

    def wheel_rank(self, tags: str) -> int | None:
        """Return the place of a wheel's compressed tag set (PEP 425), or None if it cannot be installed."""
        ranks = self._wheel_ranks
        if tags not in ranks:
            ranks[tags] = self._best_rank(tags)
        return ranks[tags]

    @cached_property
    def _wheel_ranks(self) -> dict[str, int | None]:
        # A page has few tag sets and thousands of files; asked for each of them.
        return {}

    def _best_rank(self, tags: str) -> int | None:
        interpreters, abis, platforms = tags.split("-")
        found = [
            rank
            for interpreter in interpreters.split(".")
            for abi in abis.split(".")
            for platform in platforms.split(".")
            if (rank := self.tag_ranks.get(f"{interpreter}-{abi}-{platform}")) is not None
        ]
        return min(found, default=None)


@lru_cache(maxsize=64)
def _tag_ranks(platform: str, minor: str, glibc: str | None, macos: str | None) -> dict[str, int]:
    from packaging.tags import compatible_tags, cpython_tags

    major_text, minor_text = minor.split(".")
    version = (int(major_text), int(minor_text))
    platforms = _platform_tags(platform, glibc, macos)
    # CPython's own ABI carried the "m" flag up to 3.7 (PEP 3149; dropped by bpo-36707).
    abis = [f"cp{version[0]}{version[1]}m" if version < (3, 8) else f"cp{version[0]}{version[1]}"]
    tags = [
        *cpython_tags(version, abis=abis, platforms=platforms),
        *compatible_tags(version, interpreter=f"cp{version[0]}{version[1]}", platforms=platforms),
    ]
    ranks: dict[str, int] = {}
    for tag in tags:
        ranks.setdefault(str(tag), len(ranks))
    return ranks


def _platform_tags(platform: str, glibc: str | None, macos: str | None) -> list[str]:
    if platform == "win-64":
        return ["win_amd64"]
    if platform.startswith("osx-"):
        from packaging.tags import mac_platforms

        release = macos or DEFAULT_MACOS[platform]
        major, minor = (int(part) for part in [*release.split("."), "0"][:2])
        return list(mac_platforms((major, minor), KNOWN_PLATFORMS[platform].platform_machine))
    machine = KNOWN_PLATFORMS[platform].platform_machine
    # PEP 600: every manylinux of this glibc or an older one, newest first, with the legacy aliases of
    # PEP 513/571/599 right behind the perennial name that they stand for.
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    oldest = 5 if machine == "x86_64" else 17
    newest = int((glibc or DEFAULT_GLIBC).split(".")[1])
    tags = []
    for minor in range(newest, oldest - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in legacy:
            tags.append(f"{legacy[minor]}_{machine}")
    return [*tags, f"linux_{machine}"]
