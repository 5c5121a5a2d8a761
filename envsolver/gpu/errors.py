"""What a check that did not pass means: by the words of the error, which are those of CUDA, torch and the loader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.gpu.probe import IMPORT

if TYPE_CHECKING:
    from envsolver.gpu.model import ProbeCheck

__all__ = ["explain_error"]

_WORDS: tuple[tuple[str, str, str | None], ...] = (
    (
        "RUN008",
        r"no kernel image is available|not compatible with the current PyTorch installation|invalid device function",
        None,
    ),
    ("RUN007", r"driver version is insufficient|NVIDIA driver on your system is too old", None),
    (
        "RUN007",
        r"forward compatibility was attempted|unsupported display driver|system has unsupported.*driver combination",
        "libcuda of this image does not fit the driver of the node: leave cuda-compat out, or update the driver",
    ),
    (
        "RUN006",
        r"Found no NVIDIA driver|no CUDA-capable device|No HIP GPUs|No CUDA GPUs are available|libcuda\.so",
        None,
    ),
    (
        "RUN014",
        r"undefined symbol|operator torchvision::\w+ does not exist|compiled with different CUDA|load custom C\+\+ ops",
        "Build it beside the torch of the lock (`beside: [torch]` in the spec), or take the release for that torch",
    ),
    (
        "RUN016",
        r"cannot open shared object file|DLL load failed|failed to map segment|version `\w+_[\d.]+' not found",
        None,
    ),
    ("RUN013", r"no provider for GPUs is built in|is listed, and the session runs on", None),
)
"""Code, words, fix: the first that fit count."""
_GUARDED = 300


def explain_error(found: ProbeCheck) -> tuple[str, str, str | None]:
    """Return code, message and fix of a check that did not pass."""
    if found.status == "timeout":
        return "RUN011", f"{found.reason or 'no end'}{_where(found)}", None
    words = found.error.message if found.error is not None else found.output or ""
    for code, pattern, fix in _WORDS:
        if re.search(pattern, words):
            return code, _message(found, pattern), fix
    if found.status == "crash":
        return "RUN010", f"the interpreter crashed: {found.reason or found.signal}{_where(found)}", None
    if found.error is not None and found.error.type == "WrongResultError":
        return "RUN015", found.error.message, None
    return ("RUN002" if found.check.startswith(IMPORT) else "RUN017"), _message(found), None


def _message(found: ProbeCheck, pattern: str = "") -> str:
    if found.error is None:
        lines = (found.output or "").splitlines()
        told = next((line.strip() for line in lines if pattern and re.search(pattern, line)), "")
        return f"{found.reason}: {told}"[:_GUARDED] if told else str(found.reason)
    lines = [line.strip() for line in found.error.message.splitlines() if line.strip()]
    told = next((line for line in lines if pattern and re.search(pattern, line)), lines[0] if lines else "")
    at = f" (at {found.error.place})" if found.error.place else ""
    return f"{found.error.type}: {told}".rstrip(": ")[:_GUARDED] + at


def _where(found: ProbeCheck) -> str:
    """Return where the interpreter was, by what faulthandler wrote: the innermost frame that is no frozen one."""
    frames = re.findall(r'File "([^"]+)", line (\d+) in (\S+)', found.output or "")
    inside = [frame for frame in frames if "site-packages/" in frame[0]]
    if not inside:
        return ""
    path, line, function = inside[0]
    return f", in {function} ({path.rsplit('site-packages/', 1)[1]}:{line})"
