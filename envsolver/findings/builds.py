"""Detectors: source archives that are built where they are installed, prebuilt extensions, bytes without a hash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.findings.draft import Draft
from envsolver.knowledge.compilers import compilers, gcc_for_headers
from envsolver.knowledge.gpu import gcc_for
from envsolver.knowledge.tables import torch_tables
from envsolver.knowledge.variants import cuda_of_tag
from envsolver.model.candidate import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.findings.subject import Part, Subject
    from envsolver.knowledge.variants import Variant

__all__ = ["base_image_cuda", "base_image_gcc", "lacks_toolkit", "prebuilt", "source_builds", "unhashed"]

_TORCH = Name("torch")

_IMAGE = re.compile(r"(?:^|[^a-z0-9])(?:cu|cuda)[:-]?(\d{3}|\d{1,2}\.\d{1,2})(?![0-9])")
_SYSTEM = re.compile(r"(ubuntu|debian|rockylinux|ubi|centos)[-:]?(\d{1,2}(?:\.?04)?)(?![0-9])")

_TORCH_OF_BUILD = re.compile(r"(?:^|[^a-z])torch(\d+\.\d+)")
_PT_OF_BUILD = re.compile(r"(?:^|[^a-z])pt(\d)(\d{1,2})(?=cu|cpu|$)")
_ABI = re.compile(r"cxx11abi(true|false)")


def base_image_cuda(image: str) -> str | None:
    """Return the CUDA version in the name of an image (``…-cu117-py38``, ``nvidia/cuda:11.3.1-devel``), or None."""
    found = _IMAGE.search(image.lower())
    if found is None:
        return None
    return found[1] if "." in found[1] else cuda_of_tag(found[1])


def base_image_gcc(image: str) -> int | None:
    """Return the major version of the gcc of an image's system, which its name tells; None if it does not."""
    found = _SYSTEM.search(image.lower())
    system = None if found is None else compilers().systems.get(f"{found[1]}{found[2].replace('.', '')}")
    return None if system is None else system.gcc


def lacks_toolkit(image: str) -> bool:
    """Whether an image is one of NVIDIA's without compiler and headers: only those called devel have them."""
    repository, _, tag = image.lower().partition(":")
    return repository.endswith("nvidia/cuda") and bool(tag) and "devel" not in tag


def source_builds(subject: Subject) -> Iterator[Draft]:
    """Yield what has to be built against torch with a toolkit or a compiler that the base image has not."""
    variant = subject.variants.get(_TORCH)
    image = subject.base_image
    if variant is None or variant.backend != "cuda" or variant.version is None or not image:
        return
    for part in subject.parts.values():
        known = compilers().compiled.get(part.name)
        if known is None or not part.is_source:
            continue
        if lacks_toolkit(image):
            yield Draft(
                code="SRC003",
                message=f"{part} is compiled with nvcc; the base image {image} has none",
                parts=(part,),
            )
        elif variant.exact:
            yield from _toolkit(subject, part, variant, image, exact=known.exact)
            yield from _compiler(subject, part, variant.version, image)


def _toolkit(subject: Subject, part: Part, variant: Variant, image: str, *, exact: bool) -> Iterator[Draft]:
    offered = base_image_cuda(image)
    if offered is None or offered == variant.version:
        return
    # Minors of one major are interchangeable up to CUDA 12 (cuda_minor_mismatch_ok of DeepSpeed); apex takes none.
    same_major = offered.partition(".")[0] == variant.major
    tolerable = same_major and variant.major != "13" and not exact
    gcc = gcc_for(variant.version or "")
    compiler = f" and gcc {gcc.at_least} to {gcc.below - 1}" if gcc else ""
    yield Draft(
        code="SRC002",
        message=f"{part} is compiled for CUDA {variant.version}, for which {subject.parts[_TORCH]} was built; "
        f"the base image {image} has CUDA {offered}",
        parts=(part,),
        severity="note" if tolerable else "warning",
        hint=f"it needs nvcc {variant.version}{compiler}",
    )


def _compiler(subject: Subject, part: Part, cuda: str, image: str) -> Iterator[Draft]:
    offered, accepted = base_image_gcc(image), gcc_for(cuda)
    if offered is None or accepted is None:
        return
    lowest = max(accepted.at_least, gcc_for_headers(subject.parts[_TORCH].version))
    if not lowest <= offered < accepted.below:
        yield Draft(
            code="SRC004",
            message=f"{part} is compiled with nvcc of CUDA {cuda} against {subject.parts[_TORCH]}, which takes gcc "
            f"{lowest} to {accepted.below - 1}; the system of the base image {image} comes with gcc {offered}",
            parts=(part,),
        )


def prebuilt(subject: Subject) -> Iterator[Draft]:
    """Yield extensions whose wheel says that it was built for another torch, or with the other C++ ABI."""
    torch = subject.parts.get(_TORCH)
    if torch is None:
        return
    minor = ".".join(torch.version.partition("+")[0].split(".")[:2])
    release = torch_tables().release(torch.version)
    for part in subject.parts.values():
        label = f"{part.version.partition('+')[2]} {part.filename}".lower()
        built = _torch_of(label)
        if built is not None and built != minor:
            yield Draft(
                code="ABI004",
                message=f"{part} was built for torch {built}; locked is {torch}",
                parts=(part, torch),
            )
            continue
        abi = _ABI.search(label)
        if abi and release is not None and _pypi(torch) and (abi[1] == "true") != release.cxx11_abi:
            yield Draft(
                code="ABI004",
                message=f"{part} was built with _GLIBCXX_USE_CXX11_ABI={int(abi[1] == 'true')}, {torch} with "
                f"{int(release.cxx11_abi)}",
                parts=(part, torch),
            )


def _torch_of(label: str) -> str | None:
    if found := _TORCH_OF_BUILD.search(label):
        return found[1]
    if found := _PT_OF_BUILD.search(label):
        return f"{found[1]}.{found[2]}"
    return None


def _pypi(torch: Part) -> bool:
    # The builds of the other indexes changed their ABI at other releases (2.6.0+cu126 has the new one).
    return "+" not in torch.version


def unhashed(subject: Subject) -> Iterator[Draft]:
    """Yield the packages that the lock does not tie to their bytes."""
    bare = [part for part in subject.parts.values() if not part.hashed]
    if not bare:
        return
    shown = ", ".join(str(part) for part in bare[:4]) + (f" and {len(bare) - 4} more" if len(bare) > 4 else "")
    yield Draft(code="SEC002", message=f"no hash ties {shown} to its bytes", parts=tuple(bare))
