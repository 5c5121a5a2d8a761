"""The tools of this machine that leave traces in what is compiled with them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["TOOL_PATH", "find_tool", "nvcc_release", "toolchain", "try_nvcc"]

TOOL_PATH = "/usr/bin:/bin"
"""Where builds look for tools, behind their own environment: what somebody put on the PATH has no part in them."""
_SECONDS = 60


def toolchain(path: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return compilers and C library with their versions, as far as there are any.

    Args:
        path: folders that are searched first.
        environment: variables of the build; ``CC``, ``CXX`` and ``CUDAHOSTCXX`` name the compilers.
    """
    named = environment or {}
    compilers = dict.fromkeys([named.get("CC", "cc"), named.get("CXX", ""), named.get("CUDAHOSTCXX", "")])
    found = [line for compiler in compilers if compiler and (line := _version(compiler, path, 0))]
    if path and (line := _version("nvcc", path, -1)):
        found.append(line)
    library, version = platform.libc_ver()
    if library:
        found.append(f"{library} {version}")
    return tuple(found)


def find_tool(name: str, path: Sequence[str]) -> str | None:
    """Return where a build would find a program, or None."""
    return shutil.which(name, path=os.pathsep.join([*path, TOOL_PATH]))


def nvcc_release(path: Sequence[str]) -> str | None:
    """Return the version of the CUDA toolkit that a build would find, ``11.8``, or None."""
    program = find_tool("nvcc", path)
    found = re.search(r"release (\d+\.\d+)", _ask(program)) if program else None
    return found[1] if found else None


def try_nvcc(path: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Let nvcc compile and link an empty program; return what it complains of, or None.

    Nothing else says whether its headers, libcudart and a host compiler that it accepts are there: what is installed
    by name may lack each of them.

    Args:
        path: folders that are searched first.
        environment: variables of the build; ``CUDAHOSTCXX`` names the host compiler, as CMake has it.
    """
    program = find_tool("nvcc", path)
    if program is None:
        return "there is no nvcc"
    host = environment.get("CUDAHOSTCXX")
    with tempfile.TemporaryDirectory(prefix="envsolver-nvcc-") as folder:
        source = Path(folder, "empty.cu")
        source.write_text("int main() { return 0; }\n", encoding="utf-8")
        command = [program, str(source), "-o", str(source.with_suffix("")), "--cudart", "shared"]
        try:
            done = subprocess.run(
                [*command, *(["-ccbin", host] if host else [])],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
                env={"PATH": os.pathsep.join([*path, TOOL_PATH]), "LC_ALL": "C", "TMPDIR": folder},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "not found" in line]
    return (errors or lines or [f"status {done.returncode}"])[0]


def _version(name: str, path: Sequence[str], line: int) -> str | None:
    program = find_tool(name, path)
    lines = _ask(program).strip().splitlines() if program else []
    return lines[line].strip() if lines else None


def _ask(program: str) -> str:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, env={"PATH": TOOL_PATH, "LC_ALL": "C"}
        )
    except OSError:
        return ""
    return done.stdout
