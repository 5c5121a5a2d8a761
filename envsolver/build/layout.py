"""Where the parts of a wheel go below a prefix (the ``posix_prefix`` scheme of sysconfig, as a venv has it)."""

from __future__ import annotations

from envsolver.model.values import dataclass

__all__ = ["FILE_TIME", "OWN_FOLDER", "Layout", "is_reserved"]

FILE_TIME = 315_532_800
"""Time of change of every file, in seconds since 1970: 1980-01-01, the first day that a zip archive can hold."""
OWN_FOLDER = ".envsolver"
"""What envsolver itself keeps in a prefix; not a part of the environment."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of an environment, relative to its prefix, with ``/``.

    Attributes:
        minor: of the interpreter, ``3.8``.
    """

    minor: str

    @property
    def site_packages(self) -> str:
        """Where modules go."""
        return f"lib/python{self.minor}/site-packages"

    def folder(self, scheme: str, project: str) -> str:
        """Return where a scheme of the wheel format goes; ``""`` is the prefix itself.

        Args:
            scheme: ``purelib``, ``platlib``, ``headers``, ``scripts`` or ``data``.
            project: name of the project as its wheel has it, which headers are filed under.
        """
        return {
            "purelib": self.site_packages,
            "platlib": self.site_packages,
            "headers": f"include/site/python{self.minor}/{project}",
            "scripts": "bin",
            "data": "",
        }[scheme]


def is_reserved(path: str) -> bool:
    """Say whether a path of a prefix is the environment's own, so that no wheel may bring it."""
    first, _, rest = path.partition("/")
    return first in {OWN_FOLDER, "pyvenv.cfg"} or (first == "bin" and (rest == "" or rest.startswith("python")))
