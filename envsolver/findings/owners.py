"""Detectors: two packages that install the same files, and libraries that come by conda and by pip."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

from envsolver.findings.draft import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.findings.model import Severity
    from envsolver.findings.subject import Part, Subject

__all__ = ["conda_beside_pip", "shared_files"]

_HARMLESS = re.compile(r"(?i)(?:tests?|docs?|examples?)/|(?:license|readme|changelog|notice|copying)[^/]*$")
"""Top folders and files that projects install by mistake and nobody imports."""

_LIBRARY = re.compile(r"\.so(?:\.\d+)*$|\.(?:dll|pyd|dylib)$")

_CONDA_CUDA = re.compile(
    r"cudatoolkit|cuda-cudart|cuda-nvrtc|cuda-cupti|libcublas|libcufft|libcurand|libcusolver|libcusparse|cudnn|nccl"
)
_PIP_CUDA = re.compile(r"nvidia-[a-z0-9-]+?-cu\d\d|nvidia-(?:cuda-runtime|cublas|cufft|curand|cusolver|cusparse)")


def shared_files(subject: Subject) -> Iterator[Draft]:
    """Yield the pairs of packages whose wheels hold files of one path, by the file lists that were read."""
    lists = {
        name: members
        for name in sorted(subject.parts)
        if (members := subject.file_lists.get(subject.digests.get(name, ""))) is not None
    }
    tops = {name: {path.partition("/")[0] for path in members} for name, members in lists.items()}
    for one, other in combinations(lists, 2):
        if tops[one].isdisjoint(tops[other]):
            continue
        paths = [path for path in lists[one].keys() & lists[other].keys() if ".dist-info/" not in path]
        differing = [path for path in paths if lists[one][path] != lists[other][path]]
        # Each of NVIDIA's wheels brings the same empty nvidia/__init__.py: that is how they share a name.
        if differing or any(not path.endswith("/__init__.py") for path in paths):
            yield _shared((subject.parts[one], subject.parts[other]), paths, differing)


def _shared(parts: tuple[Part, Part], paths: list[str], differing: list[str]) -> Draft:
    serious = [path for path in differing if not _HARMLESS.match(path)]
    severity: Severity = "error" if serious else "note"
    telling = min(serious or differing or paths, key=lambda path: (not _LIBRARY.search(path), len(path), path))
    counted = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
    what = f", {len(differing)} of them different" if differing else ", all of them alike"
    return Draft(
        code="DUP003",
        message=f"{parts[0]} and {parts[1]} both install {counted}{what}, such as {telling}",
        parts=parts,
        severity=severity,
        hint="whichever is unpacked last wins, and to uninstall one breaks the other" if serious else "",
    )


def conda_beside_pip(subject: Subject) -> Iterator[Draft]:
    """Yield what conda and pip both bring."""
    for conda in subject.doubled:
        pip = next(part for part in subject.parts.values() if part.name == conda.name)
        severity: Severity = "error" if pip.name in subject.variants else "warning"
        yield Draft(
            code="DUP004",
            message=f"conda brings {conda.name} {conda.version}, pip {pip.name} {pip.version}",
            parts=(pip, conda),
            severity=severity,
        )
    of_conda = [part for name, part in sorted(subject.other.items()) if _CONDA_CUDA.match(name)]
    of_pip = [part for name, part in sorted(subject.parts.items()) if _PIP_CUDA.match(name) and part.manager == "pip"]
    if of_conda and of_pip:
        yield Draft(
            code="DUP005",
            message=f"the libraries of CUDA come twice: by conda ({_few(of_conda)}) and by pip ({_few(of_pip)})",
            parts=(*of_pip[:1], *of_conda[:1]),
        )


def _few(parts: list[Part]) -> str:
    return ", ".join(str(part) for part in parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")
