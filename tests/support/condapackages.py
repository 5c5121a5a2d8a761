"""Packages of conda made in tests: real archives, a relocatable interpreter among them, and channels of them."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import os
import posixpath
import struct
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.channels import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.channels import ChannelFolder

__all__ = ["BUILD_PREFIX", "MINOR", "CondaPackage", "interpreter_package", "pip_package"]

BUILD_PREFIX = "/opt/built" + "_placehold" * 20
"""Where conda-build builds: a path so long that any other fits into its place."""
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
_SECTION = 1 << 17


@dataclass(kw_only=True)
class CondaPackage:
    """A package.

    Attributes:
        files: path → content; a text that is no content but begins with ``->`` is the target of a symbolic link.
        prefixes: path → mode (``text`` or ``binary``) of the files in which :data:`BUILD_PREFIX` stands.
        executables: paths.
        entry_points: of a noarch package, ``name = module:function``.
        index: what its ``index.json`` says otherwise; None: it says nothing.
        suffix: ``.conda``, or ``.tar.bz2`` for the older format.
    """

    name: str
    version: str
    build: str = "0"
    depends: Sequence[str] = ()
    subdir: str = "linux-64"
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    executables: Sequence[str] = ()
    entry_points: Sequence[str] = ()
    suffix: str = ".conda"
    index: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}-{self.build}{self.suffix}"

    def publish(self, channel: ChannelFolder, **changed: Any) -> Path:
        """Write the archive into a channel; ``changed`` replaces keys of its record there."""
        data = self.archive()
        path = channel.folder / self.subdir / self.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        facts: dict[str, Any] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "size": len(data),
            **({"noarch": "python"} if self.subdir == "noarch" else {}),
            **changed,
        }
        channel.add(
            self.name, self.version, self.depends, build=self.build, subdir=self.subdir, suffix=self.suffix, **facts
        )
        return path

    def archive(self) -> bytes:
        """Return the archive; that of conda since 4.7 is not compressed."""
        if self.suffix == ".tar.bz2":
            return bz2.compress(_tar({**dict(self._info()), **self.files}, self.executables), 1)
        stem = self.filename.removesuffix(".conda")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in (
                ("metadata.json", b'{"conda_pkg_format_version": 2}'),
                (f"pkg-{stem}.tar.zst", _zstd(_tar(self.files, self.executables))),
                (f"info-{stem}.tar.zst", _zstd(_tar(dict(self._info()), ()))),
            ):
                archive.writestr(zipfile.ZipInfo(name), data)
        return out.getvalue()

    def _info(self) -> Iterator[tuple[str, bytes]]:
        index = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": 0,
            "depends": list(self.depends),
            "subdir": self.subdir,
            "timestamp": MOMENT,
            "arch": None,
            "platform": None,
        }
        if self.subdir == "noarch":
            index["noarch"] = "python"
            noarch = {"noarch": {"type": "python", "entry_points": list(self.entry_points)}}
            yield "info/link.json", json.dumps({**noarch, "package_metadata_version": 1}).encode()
        index = {key: value for key, value in {**index, **self.index}.items() if value is not None}
        yield "info/index.json", json.dumps(index).encode()
        yield "info/paths.json", json.dumps({"paths": [*map(self._path, self.files)], "paths_version": 1}).encode()

    def _path(self, path: str) -> dict[str, Any]:
        content = self.files[path]
        if isinstance(content, str):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), content.removeprefix("->")))
            content = self.files.get(target, b"")
            kind = "softlink"
        else:
            kind = "hardlink"
        data = content if isinstance(content, bytes) else b""
        entry = {
            "_path": path,
            "path_type": kind,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        if path in self.prefixes:
            entry |= {"prefix_placeholder": BUILD_PREFIX, "file_mode": self.prefixes[path]}
        return entry


def _tar(files: Mapping[str, bytes | str], executables: Sequence[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mtime = MOMENT // 1000
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content.removeprefix("->")
                archive.addfile(entry)
            else:
                # As careless as packages are: whoever installs them makes 644 and 755 of it.
                entry.mode = 0o775 if path in executables else 0o664
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _zstd(data: bytes) -> bytes:
    """Return a frame of Zstandard with blocks that are not compressed (RFC 8878)."""
    out = [struct.pack("<IBB", 0xFD2FB528, 0, 0x38)]
    starts = range(0, max(len(data), 1), _SECTION)
    for start in starts:
        block = data[start : start + _SECTION]
        last = start == starts[-1]
        out += [struct.pack("<I", last | len(block) << 3)[:3], block]
    return b"".join(out)


# The interpreter

_LEFT_OUT = frozenset(
    {
        "test",
        "tests",
        "idlelib",
        "tkinter",
        "turtledemo",
        "lib2to3",
        "ensurepip",
        "distutils",
        "site-packages",
        "__pycache__",
        "pydoc_data",
        "unittest",
        "sqlite3",
        "msilib",
        "curses",
        "dbm",
        "wsgiref",
        "multiprocessing",
        "turtle.py",
        "doctest.py",
        "pickletools.py",
    }
)
"""What neither pip nor the tests import."""
_ENCODINGS = frozenset(
    {"__init__", "aliases", "ascii", "latin_1", "utf_8", "utf_8_sig", "utf_16", "idna", "cp437", "punycode"}
)
_LARGE = 1 << 18


def interpreter_package(version: str = f"{MINOR}.99") -> CondaPackage:
    """Return the interpreter that runs the tests as a package: it finds its libraries beside itself."""
    base = Path(sys.base_prefix)
    here = os.fsencode(base)
    files: dict[str, bytes | str] = {
        f"bin/python{MINOR}": _relocated(_stripped(base / "bin" / f"python{MINOR}"), here, "../lib"),
        "bin/python3": f"->python{MINOR}",
        "bin/python": f"->python{MINOR}",
    }
    prefixes: dict[str, str] = {}
    library = sysconfig.get_config_var("LDLIBRARY") or ""
    if ".so" in library:
        real = (Path(sysconfig.get_config_var("LIBDIR")) / library).resolve()
        files[f"lib/{real.name}"] = _relocated(_stripped(real), here, ".")
    root = Path(sysconfig.get_path("stdlib"))
    for inner in _standard_library(root):
        path = root / inner
        name = f"lib/python{MINOR}/{inner.as_posix()}"
        if path.suffix == ".so":
            files[name] = _relocated(_stripped(path), here, "../..")
        elif path.suffix == ".py":
            data = path.read_bytes()
            if here in data and path.name.startswith("_sysconfigdata"):
                data = data.replace(here, BUILD_PREFIX.encode())
                prefixes[name] = "text"
            files[name] = data
    return CondaPackage(
        name="python",
        version=version,
        build="0_cpython",
        files=files,
        prefixes=prefixes,
        executables=[f"bin/python{MINOR}"],
    )


def _standard_library(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not _is_left_out(here / name / "__init__.py"))
        yield from (here / name for name in sorted(names) if not _is_left_out(here / name))


def _is_left_out(inner: Path) -> bool:
    first = inner.parts[0]
    if first == "encodings":
        return inner.stem not in _ENCODINGS
    if first == "lib-dynload":
        return inner.name.startswith(
            ("_test", "_codecs", "_tkinter", "_curses", "_sqlite3", "_xx", "xx", "_ctypes_test")
        )
    return bool(_LEFT_OUT & set(inner.parts)) or first.startswith("config-")


def _stripped(path: Path) -> bytes:
    """Return a library without symbols where it is large, if there is what takes them out."""
    if path.stat().st_size < _LARGE:
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "stripped"
        try:
            subprocess.run(["strip", "--strip-unneeded", "-o", made, path], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return path.read_bytes()
        return made.read_bytes()


def _relocated(data: bytes, base: bytes, inner: str) -> bytes:
    """Return a library that looks for others relative to itself: the run path is rewritten in its place."""
    old, new = base + b"/lib\0", f"$ORIGIN/{inner}".encode()
    return data.replace(old, new.ljust(len(old), b"\0")) if len(new) < len(old) else data


def pip_package() -> CondaPackage:
    """Return the pip that the interpreter bundles as a noarch package.

    Raises:
        LookupError: it bundles none.
    """
    bundled = sorted((Path(sysconfig.get_path("stdlib")) / "ensurepip" / "_bundled").glob("pip-*.whl"))
    if not bundled:
        raise LookupError("this interpreter bundles no pip")
    with zipfile.ZipFile(bundled[-1]) as wheel:
        files: dict[str, bytes | str] = {f"site-packages/{name}": wheel.read(name) for name in wheel.namelist()}
    return CondaPackage(
        name="pip",
        version=bundled[-1].name.split("-")[1],
        depends=["python"],
        subdir="noarch",
        files=files,
        entry_points=["pip = pip._internal.cli.main:main"],
    )
