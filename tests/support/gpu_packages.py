"""Wheels that behave as those of torch and its companions do where they are healthy, and where they are broken.

The real ones have gigabytes. These have what the probe asks: versions, libraries that are mapped, and compiled parts
where a C compiler is at hand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from functools import cache
from typing import TYPE_CHECKING

import pytest

from envsolver.app.gpu_probe import look_at_node
from tests.support.packages import make_wheel, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.index_server import IndexServer

__all__ = ["PLATFORM_TAG", "compile_library", "compiler", "needs_no_gpu", "put", "torch_files"]

_CPYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"
PLATFORM_TAG = f"{_CPYTHON}-{_CPYTHON}-manylinux2014_x86_64"

_TORCH = """
import mmap, os
from . import version
__version__ = version.__version__
_HERE = os.path.dirname(__file__)
_mapped = []
for _name in sorted(os.listdir(os.path.join(_HERE, "lib"))):
    # What the loader does with a library: it maps the file.
    with open(os.path.join(_HERE, "lib", _name), "rb") as _stream:
        _mapped.append(mmap.mmap(_stream.fileno(), 0, prot=mmap.PROT_READ))

class _C:
    _GLIBCXX_USE_CXX11_ABI = False
    class _cudnn:
        getCompileVersion = staticmethod(lambda: (8, 5, 0))
    _cuda_getArchFlags = staticmethod(lambda: "sm_37 sm_50 sm_60 sm_70 sm_75 sm_80 sm_86" if version.cuda else "")

class backends:
    class cudnn:
        version = staticmethod(lambda: 8500 if version.cuda else None)

class cuda:
    class nccl:
        version = staticmethod(lambda: (2, 14, 3))
"""


def torch_files(cuda: str | None = "11.7") -> dict[str, str]:
    """Return the files of a torch 1.13.1, for CUDA or for the CPU."""
    local = f"cu{cuda.replace('.', '')}" if cuda else "cpu"
    files = {
        "torch/__init__.py": _TORCH,
        "torch/version.py": f"__version__ = '1.13.1+{local}'\ncuda = {cuda!r}\nhip = None\n",
        "torch/lib/libtorch.so": "x" * 64,
    }
    if cuda:
        names = ("libcudart-e409450e.so.11.0", "libcublas.so.11", "libcudnn.so.8")
        files |= {f"torch/lib/{name}": "x" * 64 for name in names}
    return files


def put(
    server: IndexServer, name: str, version: str, files: Mapping[str, str | bytes], *, tag: str = PLATFORM_TAG
) -> None:
    """Publish a wheel."""
    plain = {path: textwrap.dedent(text) if isinstance(text, str) else text for path, text in files.items()}
    server.add(wheel_filename(name, version, tag), make_wheel(name, version, tag=tag, files=plain))


@cache
def _devices() -> int:
    return len(look_at_node()[0].devices)


def needs_no_gpu() -> None:
    """Skip a test about a machine without a GPU, with the reason, on one that has any."""
    if _devices():
        pytest.skip("this machine has a GPU; the test is about one that has none")


def compiler() -> str:
    """Return a C compiler; a test that needs one is skipped, with the reason, where there is none."""
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        pytest.skip("there is no C compiler to make shared libraries with")
    return found


def compile_library(folder: Path, name: str, source: str, *options: str) -> bytes:
    """Compile a shared library and return it."""
    code = folder / f"{name}.c"
    code.write_text(textwrap.dedent(source), encoding="utf-8")
    target = folder / name
    subprocess.run(
        [compiler(), "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", target, code, *options],
        check=True,
        capture_output=True,
    )
    return target.read_bytes()
