"""A wheel out of a source archive, by its own build backend (PEP 517), in an environment of exactly what is locked.

Everything that was found to get into wheels besides their sources is held still: clock, umask, modes and times of the
sources, locale, time zone, hash seed, build folder, debug information, and what lies on the PATH. What a backend does
to the archive itself (order, times, permissions, compression) is taken away by writing the archive anew.
"""

from __future__ import annotations

import base64
import csv
import io
import os
import shutil
import stat
import subprocess
import sys
import warnings
import zipfile
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING

from envsolver.build.elf import relocate
from envsolver.build.layout import FILE_TIME
from envsolver.build.toolchain import TOOL_PATH
from envsolver.children import run_child
from envsolver.model.errors import ArtefactError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from build import ProjectBuilder

__all__ = ["SETTINGS", "Workshop"]

SETTINGS = 2
"""Version of these settings; wheelhouses keep what each makes apart."""
_LINES = 15
_NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there: what a backend tries to fetch beside its locked requirements fails at once."""
_FOLDER = 0o755
_LINKING = {"LDFLAGS": "-Wl,-s -Wl,--build-id=none"} if sys.platform == "linux" else {}
"""Symbol tables hold names of temporary files, and a build id is a digest of paths that are taken out later."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where one source archive is built.

    Attributes:
        filename: of the archive, for messages.
        source: its unpacked project.
        prefix: the build environment.
        work: an empty folder for everything else.
        log: file that gets what the backend has said, if it fails.
        path: folders with tools that come before those of the system.
        environment: further variables; ``{env}`` in a value stands for ``prefix``.
    """

    filename: str
    source: Path
    prefix: Path
    work: Path
    log: Path
    path: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()

    def requirements(self) -> tuple[str, ...]:
        """Return what the backend asks for beside what ``pyproject.toml`` requires.

        Raises:
            ArtefactError: the backend failed.
        """
        from build import BuildBackendException, BuildException

        self._still()
        try:
            with _quiet():
                return tuple(sorted(self._builder().get_requires_for_build("wheel")))
        except (BuildException, BuildBackendException, subprocess.CalledProcessError) as error:
            raise self._failure(error) from error

    def wheel(self) -> Path:
        """Build the wheel.

        Raises:
            ArtefactError: the backend failed, or made something else.
        """
        from build import BuildBackendException, BuildException

        self._still()
        out = self.work / "made"
        out.mkdir()
        try:
            with _quiet():
                made = Path(self._builder().build("wheel", out))
        except (BuildException, BuildBackendException, subprocess.CalledProcessError) as error:
            raise self._failure(error) from error
        if made.suffix != ".whl" or made.parent.resolve() != out.resolve() or not made.is_file():
            raise ArtefactError(self.filename, f"its backend made {made.name}, which is no wheel")
        final = self.work / "wheel" / made.name
        final.parent.mkdir()
        try:
            self._write_anew(made, final)
        except (zipfile.BadZipFile, OSError) as error:
            raise ArtefactError(self.filename, f"its backend made a wheel that cannot be read: {error}") from error
        return final

    def _write_anew(self, made: Path, final: Path) -> None:
        """Write a wheel with the same members, sorted, with one time and two modes, uncompressed.

        Compressed bytes differ between versions of zlib, and this file does not travel. Libraries lose the paths of
        the build folder.
        """
        with zipfile.ZipFile(made) as old, zipfile.ZipFile(final, "w", zipfile.ZIP_STORED) as new:
            members = [member for member in old.infolist() if not member.is_dir()]
            # RECORD comes last: it has the digests of what is written before it.
            ordered = sorted(members, key=_place)
            changed: dict[str, bytes] = {}
            for member in ordered:
                with old.open(member) as source:
                    head = source.read(4)
                    if head == b"\x7fELF":
                        data = head + source.read()
                        moved = self._relocated(data, member.filename)
                        if moved != data:
                            changed[member.filename] = moved
                        _add(new, member, io.BytesIO(moved))
                    elif changed and _is_record(member):
                        _add(new, member, io.BytesIO(_new_record(head + source.read(), changed)))
                    else:
                        _add(new, member, source, head)

    def _relocated(self, data: bytes, path: str) -> bytes:
        return relocate(data, path, site=str(self._site), build=str(self.source.parent.parent))

    @property
    def _site(self) -> Path:
        return next((self.prefix / "lib").glob("python*/site-packages"))

    def _builder(self) -> ProjectBuilder:
        from build import ProjectBuilder

        return ProjectBuilder(self.source, python_executable=str(self.prefix / "bin" / "python"), runner=self._run)

    def _run(self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
        environ = {**self._environ(), **(extra_environ or {})}
        with (self.work / "log").open("ab") as log:
            status = run_child(cmd, cwd=cwd, environ=environ, log=log, umask=0o022)
        if status:
            raise subprocess.CalledProcessError(status, list(cmd))

    def _environ(self) -> dict[str, str]:
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        maps = [f"-ffile-prefix-map={self.source}=.", f"-ffile-prefix-map={self.prefix}=/env"]
        flags = " ".join(["-g0", *maps])
        own = dict(one.replace("{env}", str(self.prefix)).split("=", 1) for one in self.environment)
        set_here = {"CFLAGS": flags, "CXXFLAGS": flags, **_LINKING}
        for name in set_here.keys() & own.keys():
            own[name] = f"{own[name]} {set_here[name]}"
        return {
            "PATH": os.pathsep.join([str(self.prefix / "bin"), *self.path, TOOL_PATH]),
            "HOME": str(home),
            "TMPDIR": str(home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SOURCE_DATE_EPOCH": str(FILE_TIME),
            "PYTHONHASHSEED": "0",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **set_here,
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "UV_OFFLINE": "1",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), _NOWHERE),
            **own,
        }

    def _still(self) -> None:
        """Give the sources the modes and times that they have everywhere."""
        for folder, folders, names in os.walk(self.source):
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - tens of thousands of files
                mode = os.lstat(path).st_mode
                if stat.S_ISREG(mode):
                    os.chmod(path, 0o755 if mode & 0o111 else 0o644)  # noqa: PTH101 - as above
                    os.utime(path, (FILE_TIME, FILE_TIME))
            for name in folders:
                os.chmod(os.path.join(folder, name), _FOLDER)  # noqa: PTH101, PTH118 - as above

    def _failure(self, error: Exception) -> ArtefactError:
        try:
            said = (self.work / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]
        except OSError:
            said = []
        lines = "".join(f"\n  {line}" for line in said) or f"\n  {error}"
        hint = f"all that it said is in {self.log}" if self._keep_log() else None
        return ArtefactError(self.filename, f"its build failed:{lines}", hint=hint)

    def _keep_log(self) -> bool:
        """Copy what the backend has said to where it outlives the workshop."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.work / "log", self.log)
        except OSError:
            return False
        return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop the warnings of backends, which are meant for the authors of what is built."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _place(member: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    return _is_record(member), ".dist-info/" in member.filename, member.filename


def _is_record(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith(".dist-info/RECORD")


def _add(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: IO[bytes], head: bytes = b"") -> None:
    entry = zipfile.ZipInfo(member.filename, _ZIP_TIME)
    entry.create_system = 3
    mode = 0o755 if member.external_attr >> 16 & 0o111 else 0o644
    entry.external_attr = (stat.S_IFREG | mode) << 16
    with archive.open(entry, "w", force_zip64=member.file_size >= 1 << 31) as sink:
        sink.write(head)
        while data := source.read(1 << 20):
            sink.write(data)


def _new_record(record: bytes, changed: Mapping[str, bytes]) -> bytes:
    rows = []
    for row in csv.reader(record.decode("utf-8").splitlines()):
        if row and row[0] in changed:
            digest = base64.urlsafe_b64encode(sha256(changed[row[0]]).digest()).rstrip(b"=").decode()
            row = [row[0], f"sha256={digest}", row[2]]  # noqa: PLW2901 - the same row, with what is true now
        rows.append(row)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
