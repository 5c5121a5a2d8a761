"""The tools of this machine that leave traces in what is compiled with them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

__all__ = ["TOOL_PATH", "toolchain"]

TOOL_PATH = "/usr/bin:/bin"
"""Where builds look for tools, behind their own environment: what somebody put on the PATH has no part in them."""


def toolchain() -> tuple[str, ...]:
    """Return compiler and C library with their versions, as far as there are any."""
    found = []
    compiler = shutil.which("cc", path=TOOL_PATH)
    if compiler is not None:
        try:
            done = subprocess.run(
                [compiler, "--version"],
                capture_output=True,
                text=True,
                check=True,
                env={"PATH": TOOL_PATH, "LC_ALL": "C"},
            )
            found.append(done.stdout.splitlines()[0].strip())
        except (OSError, subprocess.SubprocessError, IndexError):
            found.append(f"{os.fspath(compiler)}, which does not say its version")
    library, version = platform.libc_ver()
    if library:
        found.append(f"{library} {version}")
    return tuple(found)
