"""Targets that are texts: specs, locks, rules, files of other tools, documents of envsolver's own."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.guard import Target
from tests.support.locks import example

if TYPE_CHECKING:
    from envsolver.lock.model import LockedFile

__all__ = ["TEXTS"]

_ROOT = Path(__file__).parents[2]
_SHA = "ab" * 32
_REQUIREMENT_WORDS = (
    b"==",
    b">=1,<2",
    b"~=1.0",
    b"===",
    b" @ https://h.example/a-1.0-py3-none-any.whl",
    b"[extra]",
    b"; ",
    b"python_version",
    b'"3.8"',
    b" in ",
    b"extra == ",
    b"platform_release",
    b" and (",
    b"!1.0",
    b".*",
    b"+cu116",
    b"git+https://h.example/r@v1",
)


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _spec(data: bytes, folder: Path) -> object:
    from envsolver.spec.load import load_spec

    _put(folder, "specs/base.yaml", b"python: '3.10'\nplatforms: [linux-64]\npip: [torch]\n")
    _put(folder, "pyproject.toml", b"[project]\nname='p'\nversion='1'\ndependencies=['torch']\n")
    return load_spec(_put(folder, "specs/train.yaml", data), folder)


def _live_project(data: bytes, folder: Path) -> object:
    from envsolver.spec.load import load_spec

    _put(folder, "pyproject.toml", data)
    return load_spec(_put(folder, "specs/train.yaml", _LIVE), folder)


def _lock(data: bytes, folder: Path) -> object:
    from envsolver.app.lockfile import lock_text, read_lock, requirements_text
    from envsolver.app.project import Environment, Project
    from envsolver.formats import condafiles, condalock, constraints, pixi, pylock, requirements, sbom
    from envsolver.lock.diff import diff_locks
    from envsolver.lock.reader import loads
    from envsolver.model.errors import EnvsolverError

    _put(folder, "locks/demo.lock.toml", data)
    lock = read_lock(Project(root=folder), Environment(name="demo", path=folder / "specs" / "demo.yaml"))
    text = lock_text(lock)
    assert loads(text) == lock, "what was read is not what is written"
    diff_locks(example(), lock)

    def url_of(file: LockedFile) -> str:
        return f"https://h.example/{file.filename}"

    for export in (
        lambda: requirements_text(lock, text),
        lambda: requirements.dumps(lock, hashes=False),
        lambda: constraints.dumps(lock),
        lambda: condafiles.explicit(lock),
        lambda: condafiles.environment(lock),
        lambda: sbom.cyclonedx(lock),
        lambda: condalock.dumps(lock, url_of=url_of),
        lambda: pixi.dumps(lock, url_of=url_of),
        lambda: pylock.dumps(lock, url_of=url_of),
    ):
        try:
            export()  # type: ignore[no-untyped-call] # a list of lambdas
        except EnvsolverError:
            continue
    return lock


def _rules(data: bytes, folder: Path) -> object:
    from envsolver.app.project import Project
    from envsolver.app.rulefiles import rule_texts
    from envsolver.knowledge.rules import load_rulebook

    _put(folder, "rules/own.toml", data)
    return load_rulebook(rule_texts(Project(root=folder)), {})


def _foreign(name: str, data: bytes, folder: Path) -> object:
    from envsolver.app.checking import check_file
    from envsolver.app.foreign import Circumstances

    return check_file(_put(folder, name, data), Circumstances(python="3.10", cuda="11.7", driver="525.60.13"))


def _import(name: str, data: bytes, folder: Path) -> object:
    from envsolver.app.importing import ImportOptions, import_file

    (folder / "specs").mkdir(parents=True)
    _put(folder, "empty.txt", b"")
    return import_file(folder, _put(folder, name, data), ImportOptions(name="made", python="3.10"))


def _frozen(data: bytes, folder: Path) -> object:
    from envsolver.sources.frozen import loads

    index = loads(data.decode("utf-8", "replace"), str(folder))
    for name in index.names():
        page = index.page(name, "a", "https://h.example/simple")
        assert page is not None
        for release in page.releases:
            for file in page.files(release.version):
                index.metadata(file)
    return index


def _config(name: str, data: bytes, folder: Path) -> object:
    from envsolver.sources.config import default_index_url

    path = str(_put(folder, name, data))
    environ = {"PIP_CONFIG_FILE": path if name == "pip.conf" else os.devnull}
    if name == "uv.toml":
        environ["UV_CONFIG_FILE"] = path
    return default_index_url(environ, folder, folder)


def _manifest(data: bytes, folder: Path) -> object:
    from envsolver.build.manifest import MANIFEST, read_manifest

    _put(folder, MANIFEST, data)
    return read_manifest(folder)


def _bundle(data: bytes, folder: Path) -> object:
    from envsolver.build.bundle import open_bundle

    _put(folder, f"files/{_SHA[:16]}/a-1.0-py3-none-any.whl", b"x")
    _put(folder, "bundle.json", data)
    return open_bundle(folder)


def _advisory(name: str, data: bytes, _folder: Path) -> object:
    from envsolver.sources.osv import read_record

    return read_record(data, name)


def _conda_names(data: bytes, folder: Path) -> object:
    from envsolver.sources.condanames import read_names

    return read_names(data.decode("utf-8", "replace"), str(folder))


def _report(data: bytes, folder: Path) -> object:
    from envsolver.gpu.codec import load_node, load_receipt, load_report

    for load in (load_node, load_receipt):
        try:
            load(data)
        except ValueError:
            continue
    return load_report(data)


_LIVE = b"python: '3.10'\nplatforms: [linux-64]\nfrom: [pyproject.toml, 'pyproject.toml[x]', 'pyproject.toml:dev']\n"
_SPECS = (
    *(path.read_bytes() for path in sorted((_ROOT / "specs").glob("*.yaml"))),
    b"""\
extends: base
python: "3.10"
platforms: [linux-64]
system: {glibc: "2.31"}
from: [pyproject.toml]
conda: [numpy]
channels: [conda-forge]
pip: &base
  - torch==1.13.1
  - "a @ https://h.example/a-1.0-py3-none-any.whl"
groups: {dev: *base, test: [six]}
exclusive: [[dev, test]]
constraints: [numpy<2]
overrides: [six==1.16]
indexes: {gpu: {url: "https://h.example/simple", packages: [torch]}}
gpu: {cuda: "11.7", driver: "525.60.13", allow: [{package: torch, cuda: "11.6", reason: why}]}
rules: {ignore: [{id: TORCH-NUMPY2, reason: why}]}
as-of: "2024-01-01T00:00:00Z"
""",
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\npip: [*c,*c]\n<<: {python: '3.8'}\n",
)
_REQUIREMENTS = (
    b"--index-url https://h.example/simple\nnumpy==1.26.4 \\\n    --hash=sha256:"
    + _SHA.encode()
    + b"""\

    # via
    #   torch
torch[opt]==2.1.2 ; python_version >= '3.8'  # via -r requirements.in
a @ https://h.example/a-1.0-py3-none-any.whl
-r empty.txt
-c empty.txt
-e git+https://h.example/r.git#egg=r
-f ./wheels
b>=1
""",
)
_ENVIRONMENT = (
    b"""\
name: train
channels: [conda-forge, defaults]
dependencies:
  - python=3.10
  - numpy=1.23.5=py310_0
  - win
  - conda-forge::six=1.16
  - pip
  - pip:
    - torch==1.13.1
    - -r empty.txt
variables: {A: b}
""",
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ndependencies: [*c,*c, {pip: *c}]\n",
)
_PYLOCK = (
    b"""\
lock-version = "1.0"
created-by = "x"
[[packages]]
name = "a"
version = "1.0"
marker = "python_version > '3'"
index = "https://h.example/simple"
dependencies = [{name = "b"}]
[[packages.wheels]]
name = "a-1.0-py3-none-any.whl"
url = "https://h.example/a-1.0-py3-none-any.whl"
upload-time = 2024-01-01T00:00:00Z
hashes = {sha256 = \""""
    + _SHA.encode()
    + b"""\
"}
[[packages]]
name = "b"
vcs = {type = "git", url = "https://h.example/b", commit-id = "abc"}
""",
)
_UV = (
    b"""\
version = 1
[[package]]
name = "p"
source = {virtual = "."}
dependencies = [{name = "a", extra = ["x"], marker = "python_version > '3'"}]
[package.metadata]
requires-dist = [{name = "a", specifier = ">=1"}]
[[package]]
name = "a"
version = "1.0"
source = {registry = "https://h.example/simple"}
sdist = {url = "https://h.example/a-1.0.tar.gz", hash = "sha256:"""
    + _SHA.encode()
    + b'"}\n'
    b'wheels = [{url = "https://h.example/a-1.0-py3-none-any.whl", hash = "sha256:' + _SHA.encode() + b'"}]\n'
    b'[package.optional-dependencies]\nx = [{name = "a", version = "1.0"}]\n',
)
_CONDA_LOCK = (
    b"""\
version: 1
metadata:
  sources: []
package:
- name: numpy
  version: '1.23'
  manager: conda
  platform: linux-64
  dependencies: {python: '>=3.8'}
  url: https://h.example/linux-64/numpy-1.23-py310_0.conda
  hash: {sha256: ab}
- name: six
  version: '1.16'
  manager: pip
  platform: linux-64
  url: https://h.example/six-1.16-py3-none-any.whl
""",
)
_PIXI = (
    b"""\
version: 6
environments:
  default:
    channels:
    - url: https://h.example/conda-forge/
    packages:
      linux-64:
      - conda: https://h.example/conda-forge/linux-64/numpy-1.23-py310_0.conda
      - pypi: https://h.example/six-1.16-py3-none-any.whl
packages:
- conda: https://h.example/conda-forge/linux-64/numpy-1.23-py310_0.conda
  sha256: abababababababababababababababababababababababababababababababab
  depends: [python >=3.10]
- pypi: https://h.example/six-1.16-py3-none-any.whl
  name: six
  version: '1.16'
  sha256: abababababababababababababababababababababababababababababababab
  requires_dist: [a>=1]
""",
)
_PIXI_PROJECT = (
    b"""\
[workspace]
name = "train"
channels = ["conda-forge", {channel = "pytorch", priority = 1}]
platforms = ["linux-64"]
[system-requirements]
cuda = "11.6"
[dependencies]
python = "3.10.*"
numpy = {version = ">=1.21", channel = "conda-forge", build = "py310*"}
[pypi-dependencies]
six = "*"
a = {version = ">=1", extras = ["x"]}
b = {git = "https://h.example/b", rev = "abc"}
[pypi-options]
extra-index-urls = ["https://h.example/simple"]
[feature.test.pypi-dependencies]
pytest = "*"
[environments]
test = ["test"]
""",
)
_OSV = (
    json.dumps(
        {
            "id": "PYSEC-1",
            "aliases": ["CVE-1"],
            "published": "2024-01-01T00:00:00Z",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [
                {
                    "package": {"ecosystem": "PyPI", "name": "Torch"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.13.1"}]}],
                    "versions": ["1.0"],
                }
            ],
            "references": [{"type": "ADVISORY", "url": "https://h.example"}],
        }
    ).encode(),
)
_EXPLICIT = (b"@EXPLICIT\nhttps://h.example/conda-forge/linux-64/numpy-1.23-py310_0.conda#" + b"a" * 32 + b"\n",)
_PYPROJECT = (
    b"""\
[project]
name = 'p'
requires-python = '>=3.8'
dependencies = ['torch', 'p[x]']
dynamic = ['version']
[project.optional-dependencies]
x = ['six', 'p[x]']
[dependency-groups]
dev = ['a', {include-group = 'test'}]
test = ['b']
[tool.uv]
index = [{url = 'https://h.example/simple', default = true, format = 'flat'}]
sources = {a = {path = 'b'}}
""",
)
_RULES = (
    b"""\
[[rule]]
id = "OWN-1"
title = "t"
when = ["torch>=1.8,<2.3"]
constrains = ["numpy<2"]
symptom = "s"
python = ">=3.8"
platforms = ["linux-64"]
sources = ["https://h.example"]
verified = "issue"
beside = "six"
[[rule]]
id = "OWN-2"
when = "a"
replaces = "b (>=1)"
by = "b>=1"
sources = "x"
[[rule]]
id = "OWN-3"
when = "a"
finding = "text"
strength = "preference"
severity = "unsupported"
sources = ["x"]
""",
    (_ROOT / "envsolver/knowledge/rules/numpy.toml").read_bytes(),
)
_FROZEN = (
    json.dumps(
        {
            "format": "envsolver-frozen-index-1",
            "index": "https://h.example/simple",
            "sources": ["s"],
            "files": [
                {"name": "a", "filename": "a-1.0-py3-none-any.whl", "sha256": _SHA, "size": 1, "requires_dist": ["b"]},
                {"name": "a", "filename": "a-1.0.tar.gz", "sha256": _SHA, "path": "../x/a-1.0.tar.gz", "uploaded": 1},
            ],
        }
    ).encode(),
)
_UV_TOML = (
    b"""\
index-url = "https://h.example"
[[index]]
name="a"
url="https://h.example"
default=true
[pip]
index-url="x"
[tool.uv]
index=[{}]
""",
)
_PIP_CONF = (
    b"""\
[global]
index-url = https://u:p@h.example/simple
extra-index-url =
  a
  b
[install]
no-index = true
""",
)
_MANIFEST = (
    b"""\
envsolver-manifest 1
environment a
platform linux-64
python 3.11
groups dev
bytecode yes
tree sha256:ab
package six 1.16 """
    + _SHA.encode()
    + b"\n644 "
    + _SHA.encode()
    + b" 10 lib/six.py\n",
)
_BUNDLE = (
    json.dumps(
        {
            "bundle-version": 1,
            "files": [
                {
                    "name": "a",
                    "version": "1",
                    "sha256": _SHA,
                    "path": f"files/{_SHA[:16]}/a-1.0-py3-none-any.whl",
                    "filename": "a-1.0-py3-none-any.whl",
                }
            ],
        }
    ).encode(),
)
_NODE = (
    b"""{"probe": "1", "time": "2024-01-01T00:00:00Z", "python": "3.11.7", "packages": {}, "checks": [],
"system": {"a": []}, "node": {"devices": [], "driver": "550.54", "source": "nvml"}}""",
)


def _locks() -> tuple[bytes, ...]:
    from envsolver.lock.writer import dumps

    small = _ROOT / "locks" / "torch-cpu-py311.lock.toml"
    name = small.name.partition(".")[0].encode()
    return dumps(replace(example(), name="demo")).encode(), small.read_bytes().replace(name, b"demo")


TEXTS: tuple[Target, ...] = (
    Target(
        name="conda-names",
        parse=_conda_names,
        seeds=(b'{"pytorch": "torch", "a": null, "b": ["c"]}', b"pytorch: {conda_name: pytorch, pypi_name: torch}\n"),
        words=(b"null", b"[]", b": ", b"&a ", b"*a"),
    ),
    Target(
        name="import-pixi",
        parse=partial(_import, "pixi.toml"),
        seeds=_PIXI_PROJECT,
        words=(b"[dependencies]\n", b"[feature.x.pypi-dependencies]\n", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="import-pixi-lock", parse=partial(_import, "pixi.lock"), seeds=_PIXI, words=(b"- ", b": ", b"&a ", b"*a")
    ),
    Target(
        name="import-conda-lock",
        parse=partial(_import, "conda-lock.yml"),
        seeds=_CONDA_LOCK,
        words=(b"- ", b": ", b"&a ", b"*a"),
    ),
    Target(
        name="import-explicit", parse=partial(_import, "explicit.txt"), seeds=_EXPLICIT, words=(b"# pip a @ ", b"-")
    ),
    Target(name="live-project", parse=_live_project, seeds=_PYPROJECT, words=_REQUIREMENT_WORDS),
    Target(
        name="uv-project",
        parse=partial(_config, "pyproject.toml"),
        seeds=(*_UV_TOML, *_PYPROJECT),
        words=(b"tool = ", b"[tool.uv]\n", b"index = "),
    ),
    Target(name="check-pixi", parse=partial(_foreign, "pixi.lock"), seeds=_PIXI, words=(b"- ", b": ", b"&a ", b"*a")),
    Target(
        name="osv-json",
        parse=partial(_advisory, "x.json"),
        seeds=_OSV,
        words=(b'"events": ', b'"ranges": '),
        refuses=(ValueError,),
    ),
    Target(
        name="osv-yaml",
        parse=partial(_advisory, "x.yaml"),
        seeds=_OSV,
        words=(b"&a ", b"*a", b"? "),
        refuses=(ValueError,),
    ),
    Target(
        name="spec",
        parse=_spec,
        seeds=_SPECS,
        words=(
            b"extends: train\n",
            b"extends: [base, ../x]\n",
            b"replace:\n",
            b"&a ",
            b"*a",
            b"<<: *a\n",
            b"- ",
            b": ",
            b"!!",
            *_REQUIREMENT_WORDS,
        ),
    ),
    Target(
        name="lock",
        parse=_lock,
        seeds=_locks(),
        words=(
            b"[[package]]\n",
            b"[[package.file]]\n",
            b"[[target]]\n",
            b"targets = []\n",
            b"extra = ",
            b'lock-version = "9.9"\n',
            *_REQUIREMENT_WORDS,
        ),
    ),
    Target(
        name="rules",
        parse=_rules,
        seeds=_RULES,
        words=(b"[[rule]]\n", b"unusable = ", b"conflicts = ", b"by = ", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="check-requirements",
        parse=partial(_foreign, "requirements.txt"),
        seeds=_REQUIREMENTS,
        words=(b"--hash=", b"# via ", b"\\\n", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="check-pylock",
        parse=partial(_foreign, "pylock.toml"),
        seeds=_PYLOCK,
        words=(b"[[packages]]\n", b"marker = ", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="check-uv",
        parse=partial(_foreign, "uv.lock"),
        seeds=_UV,
        words=(b"[[package]]\n", b"marker = ", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="check-conda-lock",
        parse=partial(_foreign, "conda-lock.yml"),
        seeds=_CONDA_LOCK,
        words=(b"- ", b": ", b"&a ", b"*a"),
    ),
    Target(
        name="check-environment",
        parse=partial(_foreign, "environment.yml"),
        seeds=_ENVIRONMENT,
        words=(b"- ", b": ", b"&a ", b"*a", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="check-explicit", parse=partial(_foreign, "explicit.txt"), seeds=_EXPLICIT, words=(b"#", b"/noarch/", b"-")
    ),
    Target(
        name="import-requirements",
        parse=partial(_import, "requirements.in"),
        seeds=_REQUIREMENTS,
        words=_REQUIREMENT_WORDS,
    ),
    Target(
        name="import-environment",
        parse=partial(_import, "environment.yml"),
        seeds=_ENVIRONMENT,
        words=(b"# [linux]", b"- ", *_REQUIREMENT_WORDS),
    ),
    Target(
        name="import-pyproject", parse=partial(_import, "pyproject.toml"), seeds=_PYPROJECT, words=_REQUIREMENT_WORDS
    ),
    Target(
        name="frozen-index", parse=_frozen, seeds=_FROZEN, words=(b"https://[", b"//h/", b"%2e%2e/", b'"yanked": "",')
    ),
    Target(
        name="uv-config", parse=partial(_config, "uv.toml"), seeds=_UV_TOML, words=(b"tool = ", b"pip = ", b"index = ")
    ),
    Target(name="pip-config", parse=partial(_config, "pip.conf"), seeds=_PIP_CONF, words=(b"%(x)s", b"[global]", b"=")),
    Target(name="manifest", parse=_manifest, seeds=_MANIFEST, words=(b"package ", b"link ")),
    Target(name="bundle", parse=_bundle, seeds=_BUNDLE, words=(b'"path": ', b'"files": ')),
    Target(name="gpu-report", parse=_report, seeds=_NODE, words=(b'"node": ', b'"system": '), refuses=(ValueError,)),
)
