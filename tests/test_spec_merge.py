"""``extends`` and ``replace``: what is inherited, what has to be said, and what families that are wrong hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.model.spec import ImpliedBoundsSpec
from tests.support.specs import load, messages, write_specs

if TYPE_CHECKING:
    from pathlib import Path

BASE = """\
    python: 3.9
    platforms: [linux-64]
    title: The base
    status: deprecated
    aliases: [base-alias]
    base-image: image:1
    system: {os: ubuntu20.04, glibc: 2.31}
    gpu:
      cuda: 11.6
      driver: 510.39.01
      allow: [{package: a, cuda: 11.5, reason: r}]
    indexes:
      pytorch: {url: https://h/whl, packages: [torch]}
    pip: [torch==1.12.1, numpy<1.24]
    constraints: [numpy<2, protobuf<4]
    overrides: [six>=1]
    groups:
      dev: {requirements: [pytest, numpy], imports: [pytest], description: d}
    exclusive: []
    imports: [torch]
    notes: [{subject: s, text: t}]
    labels: {team: base, kept: "yes"}
    implied-bounds: {horizon: 180d, packages: {numpy: off}}
    rules: {ignore: [{id: A, reason: r}]}
    """


def test_everything_applies(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        _base=BASE,
        env="""\
            extends: _base
            system: {linux-64: {glibc: 2.35}}
            gpu: {architectures: [8.0], allow: [{package: b, cuda: 11.5, reason: r}]}
            indexes:
              pytorch: {packages: [torchvision]}
              other: {url: https://o/simple}
            pip: [scipy]
            constraints: [scipy<2]
            overrides: [six<2]
            groups: {dev: [black], docs: [sphinx]}
            exclusive: [[dev, docs]]
            imports: [scipy]
            notes: [{subject: s2, text: t2}]
            labels: {team: env}
            implied-bounds: {horizon: 180d, packages: {torch: 30d, NumPy: "off"}}
            rules: {ignore: [{id: B, reason: s}]}
            """,
    )
    spec = load(tmp_path)
    assert (spec.python, spec.platforms, spec.base_image) == ("3.9", ("linux-64",), "image:1")
    assert spec.python_origin.path == "specs/_base.yaml"
    assert [(item.group, item.text) for item in spec.requirements] == [
        ("", "torch==1.12.1"),
        ("", "numpy<1.24"),
        ("", "scipy"),
        ("dev", "pytest"),
        ("dev", "numpy"),
        ("dev", "black"),
        ("docs", "sphinx"),
    ]
    assert str(spec.requirements[0].origin) == "specs/_base.yaml:14"
    assert str(spec.requirements[2].origin) == "specs/env.yaml:7"
    assert [item.text for item in spec.constraints] == ["numpy<2", "protobuf<4", "scipy<2"]
    assert [item.text for item in spec.overrides] == ["six>=1", "six<2"]
    assert spec.system_for("linux-64").glibc == "2.35"
    assert spec.system_for("linux-64").os == "ubuntu20.04"
    assert spec.gpu is not None
    assert (spec.gpu.version, spec.gpu.driver, spec.gpu.architectures) == ("11.6", "510.39.01", ("8.0",))
    assert [allow.package for allow in spec.gpu.allow] == ["a", "b"]
    assert [(index.alias, index.url, index.packages) for index in spec.indexes] == [
        ("pytorch", "https://h/whl", ("torch", "torchvision")),
        ("other", "https://o/simple", ()),
    ]
    assert [(check.group, check.module) for check in spec.imports] == [("", "torch"), ("", "scipy"), ("dev", "pytest")]
    assert [note.subject for note in spec.notes] == ["s", "s2"]
    assert spec.extra == {"team": "env", "kept": "yes"}
    assert spec.implied_bounds == ImpliedBoundsSpec(horizon=180, packages={"numpy": "off", "torch": 30})
    assert [(rule.id, str(rule.origin)) for rule in spec.ignored_rules] == [
        ("A", "specs/_base.yaml:24"),
        ("B", "specs/env.yaml:16"),
    ]
    assert spec.files == ("specs/_base.yaml", "specs/env.yaml")


def test_what_describes_one_file_is_not_inherited(tmp_path: Path) -> None:
    write_specs(tmp_path, base=BASE, env="extends: base\n")
    spec = load(tmp_path)
    assert (spec.name, spec.aliases, spec.title, spec.status) == ("env", (), None, "supported")


@pytest.mark.parametrize(
    ("line", "said", "address"),
    [
        ("python: 3.10", "python is '3.10' here and '3.9' in specs/_base.yaml:1", "python"),
        ("platforms: [osx-64]", "platforms is [osx-64] here and [linux-64] in specs/_base.yaml:2", "platforms"),
        ("system: {glibc: 2.35}", "system.glibc is '2.35' here and '2.31' in specs/_base.yaml:7", "system.glibc"),
        ("gpu: {driver: '600.1'}", "gpu.driver is '600.1' here and '510.39.01' in specs/_base.yaml:10", "gpu.driver"),
        ("gpu: {cuda: 11.7}", "gpu.cuda is '11.7' here and '11.6' in specs/_base.yaml:9", "gpu.cuda"),
        ("implied-bounds: off", "horizon is 'off' here and '180d' in specs/_base.yaml:23", "implied-bounds.horizon"),
        (
            "implied-bounds: {packages: {numpy: 9d}}",
            "implied-bounds.packages.numpy is '9d' here and 'off' in specs/_base.yaml:23",
            "implied-bounds.packages.numpy",
        ),
        ("indexes: {pytorch: {url: w}}", "indexes.pytorch: url is 'w' here and 'https://h/whl' in", "indexes.pytorch"),
    ],
)
def test_contradictions_must_be_meant(tmp_path: Path, line: str, said: str, address: str) -> None:
    write_specs(
        tmp_path, _base=BASE, env=f"extends: _base\n{line}\n", meant=f"extends: _base\n{line}\nreplace: [{address}]"
    )
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:2: ")
    assert said in message
    assert message.endswith(f"(to have this one, add 'replace: [{address}]')")
    load(tmp_path, "meant")


def test_a_rule_is_ignored_once(tmp_path: Path) -> None:
    line = "rules: {ignore: [{id: A, reason: other}]}"
    write_specs(
        tmp_path, _base=BASE, env=f"extends: _base\n{line}\n", meant=f"extends: _base\n{line}\nreplace: [rules.ignore]"
    )
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:2: rules: A is ignored in specs/_base.yaml:24 already (say it once")
    assert [rule.reason for rule in load(tmp_path, "meant").ignored_rules] == ["other"]


def test_to_say_the_same_is_no_contradiction(tmp_path: Path) -> None:
    write_specs(tmp_path, _base=BASE, env="extends: _base\npython: '3.9'\nplatforms:\n- linux-64\n")
    assert load(tmp_path).python == "3.9"


@pytest.mark.parametrize(
    ("replace", "requirements", "constraints"),
    [
        ("[numpy]", ["torch==1.12.1", "pytest"], ["protobuf<4"]),
        ("[NumPy, torch]", ["pytest"], ["protobuf<4"]),
        ("[pip]", ["pytest", "numpy"], ["numpy<2", "protobuf<4"]),
        ("[pip.numpy]", ["torch==1.12.1", "pytest", "numpy"], ["numpy<2", "protobuf<4"]),
        ("[constraints.numpy]", ["torch==1.12.1", "numpy<1.24", "pytest", "numpy"], ["protobuf<4"]),
        ("[constraints, groups.dev]", ["torch==1.12.1", "numpy<1.24"], []),
        ("[groups]", ["torch==1.12.1", "numpy<1.24"], ["numpy<2", "protobuf<4"]),
    ],
)
def test_replace(tmp_path: Path, replace: str, requirements: list[str], constraints: list[str]) -> None:
    write_specs(tmp_path, _base=BASE, env=f"extends: _base\nreplace: {replace}\npip: [numpy==1.26.4]\n")
    spec = load(tmp_path)
    base = [item.text for item in spec.requirements if item.origin.path == "specs/_base.yaml"]
    assert base == requirements
    assert [item.text for item in spec.constraints] == constraints
    assert "numpy==1.26.4" in [item.text for item in spec.requirements]


def test_parts_of_a_mapping_are_replaced_alone(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        _base=BASE,
        env="extends: _base\nreplace: [gpu.driver, labels.team, notes]\ngpu: {driver: 515.43.04}\n",
        no__gpu="extends: _base\nreplace: [gpu, indexes.pytorch]\n",
    )
    spec = load(tmp_path)
    assert spec.gpu is not None
    assert (spec.gpu.version, spec.gpu.driver) == ("11.6", "515.43.04")
    assert (spec.extra, spec.notes) == ({"kept": "yes"}, ())
    assert (load(tmp_path, "no-gpu").gpu, load(tmp_path, "no-gpu").indexes) == (None, ())


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("nunpy", " (did you mean 'numpy'?)"),
        ("gpu.drivr", " (did you mean 'gpu.driver'?)"),
        ("indexes.pytorhc", " (did you mean 'indexes.pytorch'?)"),
        ("as-of", ""),
        ("title", ""),
        ("pip.six", " (did you mean 'six'?)"),
        ("platforms.linux-64", " (did you mean 'platforms'?)"),
    ],
)
def test_replacing_nothing_is_a_mistake(tmp_path: Path, address: str, hint: str) -> None:
    write_specs(tmp_path, _base=BASE, env=f"extends: _base\nreplace:\n  - {address}\n")
    assert messages(tmp_path) == [f"specs/env.yaml:3: replace: no base has '{address}'{hint}"]


def test_what_was_replaced_can_be_missing(tmp_path: Path) -> None:
    write_specs(tmp_path, _base=BASE, env="extends: _base\nreplace: [python]\n")
    (message,) = messages(tmp_path)
    assert "python is missing, here and in every base" in message


def test_pins_of_base_and_child_that_contradict(tmp_path: Path) -> None:
    write_specs(tmp_path, _base=BASE, env="extends: _base\npip: [torch==1.13.1]\n")
    (message,) = messages(tmp_path)
    assert message.startswith("specs/env.yaml:2: 'torch==1.13.1' contradicts 'torch==1.12.1' in specs/_base.yaml:14")
    assert message.endswith("(keep one of them, or add 'replace: [torch]')")


def test_chain(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        _a="python: 3.9\npip: [a]\n",
        b="extends: _a\nplatforms: [linux-64]\npip: [b]\n",
        env="extends: b\npip: [c]\n",
    )
    spec = load(tmp_path)
    assert [item.text for item in spec.requirements] == ["a", "b", "c"]
    assert spec.files == ("specs/_a.yaml", "specs/b.yaml", "specs/env.yaml")


def test_what_several_bases_share_counts_once(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        _root="python: 3.9\nplatforms: [linux-64]\npip: [numpy, numpy]\ngroups: {dev: [pytest]}\n",
        _left="extends: _root\npip: [left]\n",
        _right="extends: _root\npip: [right]\nreplace: [numpy]\n",
        env="extends: [_left, _right]\npip: [own]\n",
    )
    spec = load(tmp_path)
    assert [item.text for item in spec.requirements] == ["numpy", "numpy", "left", "right", "own", "pytest"]
    assert spec.files == ("specs/_root.yaml", "specs/_left.yaml", "specs/_right.yaml", "specs/env.yaml")


def test_bases_that_contradict_each_other(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        _left="python: 3.9\nplatforms: [linux-64]\npip: [a]\n",
        _right="python: 3.10\n",
        env="pip: [b]\nextends: [_left, _right]\n",
        chosen="pip: [b]\nextends: [_left, _right]\npython: 3.10\nreplace: [python]\n",
    )
    (message,) = messages(tmp_path)
    assert message.startswith(
        "specs/env.yaml:2: python is '3.9' in specs/_left.yaml:1 and '3.10' in specs/_right.yaml:1"
    )
    assert message.endswith("(choose: say it in this spec and add 'replace: [python]')")
    assert load(tmp_path, "chosen").python == "3.10"


def test_circles(tmp_path: Path) -> None:
    write_specs(
        tmp_path,
        env="python: 3.9\nextends: b\n",
        b="extends:\n  - c\n",
        c="pip: [x]\nextends: [b]\n",
        own="extends: own\n",
    )
    assert messages(tmp_path) == [
        "specs/c.yaml:2: extends goes round in a circle: b (specs/b.yaml:2) → c (specs/c.yaml:2) → b"
    ]
    assert messages(tmp_path, "own") == [
        "specs/own.yaml:1: extends goes round in a circle: own (specs/own.yaml:1) → own"
    ]


def test_missing_base(tmp_path: Path) -> None:
    write_specs(tmp_path, _acpt=BASE, env="extends: [_acp, zzzzzz]\nreplace: [numpy]\n")
    assert messages(tmp_path) == [
        "specs/env.yaml:1: extends: there is no spec '_acp' (did you mean '_acpt'?)",
        "specs/env.yaml:1: extends: there is no spec 'zzzzzz' (specs: _acpt, env)",
    ]


def test_problems_of_a_base_are_told_with_its_lines_after_those_of_the_spec(tmp_path: Path) -> None:
    write_specs(
        tmp_path, _base="python: 4\nplatforms: [x]\n", _broken="a: [\n", env="extends: [_base, _broken]\npip: x\n"
    )
    places = [message.split(": ")[0] for message in messages(tmp_path)]
    assert places == ["specs/env.yaml:2", "specs/_base.yaml:1", "specs/_base.yaml:2", "specs/_broken.yaml:1"]


def test_base_that_cannot_be_read(tmp_path: Path) -> None:
    write_specs(tmp_path, _base=BASE, env="extends: _base\n")
    base = tmp_path / "specs/_base.yaml"
    base.unlink()
    base.symlink_to(base)
    assert messages(tmp_path)[0].startswith("specs/env.yaml:1: extends: there is no spec '_base'")


def test_yml(tmp_path: Path) -> None:
    write_specs(tmp_path, env="extends: _base\n")
    (tmp_path / "specs/_base.yml").write_text("python: 3.9\nplatforms: [linux-64]\npip: [a]\n")
    assert load(tmp_path).files == ("specs/_base.yml", "specs/env.yaml")
