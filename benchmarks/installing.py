"""Time ``envsolver build`` and ``uv pip sync`` side by side: ``python -m benchmarks.installing [-o FILE]``.

Both install the same wheels, some 160, from caches that have them, into an environment that is not there yet, as whole
processes, in turns. envsolver's has bytecode; uv's has it with ``--compile-bytecode``. Nothing fails for being slow.
Beside seconds by the clock, which other work on the machine lengthens, there are those of the processors.

Then a wheel of 900 MB is fetched from a server on loopback, checked, unpacked and linked; the most memory that takes is
what the kernel says of the process.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import http.server
import json
import os
import statistics
import tempfile
import threading
import zipfile
from base64 import urlsafe_b64encode
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uv import find_uv_bin

from benchmarks.tools import clean_environment, default_index, interpreter, run_process, script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.tools import Finished

REQUIREMENTS = (
    "jupyterlab",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "tensorboard",
    "matplotlib",
    "boto3",
    "sphinx",
)
MORE = ("sqlalchemy", "black", "mypy", "pytest", "aiohttp", "fastapi", "uvicorn", "networkx", "sympy", "pydantic")
MINOR = "3.11"
ROUNDS = 5
LARGE = 900_000_000
_PIECE = 1 << 20


class Place:
    """A folder in which both tools work, on one file system."""

    def __init__(self, folder: Path, index: str) -> None:
        self.folder = folder
        self.project = folder / "project"
        (self.project / "specs").mkdir(parents=True)
        self._environment = clean_environment(
            {
                "ENVSOLVER_CACHE_DIR": str(folder / "envsolver-cache"),
                "UV_CACHE_DIR": str(folder / "uv-cache"),
                "UV_DEFAULT_INDEX": index,
                "UV_PYTHON_DOWNLOADS": "never",
            }
        )

    def spec(self, name: str, *requirements: str) -> None:
        """Write a spec."""
        text = f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [{", ".join(requirements)}]\n'
        (self.project / "specs" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def envsolver(self, *args: str) -> Finished:
        """Run envsolver in the project."""
        return self._run(script("envsolver"), *args)

    def uv(self, *args: str) -> Finished:
        """Run uv."""
        return self._run(find_uv_bin(), *args)

    def _run(self, *command: str) -> Finished:
        done = run_process(command, self.project, self._environment)
        if done.status != 0:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        return done


def measure_installs(place: Place, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return seconds of each way to install, and what is installed."""
    python = interpreter(MINOR) or ""
    place.spec("many", *REQUIREMENTS, *MORE)
    place.envsolver("lock", "many")
    build = ("build", "many", "--python", python, "--prefix")
    sync = ("pip", "sync", "-q", "--require-hashes", str(place.project / "locks" / "many.requirements.txt"), "--python")
    # Once unmeasured: the caches have everything then.
    first = json.loads(place.envsolver(*build, "warm", "--json").stdout)
    runs: dict[str, list[Finished]] = {"envsolver build": [], "uv pip sync": [], "uv pip sync --compile-bytecode": []}
    for turn in range(rounds + 1):
        for way, found in runs.items():
            # Nothing is deleted between turns: for a minute ext4 spares the inodes of folders that were, and looks for
            # others, longer and longer, which would be counted against whoever makes the next ones.
            target = place.folder / "environments" / f"{turn}-{way.replace(' ', '_')}"
            if way.startswith("uv"):
                place.uv("venv", "-q", "--python", python, str(target))
                more = ("--compile-bytecode",) if "bytecode" in way else ()
                done = place.uv(*sync, str(target), *more)
            else:
                done = place.envsolver(*build, str(target))
            if turn:
                found.append(done)
    return {
        "packages": len(first["packages"]),
        "files": first["files"],
        "bytes": first["bytes"],
        "seconds": {way: _figures([done.seconds for done in found]) for way, found in runs.items()},
        "cpu_seconds": {way: _figures([done.cpu for done in found]) for way, found in runs.items()},
    }


def _figures(each: list[float]) -> dict[str, Any]:
    return {"median": statistics.median(each), "each": each}


def measure_memory(folder: Path) -> dict[str, Any]:
    """Return the most memory that installing a large wheel takes."""
    served = folder / "served"
    wheel = _large_wheel(served / "files")
    page = served / "simple" / "large" / "index.html"
    page.parent.mkdir(parents=True)
    digest = hashlib.sha256()
    with wheel.open("rb") as file:
        while data := file.read(_PIECE):
            digest.update(data)
    page.write_text(f'<a href="/files/{wheel.name}#sha256={digest.hexdigest()}">{wheel.name}</a>', encoding="utf-8")
    with _server(served) as url:
        place = Place(folder / "large", f"{url}/simple/")
        place.spec("large", "large")
        place.envsolver("lock", "large")
        done = place.envsolver("build", "large", "--python", interpreter(MINOR) or "", "--prefix", "env")
    return {"wheel_bytes": wheel.stat().st_size, "peak_bytes": done.memory, "seconds": done.seconds}


def _large_wheel(folder: Path) -> Path:
    """Write a wheel of libraries that cannot be compressed, in the sizes of those of torch."""
    folder.mkdir(parents=True)
    path = folder / "large-1.0-py3-none-any.whl"
    info = "large-1.0.dist-info"
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, size in enumerate((LARGE * 6 // 10, LARGE * 3 // 10, LARGE // 10)):
            name, digest = f"large/library{number}.so", hashlib.sha256()
            with archive.open(name, "w", force_zip64=True) as member:
                for _ in range(size // _PIECE):
                    data = os.urandom(_PIECE)
                    digest.update(data)
                    member.write(data)
            rows.append(f"{name},sha256={_encoded(digest.digest())},{size // _PIECE * _PIECE}")
        texts = {
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: large\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        for name, text in texts.items():
            archive.writestr(name, text)
            rows.append(f"{name},sha256={_encoded(hashlib.sha256(text.encode()).digest())},{len(text)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return path


def _encoded(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Serve a file to somebody who may go away in the middle: metadata is at the end of a wheel."""
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="where to work; both caches and the environments lie there")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work, prefix="installing-") as scratch:
        figures = {
            "installs": measure_installs(Place(Path(scratch) / "many", default_index())),
            "memory": measure_memory(Path(scratch)),
        }
    text = json.dumps(figures, indent=2)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
