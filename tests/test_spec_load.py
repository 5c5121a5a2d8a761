"""Loading a spec: what its keys become, and everything that can be wrong with one file."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import FileError
from envsolver.model.origin import Origin
from envsolver.model.spec import (
    GpuAllow,
    GpuSpec,
    GroupSpec,
    IgnoredRule,
    ImpliedBoundsSpec,
    ImportCheck,
    IndexSpec,
    Note,
    SystemSpec,
)
from envsolver.model.target import Target
from envsolver.spec.catalogue import spec_heads
from envsolver.spec.load import load_spec
from tests.support.specs import MINIMAL, load, messages, write_specs

if TYPE_CHECKING:
    from pathlib import Path

FULL = """\
    name: env
    aliases: [other]
    title: Everything
    description: |
      Two
      lines.
    status: preview
    python: 3.10
    platforms: [linux-64, osx-arm64]
    system:
      os: ubuntu20.04
      glibc: 2.31
      osx-arm64: {macos: 13}
    gpu:
      cuda: 11.7
      driver: 515.43.04
      architectures: [7.0, "8.0"]
      allow:
        - {package: OnnxRuntime.Training, cuda: 11.6, reason: same major}
    indexes:
      pytorch:
        url: https://download.pytorch.org/whl/cu117
        packages: [torch, Torch_Vision, nvidia_*]
        frozen: indexes/cu117.json
        platforms: [linux-64]
      flat: {url: wheels, kind: find-links}
    pip:
      - torch==1.13.1
      - {requirement: "numpy; sys_platform != 'win32'", reason: arrays}
      - mine @ git+https://example.org/mine@v1
    constraints: [{requirement: numpy<2, reason: ABI}]
    overrides: [protobuf<4]
    groups:
      Dev_Tools: [pytest]
      horovod:
        description: Distributed.
        requirements: [horovod]
        build-notes: a toolkit
        imports: [horovod.torch]
    exclusive: [[dev.tools, horovod]]
    as-of: 2023-03-09T01:30:00+01:00
    base-image: registry/image:tag
    imports: [torch, numpy]
    notes: [{subject: MSCCL, text: no package}]
    labels: {team: vision, year: 2023}
    implied-bounds: {horizon: 180d, packages: {NumPy: off, torch: 30d}}
    rules: {ignore: [{id: TORCH-NUMPY2, reason: own build, until: 2027-03-01}]}
    """


def test_every_key(tmp_path: Path) -> None:
    write_specs(tmp_path, env=FULL)
    spec = load(tmp_path)
    path = "specs/env.yaml"
    assert (spec.name, spec.aliases, spec.title, spec.status) == ("env", ("other",), "Everything", "preview")
    assert spec.description == "Two\nlines."
    assert (spec.python, spec.python_origin) == ("3.10", Origin(path, 8))
    assert spec.platforms == ("linux-64", "osx-arm64")
    assert spec.gpu == GpuSpec(
        backend="cuda",
        origin=Origin(path, 15),
        version="11.7",
        driver="515.43.04",
        architectures=("7.0", "8.0"),
        allow=(GpuAllow(package="onnxruntime-training", cuda="11.6", reason="same major", origin=Origin(path, 19)),),
    )
    assert spec.indexes == (
        IndexSpec(
            alias="pytorch",
            url="https://download.pytorch.org/whl/cu117",
            origin=Origin(path, 22),
            packages=("torch", "torch-vision", "nvidia-*"),
            frozen="indexes/cu117.json",
            platforms=("linux-64",),
        ),
        IndexSpec(alias="flat", url="wheels", origin=Origin(path, 26), kind="find-links"),
    )
    assert [(item.group, item.text, item.origin.line, item.reason) for item in spec.requirements] == [
        ("", "torch==1.13.1", 28, None),
        ("", "numpy; sys_platform != 'win32'", 29, "arrays"),
        ("", "mine @ git+https://example.org/mine@v1", 30, None),
        ("dev-tools", "pytest", 34, None),
        ("horovod", "horovod", 37, None),
    ]
    assert [(item.text, item.reason) for item in spec.constraints] == [("numpy<2", "ABI")]
    assert [item.text for item in spec.overrides] == ["protobuf<4"]
    assert spec.groups == ("dev-tools", "horovod")
    assert spec.group_specs[1] == GroupSpec(
        name="horovod", origin=Origin(path, 36), description="Distributed.", build_notes="a toolkit"
    )
    assert spec.exclusive == (("dev-tools", "horovod"),)
    assert spec.as_of == "2023-03-09T00:30:00Z"
    assert spec.base_image == "registry/image:tag"
    assert spec.imports == (
        ImportCheck(module="torch"),
        ImportCheck(module="numpy"),
        ImportCheck(module="horovod.torch", group="horovod"),
    )
    assert spec.notes == (Note(subject="MSCCL", text="no package", origin=Origin(path, 44)),)
    assert spec.extra == {"team": "vision", "year": "2023"}
    assert spec.implied_bounds == ImpliedBoundsSpec(horizon=180, packages={"numpy": "off", "torch": 30})
    assert spec.ignored_rules == (
        IgnoredRule(id="TORCH-NUMPY2", reason="own build", origin=Origin(path, 47), until="2027-03-01"),
    )
    assert spec.files == (path,)


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("off", ImpliedBoundsSpec(horizon="off")),
        ("false", ImpliedBoundsSpec(horizon="off")),
        ("'180d'", ImpliedBoundsSpec(horizon=180)),
        ("{horizon: off}", ImpliedBoundsSpec(horizon="off")),
        ("{packages: {a: 9d}}", ImpliedBoundsSpec(packages={"a": 9})),
        ("{}", ImpliedBoundsSpec()),
    ],
)
def test_implied_bounds(tmp_path: Path, written: str, meaning: ImpliedBoundsSpec) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}implied-bounds: {written}\n")
    assert load(tmp_path).implied_bounds == meaning


def test_systems_and_targets(tmp_path: Path) -> None:
    write_specs(tmp_path, env=FULL)
    spec = load(tmp_path)
    assert spec.system_for("linux-64") == SystemSpec(os="ubuntu20.04", glibc="2.31")
    assert spec.system_for("osx-arm64").macos == "13"
    assert spec.target("linux-64") == Target(platform="linux-64", python="3.10.22", glibc="2.31")
    assert spec.target("osx-arm64") == Target(platform="osx-arm64", python="3.10.22", macos="13")


def test_minimal(tmp_path: Path) -> None:
    write_specs(tmp_path, env=MINIMAL)
    spec = load(tmp_path)
    assert (spec.name, spec.python, spec.status, spec.as_of, spec.gpu) == ("env", "3.9", "supported", None, None)
    assert spec.target("linux-64").glibc is None


def test_to_load_without_validation_imports_little(tmp_path: Path) -> None:
    """The digest of a spec is asked for by every command, mostly to learn that nothing is to be done."""
    write_specs(tmp_path, env=FULL)
    code = """if True:
        import sys
        from pathlib import Path
        from envsolver.spec import inputs_digest, load_spec
        inputs_digest(load_spec(Path("specs/env.yaml"), Path(), validate=False))
        heavy = {"packaging", "difflib", "tomllib", "jsonschema", "asyncio", "aiohttp", "rattler", "msgspec", "click"}
        print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_validation_the_result_is_the_same(tmp_path: Path) -> None:
    write_specs(tmp_path, env=FULL)
    assert load_spec(tmp_path / "specs/env.yaml", tmp_path, validate=False) == load(tmp_path)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2023-03-09", "2023-03-09T00:00:00Z"),
        ("'2023-03-09T12:00:00Z'", "2023-03-09T12:00:00Z"),
        ("2023-03-09 12:00:00.25-05:00", "2023-03-09T17:00:00.250000Z"),
    ],
)
def test_as_of(tmp_path: Path, written: str, instant: str) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}as-of: {written}\n")
    assert load(tmp_path).as_of == instant


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Python: 3.9", "unknown key 'Python' (did you mean 'python'?)"),
        ("as_of: 2023-01-01", "unknown key 'as_of' (did you mean 'as-of'?)"),
        ("dependencies: [x]", "unknown key 'dependencies' (did you mean 'pip'?)"),
        ("zzz: 1", "unknown key 'zzz' (known: name, extends,"),
        ("build: x", "build: expected a mapping from packages to what their builds need"),
        ("name: other", "name is 'other', but the file is called 'env'"),
        ("status: aktive", "status: expected a status, found 'aktive' (did you mean 'supported'?"),
        ("title: [a]", "title: expected a text, found a list"),
        ("title:", "title: expected a text, found nothing"),
        ("title: ''", "title: expected a text, found an empty text"),
        ('title: "a\\nb"', "title: expected a text on one line, found 2 lines"),
        ("constraints: numpy<2", "constraints: expected a list of constraints, found 'numpy<2' (write [numpy<2])"),
        ("constraints:", "constraints: expected a list of constraints, found nothing (leave the key out, or write [])"),
        ("constraints: {numpy: <2}", "expected a list of constraints, found a mapping (put '- ' before each entry)"),
        ("constraints: [numpy]", "'numpy' constrains nothing (for example numpy<2)"),
        ("constraints: ['numpy[x]<2']", "asks for extras; a constraint brings nothing in"),
        ("constraints: ['a @ https://h/a.whl']", "is a direct reference; a constraint narrows versions"),
        ("overrides: [{reason: x}]", "overrides[0].requirement is missing (expected a requirement)"),
        ("groups: {a b: []}", "groups: expected the name of a group, found 'a b'"),
        ("groups: {a_b: [], A-B: []}", "groups: 'A-B' is the same name as another key ('a-b')"),
        ("groups: {dev: pytest}", "groups.dev: expected a list of requirements, found 'pytest' (write [pytest])"),
        ("groups: {dev: {pip: []}}", "unknown key 'pip' under 'groups.dev' (did you mean 'requirements'?)"),
        ("exclusive: [[dev, tets]]\ngroups: {dev: [], test: []}", "there is no group 'tets' (did you mean 'test'?)"),
        ("exclusive: [[dev]]\ngroups: {dev: []}", "exclusive[0]: expected a list of groups, found a list (at least 2)"),
        ("exclusive: [[dev, Dev]]\ngroups: {dev: []}", "exclusive: a group cannot exclude itself"),
        ("as-of: 30 days", "as-of: expected a date (2023-03-09) or an instant"),
        ("as-of: 2023-02-30", "found '2023-02-30'"),
        ("as-of: 2023-03-09T10:00:00", "(add the time zone: Z or +00:00)"),
        ("implied-bounds: 180", "implied-bounds: expected a horizon such as 180d, found '180' (write 180d)"),
        ("implied-bounds: 3 days", "found '3 days' (write 3d)"),
        ("implied-bounds: on", "implied-bounds: expected off, or days such as 180d, found 'on'"),
        ("implied-bounds: 0d", "found '0d'"),
        ("implied-bounds:", "implied-bounds: expected off, a horizon such as 180d, or a mapping, found nothing"),
        ("implied-bounds: {numpy: off}", "unknown key 'numpy' under 'implied-bounds' (known: horizon, packages)"),
        ("implied-bounds: {packages: [numpy]}", "expected a mapping from packages to horizons, found a list"),
        ("implied-bounds: {packages: {numpy: 1}}", "implied-bounds.packages.numpy: expected a horizon such as 180d"),
        ("horizon: off", "unknown key 'horizon' (did you mean 'implied-bounds'?)"),
        ("rules: [A]", "rules: expected a mapping with ignore, found a list"),
        ("rules: {ignore: [A]}", "rules.ignore[0]: expected a mapping with id and reason, found 'A'"),
        ("rules: {ignore: [{id: A}]}", "rules.ignore[0].reason is missing"),
        ("rules: {ignore: [{id: torch_numpy2, reason: r}]}", "found 'torch_numpy2' (write TORCH-NUMPY2)"),
        ("rules: {ignore: [{id: A, reason: r, until: 2027-02-29}]}", "expected a date such as 2027-03-01, found"),
        ("rules: {ignore: [{id: A, reason: r}, {id: A, reason: s}]}", "A is ignored in specs/env.yaml:4 already"),
        ("imports: [torch-ort]", "imports[0]: expected the name of a module, found 'torch-ort'"),
        ("notes: [{subject: x}]", "notes[0].text is missing"),
        ("base-image: a b", "base-image: expected the name of an image, found 'a b'"),
        ("aliases: ['../x']", "aliases[0]: expected a name, found '../x'"),
        ("replace: [numpy]", "replace: no base has 'numpy' (without 'extends' there is nothing)"),
        ("from: setup.py", "from[0]: expected pyproject.toml, pyproject.toml[EXTRA] or pyproject.toml:GROUP"),
    ],
)
def test_one_wrong_line(tmp_path: Path, line: str, said: str) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}{line}\n")
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:4: ")
    assert said in message


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2.7", "expected a Python version from 3.7 to 3.14, found '2.7'"),
        ("3.1", "found '3.1'"),
        ("'>=3.8'", "found '>=3.8' (one version, not a range: 3.8)"),
        ("3.9.x", "found '3.9.x'"),
        ("[3.9]", "python: expected a Python version, found a list"),
        ("3.9.26", "there is no Python 3.9.26: the last release of 3.9 is 3.9.25 (write 3.9.25)"),
        ("3.11.07", "expected a Python version from 3.7 to 3.14, found '3.11.07'"),
    ],
)
def test_python(tmp_path: Path, version: str, said: str) -> None:
    write_specs(tmp_path, env=f"python: {version}\nplatforms: [linux-64]\npip: [numpy]\n")
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:1: ")
    assert said in message


@pytest.mark.parametrize(
    ("platform", "meant"),
    [
        ("linux", "linux-64"),
        ("linux-x86_64", "linux-64"),
        ("manylinux_2_28_x86_64", "linux-64"),
        ("aarch64-unknown-linux-gnu", "linux-aarch64"),
        ("macos", "osx-arm64"),
        ("osx-arm46", "osx-arm64"),
        ("Windows", "win-64"),
        ("win_amd64", "win-64"),
    ],
)
def test_platforms(tmp_path: Path, platform: str, meant: str) -> None:
    write_specs(tmp_path, env=f"python: 3.9\nplatforms: [{platform}]\npip: [numpy]\n")
    (message,) = messages(tmp_path)
    assert f"platforms[0]: expected a platform, found '{platform}' (did you mean '{meant}'?" in message


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("torch=1.13", "is conda's way to write a version (write torch==1.13)"),
        ("torch=1.13=py3.9_0", "is conda's way to write a version (write torch==1.13)"),
        ("torch 1.13", "(write torch==1.13)"),
        ("-r base.txt", "options such as '-r' are not requirements"),
        ("--index-url=https://u:secret@h/simple", "options such as '--index-url' are not requirements"),
        ("./wheels/x-1.0-py3-none-any.whl", "is a path"),
        ("C:\\\\x.whl", "is a path"),
        ("x-1.0.tar.gz", "is a file"),
        ("https://h/x-1.0.tar.gz", "has no name (write NAME @ https://h/x-1.0.tar.gz)"),
        ("x @ ftp://h/x.whl", "'ftp' is no scheme that can be locked"),
        ("x @ https://user:secret@h/x.whl", "'x @ https://****@h/x.whl' carries credentials"),
        ("x @ https://token@h/x.whl", "'x @ https://****@h/x.whl' carries credentials"),
        ("numpy>=1 # newest", "contains a comment"),
        ("numpy>=>1", "is not a valid requirement"),
        ("numpy; extra == 'x'", "asks for an extra in its marker"),
        ("[x]", "does not begin with the name of a project"),
        ("été", "does not begin with the name of a project"),
    ],
)
def test_requirements(tmp_path: Path, requirement: str, said: str) -> None:
    write_specs(tmp_path, env=f'python: 3.9\nplatforms: [linux-64]\npip:\n  - "{requirement}"\n')
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:4: pip[0]: ")
    assert said in message
    assert "secret" not in message
    assert "token" not in message


@pytest.mark.parametrize(
    "requirement",
    [
        "torch",
        "Torch[a, b-c]>=1.0,<2 ; python_version < '3.9' and sys_platform == 'linux'",
        "torch==1.12.1+cu116",
        "a @ https://h/a-1.0-py3-none-any.whl#sha256=00",
        "a @ git+ssh://git@h/a.git@v1",
        "a @ file:///srv/a.tar.gz",
        "zope.interface~=5.0",
        "x===1.0-custom",
    ],
)
def test_accepted_requirements(tmp_path: Path, requirement: str) -> None:
    write_specs(tmp_path, env=f'python: 3.9\nplatforms: [linux-64]\npip: ["{requirement}"]\n')
    assert load(tmp_path).requirements[0].text == requirement


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("torch: ==1.13", "pip[0]: expected a requirement, found a mapping with the key 'torch' (write torch==1.13)"),
        ("torch: 'why'", "(quote a text that contains ': ')"),
        ("[torch]", "pip[0]: expected a requirement, found a list"),
        ("", "pip[0]: expected a requirement or a mapping, found nothing"),
        ("torch: {version: 1.13}", "unknown key 'torch' under 'pip[0]' (known: requirement, reason)"),
        ("{requirement: torch, raeson: x}", "unknown key 'raeson' under 'pip[0]' (did you mean 'reason'?)"),
    ],
)
def test_entries_that_are_no_requirements(tmp_path: Path, entry: str, said: str) -> None:
    write_specs(tmp_path, env=f"python: 3.9\nplatforms: [linux-64]\npip:\n  - {entry}\n")
    assert said in "\n".join(messages(tmp_path))


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        ("{driver: 515.43}", "gpu: backend is missing (cuda, rocm or cpu)"),
        ("{backend: cuda}", "gpu: cuda is missing"),
        ("{backend: cuda, rocm: 6.4, cuda: 11.7}", "gpu: 'rocm' means nothing where the backend is cuda"),
        ("{backend: cpu, driver: 515.43}", "gpu: 'driver' means nothing where the backend is cpu"),
        ("{backend: nvidia, cuda: 11.7}", "found 'nvidia' (did you mean 'cuda'?"),
        ("{cuda: 11}", "gpu.cuda: expected a CUDA version such as 11.7, found '11'"),
        ("{cuda: 11.7, architectures: [sm_86]}", "found 'sm_86' (write 8.6)"),
        ("{cuda: 11.7, architectures: [80]}", "found '80' (write 8.0)"),
        ("{cuda: 11.7, architectures: [gfx90a]}", "gpu: 'gfx90a' is no architecture of cuda"),
        ("{rocm: 6.4, architectures: [8.0]}", "gpu: '8.0' is no architecture of rocm"),
        ("{cuda: 11.7, allow: [{package: x, cuda: 11.6}]}", "gpu.allow[0].reason is missing"),
    ],
)
def test_gpu(tmp_path: Path, gpu: str, said: str) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}gpu: {gpu}\n")
    (message,) = messages(tmp_path)
    assert said in message


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("default: {url: 'https://h/simple'}", "indexes: 'default' is a reserved name"),
        ("direct: {url: 'https://h/simple'}", "indexes: 'direct' is a reserved name"),
        ("A: {url: 'https://h/simple'}", "indexes: expected an alias, found 'A'"),
        ("a: {}", "indexes.a: url is missing, here and in every base"),
        ("a: {url: 'https://user:secret@h/simple'}", "'https://****@h/simple' carries credentials"),
        ("a: {url: 'https://${TOKEN}@h/simple'}", "carries credentials"),
        ("a: {url: 'https://h/${TOKEN}/simple'}", "variables are not filled in here"),
        ("a: {url: 'https://h/simple?sig=secret'}", "has neither a query nor a fragment"),
        ("a: {url: h.example.org/simple}", "has no scheme (write https://h.example.org/simple)"),
        ("a: {url: 'ftp://h/simple'}", "'ftp' is no scheme of an index"),
        ("a: {url: 'https:///'}", "names no host"),
        ("a: {url: 'user:secret@h/simple'}", "the URL has no scheme (write https://…"),
        ("a: {url: 'https:/h/simple'}", "the URL has no scheme"),
        ("a: {url: ../wheels}", "leads out of the project"),
        ("a: {url: /srv/wheels}", "is not a relative path"),
        ("a: {url: wheels, frozen: ../../x.json}", "leads out of the project"),
        ("a: {url: wheels, kind: flat}", "found 'flat' (did you mean 'find-links'?"),
        (
            "a: {url: wheels, packages: ['*']}",
            "expected the name of a package or a pattern such as nvidia-*, found '*'",
        ),
        (
            "a: {url: w, packages: [x]}\n  b: {url: v, packages: [X]}",
            "'x' is bound to the index 'b' here and to 'a' in",
        ),
    ],
)
def test_indexes(tmp_path: Path, index: str, said: str) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}indexes:\n  {index}\n")
    (message,) = messages(tmp_path)
    assert said in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "line",
    [
        "indexes: https://user:secret@h/simple",
        "indexes: {a: https://user:secret@h/simple}",
        "https://user:secret@h/simple: x",
        "base-image: https://user:secret@h x",
        "as-of: https://secret@h/",
        "from: https://user:secret@h/pyproject.toml?",
        "constraints: https://user:secret@h/x",
        "overrides: [{https://user:secret@h/x: y}]",
        "replace: [https://user:secret@h/]",
    ],
)
def test_credentials_are_never_repeated(tmp_path: Path, line: str) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}{line}\n")
    said = messages(tmp_path) + [str(problem) for head in spec_heads(tmp_path) for problem in head.problems]
    assert len(said) > 1
    assert "secret" not in "\n".join(said)


def test_a_package_may_be_bound_anew_on_another_platform(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        env=f"""{MINIMAL}indexes:
  a: {{url: w, packages: [x], platforms: [linux-64]}}
  b: {{url: v, packages: [x], platforms: [win-64, osx-64]}}
""",
    )
    assert [index.packages for index in load(tmp_path).indexes] == [("x",), ("x",)]


def test_what_is_missing(tmp_path: Path) -> None:
    write_specs(tmp_path, env="title: nothing else\n")
    missing = "is missing, here and in every base"
    python, platforms, nothing = messages(tmp_path)
    assert python.startswith(f"specs/env.yaml:1: python {missing} (expected a Python version, for example")
    assert platforms.startswith(f"specs/env.yaml:1: platforms {missing} (expected a list of platforms, for example")
    assert nothing == "specs/env.yaml:1: there is nothing to lock (list requirements under 'pip')"


def test_what_is_wrong_is_not_also_missing(tmp_path: Path) -> None:
    write_specs(tmp_path, env="python: 2\nplatforms: linux\npip: numpy\n")
    assert [message.split(":")[2] for message in messages(tmp_path)] == [" python", " platforms", " pip"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "specs/env.yaml: the file is empty"),
        ("# nothing\n", "specs/env.yaml: the file is empty"),
        ("---\n~\n", "specs/env.yaml: the file is empty"),
        ("numpy\n", "expected a mapping with name, python, platforms and pip, found 'numpy'"),
        ("- numpy\n", "expected a mapping with name, python, platforms and pip, found a list"),
        ("a: [\n", "specs/env.yaml:1: not valid YAML"),
    ],
)
def test_files_that_are_no_specs(tmp_path: Path, text: str, said: str) -> None:
    write_specs(tmp_path, env=text)
    (message,) = messages(tmp_path)
    assert said in message


def test_all_problems_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    write_specs(tmp_path, env="pip: [a=1, b>>2]\npython: 4\nplatforms: [lunix-64]\nstauts: x\ntitle: a\ntitle: b\n")
    lines = [int(message.split(":")[1]) for message in messages(tmp_path)]
    assert lines == [1, 1, 2, 3, 4, 6]


@pytest.mark.parametrize(
    ("requirements", "contradiction"),
    [
        (["a==1", "a==2"], True),
        (["A.b==1.0", "a-b==1.1; python_version>'3'"], False),
        (["a==1; python_version>'3'", "a==2; python_version > '3'"], True),
        (["a==1.0", "a==1"], False),
        (["a==1.12.1", "a==1.12.1+cu116"], False),
        (["a==1+x", "a==1+y"], True),
        (["a==1.*", "a==1.5"], False),
        (["a>=2", "a<1"], False),
    ],
)
def test_contradictory_pins(tmp_path: Path, requirements: list[str], *, contradiction: bool) -> None:
    entries = "".join(f'  - "{requirement}"\n' for requirement in requirements)
    write_specs(tmp_path, env=f"python: 3.9\nplatforms: [linux-64]\npip:\n{entries}")
    if not contradiction:
        assert len(load(tmp_path).requirements) == 2
        return
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:5: ")
    assert message.endswith("in specs/env.yaml:4 (keep one of them)")


def test_groups_that_contradict_each_other_can_be_declared_exclusive(tmp_path: Path) -> None:
    write_specs(tmp_path, env="python: 3.9\nplatforms: [linux-64]\ngroups:\n  old: [a==1]\n  new: [a==2]\n")
    (message,) = messages(tmp_path)
    assert message.endswith("(keep one of them, or add 'exclusive: [[old, new]]')")


def test_exclusive_groups_may_contradict_each_other(tmp_path: Path) -> None:
    groups = "groups: {old: [a==1], new: [a==2]}\n"
    write_specs(tmp_path, env=f"{MINIMAL}{groups}", apart=f"{MINIMAL}{groups}exclusive: [[old, new]]\n")
    assert "'a==2' contradicts 'a==1'" in messages(tmp_path)[0]
    assert load(tmp_path, "apart").exclusive == (("old", "new"),)


def test_names(tmp_path: Path) -> None:
    write_specs(tmp_path)
    (tmp_path / "specs/a b.yaml").write_text(MINIMAL)
    (tmp_path / "specs/_base.yaml").write_text(MINIMAL)
    assert "'a b' cannot be the name of an environment" in messages(tmp_path, "a b")[0]
    assert messages(tmp_path, "_base")[0].startswith("specs/_base.yaml: a base for other specs, not an environment")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "specs/env.yaml").mkdir(parents=True)
    with pytest.raises(FileError, match=r"specs/env\.yaml: cannot be read"):
        load(tmp_path)
    with pytest.raises(FileError, match=r"specs/none\.yaml: cannot be read: no such file"):
        load(tmp_path, "none")
