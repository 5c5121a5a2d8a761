"""Some thirty packages that depend on each other in every way, the same for the same seed, and an index with them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.packages import make_sdist, make_wheel, sdist_filename, wheel_filename

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer
    from tests.support.packages import SdistStyle

__all__ = ["Universe"]

_MARKERS = (
    'sys_platform == "win32"',
    'sys_platform != "darwin"',
    'python_version >= "3.9"',
    'python_version < "3.8"',
    'platform_machine == "x86_64"',
)
_VERSIONS = ("1.0", "1.1", "1.2rc1", "1.2", "2.0", "2.0.post1", "2.1", "3.0a1", "3.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Packages ``p00`` … with versions, requirements on packages of higher numbers, extras and markers.

    Attributes:
        files: file name → bytes.
        uploads: file name → upload time.
        spec: a spec that requires some of them, for three platforms.
    """

    files: dict[str, bytes]
    uploads: dict[str, str]
    spec: str

    @classmethod
    def made(cls, seed: int, *, size: int = 30) -> Universe:
        """Make the packages of a seed."""
        chance = random.Random(seed)  # noqa: S311 - the same every time
        files, uploads = {}, {}
        offered = {n: sorted(chance.sample(range(len(_VERSIONS)), chance.randint(2, 6))) for n in range(size)}
        for number, places in offered.items():
            for place in places:
                name, version = f"p{number:02}", _VERSIONS[place]
                requires = _requirements(chance, number, size)
                extras = {"more": _requirements(chance, number, size), "most": [*_requirements(chance, number, size)]}
                if chance.random() < 0.8:
                    filename = wheel_filename(name, version)
                    files[filename] = make_wheel(name, version, requires=requires, extras=extras)
                else:
                    filename = sdist_filename(name, version)
                    # One that declares nothing has to be built unless it says that this is all.
                    style: SdistStyle = chance.choice(("claimed", "egg-info")) if requires else "static"
                    files[filename] = make_sdist(name, version, requires=requires, extras=extras, style=style)
                uploads[filename] = f"20{10 + place:02}-01-01T00:00:00Z"
        return cls(files=files, uploads=uploads, spec=_spec(chance))

    def publish(self, server: IndexServer) -> None:
        """Put everything on the index ``simple``."""
        for filename, data in self.files.items():
            announced = filename.endswith(".whl") and len(data) % 3 == 0
            server.add(filename, data, upload_time=self.uploads[filename], metadata=True if announced else None)


def _requirements(chance: random.Random, number: int, size: int) -> list[str]:
    found = []
    for other in sorted(chance.sample(range(number + 1, size), min(chance.randint(0, 3), size - number - 1))):
        extra = chance.choice(("", "", "[more]", "[most,more]"))
        specifier = chance.choice(("", "", ">=1.1", "<3", "!=2.0", "~=1.0", ">=1,<2.1"))
        marker = f"; {chance.choice(_MARKERS)}" if chance.random() < 0.3 else ""
        found.append(f"p{other:02}{extra}{specifier}{marker}")
    return found


def _spec(chance: random.Random) -> str:
    roots = [f"p{number:02}{chance.choice(('', '[more]', '[most]'))}" for number in chance.sample(range(12), 5)]
    lines = "".join(f"  - {root}\n" for root in roots)
    return f'python: "3.10"\nplatforms: [linux-64, win-64, osx-arm64]\npip:\n{lines}groups:\n  extra: [p20, p21]\n'
