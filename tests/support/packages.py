"""Wheels and sdists made in memory: small, valid, and the same bytes for the same arguments."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "SdistStyle",
    "make_sdist",
    "make_wheel",
    "metadata_text",
    "requires_txt",
    "sdist_filename",
    "sha256",
    "wheel_filename",
]

SdistStyle = Literal["static", "claimed", "egg-info", "none"]
"""What an sdist says of its requirements:

- ``static``: PKG-INFO 2.2 with ``Requires-Dist`` and no ``Dynamic`` (PEP 643): certain;
- ``claimed``: PKG-INFO 2.1 with ``Requires-Dist``: what its author's machine saw;
- ``egg-info``: a bare PKG-INFO, and ``requires.txt`` in the egg-info folder, as setuptools wrote it for years;
- ``none``: no requirements anywhere but in the build script.
"""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def sha256(data: bytes) -> str:
    """Return the lower-case hex digest."""
    return hashlib.sha256(data).hexdigest()


def _escaped(name: str) -> str:
    return name.replace("-", "_")


def wheel_filename(name: str, version: str, tag: str = "py3-none-any") -> str:
    """Return a wheel's file name (binary distribution format: hyphens become underscores)."""
    return f"{_escaped(name)}-{version.replace('-', '_')}-{tag}.whl"


def sdist_filename(name: str, version: str) -> str:
    """Return an sdist's file name (PEP 625)."""
    return f"{_escaped(name)}-{version}.tar.gz"


def _with_extra(requirement: str, extra: str) -> str:
    text, separator, marker = requirement.partition(";")
    condition = f"({marker.strip()}) and " if separator else ""
    return f'{text.strip()} ; {condition}extra == "{extra}"'


def metadata_text(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    metadata_version: str = "2.1",
    dynamic: Iterable[str] = (),
) -> str:
    """Return a core metadata file; ``extras`` maps an extra to its requirements."""
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Dynamic: {field}" for field in dynamic]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, requirements in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_with_extra(requirement, extra)}" for requirement in requirements]
    return "\n".join([*lines, "", f"{name}, made for a test.", ""])


def requires_txt(requires: Iterable[str], extras: Mapping[str, Iterable[str]] | None = None) -> str:
    """Return the requirements in the sections of setuptools' ``requires.txt``: one for each extra and marker."""
    sections: dict[str, list[str]] = {"": []}
    everything = [("", requires), *(extras or {}).items()]
    for extra, requirements in everything:
        sections.setdefault(extra, [])
        for requirement in requirements:
            text, separator, marker = requirement.partition(";")
            section = f"{extra}:{marker.strip()}" if separator else extra
            sections.setdefault(section, []).append(text.strip())
    parts = ["".join(f"{line}\n" for line in sections.pop(""))]
    parts += [f"\n[{section}]\n" + "".join(f"{line}\n" for line in lines) for section, lines in sections.items()]
    return "".join(parts)


def make_wheel(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    tag: str = "py3-none-any",
    files: Mapping[str, str | bytes] | None = None,
    metadata: str | bytes | None = None,
    stored: bool = False,
) -> bytes:
    """Return a wheel that pip, uv and installer accept: one importable module unless ``files`` says otherwise.

    Args:
        name: project name, written to METADATA as it stands.
        version: version, written as it stands.
        requires: PEP 508 strings for ``Requires-Dist``.
        requires_python: specifier for ``Requires-Python``.
        extras: extra → its requirements.
        tag: compressed tag set; each tag of it gets its line in WHEEL.
        files: archive path → content, instead of the one module.
        metadata: the METADATA file itself, instead of the one made from the arguments.
        stored: leave the members uncompressed, so that the wheel has about the size of its files.
    """
    escaped = _escaped(name)
    info = f"{escaped}-{version}.dist-info"
    if metadata is None:
        metadata = metadata_text(name, version, requires=requires, requires_python=requires_python, extras=extras)
    contents = {f"{escaped}.py": f"__version__ = {version!r}\n"} if files is None else dict(files)
    members = {path: _bytes(content) for path, content in contents.items()}
    members[f"{info}/METADATA"] = _bytes(metadata)
    members[f"{info}/WHEEL"] = _wheel_file(tag).encode()
    record = "".join(f"{path},{_record_hash(data)},{len(data)}\n" for path, data in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return _zip(members, compression=zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)


def make_sdist(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    style: SdistStyle = "claimed",
    static: bool = False,
    pyproject: str | None = None,
    setup_py: str | None = None,
    files: Mapping[str, str | bytes] | None = None,
    pkg_info: str | bytes | None = None,
    info_last: bool = False,
) -> bytes:
    """Return a ``.tar.gz`` sdist that declares its requirements in one of the styles of the wild.

    Args:
        name: project name.
        version: version.
        requires: PEP 508 strings.
        requires_python: specifier.
        extras: extra → its requirements.
        style: where the requirements stand, see :data:`SdistStyle`.
        static: shorthand for ``style="static"``.
        pyproject: content of ``pyproject.toml``; none by default (setuptools is then the backend, PEP 517).
        setup_py: content of ``setup.py`` instead of a ``setuptools.setup`` call with the same requirements.
        files: more members, path below the top folder → content.
        pkg_info: the PKG-INFO itself, instead of the one made from the arguments.
        info_last: put PKG-INFO and egg-info behind all other members, as setuptools' sorting sometimes does.
    """
    chosen: SdistStyle = "static" if static else style
    requires, groups = tuple(requires), {extra: tuple(listed) for extra, listed in (extras or {}).items()}
    top = f"{_escaped(name)}-{version}"
    egg = f"{top}/{_escaped(name)}.egg-info"
    says = chosen in {"static", "claimed"}
    if pkg_info is None:
        pkg_info = metadata_text(
            name,
            version,
            requires=requires if says else (),
            requires_python=requires_python,
            extras=groups if says else None,
            metadata_version="2.2" if chosen == "static" else "2.1",
        )
    information: dict[str, bytes] = {f"{top}/PKG-INFO": _bytes(pkg_info)}
    if chosen == "egg-info":
        information[f"{egg}/PKG-INFO"] = _bytes(pkg_info)
        information[f"{egg}/requires.txt"] = requires_txt(requires, groups).encode()
    if setup_py is None:
        setup_py = _setup_py(name, version, requires, groups, requires_python)
    sources = {
        f"{top}/setup.py": setup_py.encode(),
        f"{top}/{_escaped(name)}.py": f"__version__ = {version!r}\n".encode(),
    }
    if pyproject is not None:
        sources[f"{top}/pyproject.toml"] = pyproject.encode()
    sources |= {f"{top}/{path}": _bytes(content) for path, content in (files or {}).items()}
    return _tar_gz(sources | information if info_last else information | sources)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _wheel_file(tag: str) -> str:
    interpreters, abis, platforms = tag.split("-")
    tags = [
        f"Tag: {interpreter}-{abi}-{platform}"
        for interpreter in interpreters.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]
    pure = "true" if platforms == "any" else "false"
    return "\n".join(["Wheel-Version: 1.0", "Generator: envsolver-tests", f"Root-Is-Purelib: {pure}", *tags, ""])


def _record_hash(data: bytes) -> str:
    # PEP 376 as amended by the wheel format: urlsafe base64 without padding.
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _zip(members: Mapping[str, bytes], *, compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type = compression
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _tar_gz(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # gzip writes the time of day into its header unless told otherwise, and tarfile opens gzip for itself with it.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in members.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _setup_py(
    name: str, version: str, requires: Iterable[str], extras: Mapping[str, Iterable[str]], requires_python: str | None
) -> str:
    arguments = {
        "name": name,
        "version": version,
        "py_modules": [_escaped(name)],
        "install_requires": list(requires),
        "extras_require": {extra: list(requirements) for extra, requirements in extras.items()},
        "python_requires": requires_python,
    }
    given = "".join(f"    {key}={value!r},\n" for key, value in arguments.items() if value)
    return f"from setuptools import setup\n\nsetup(\n{given})\n"
