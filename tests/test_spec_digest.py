"""The digest of what a lock depends on: what changes it, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.spec.digest import inputs_digest
from tests.support.specs import load, write_specs

if TYPE_CHECKING:
    from pathlib import Path

BASE = """\
python: 3.9
platforms: [linux-64, win-64]
system: {os: ubuntu20.04, glibc: 2.31}
gpu: {cuda: 11.6, driver: 510.39.01, architectures: [7.0, 8.0]}
indexes:
  a: {url: https://h/a, packages: [torch, torchvision], frozen: x.json}
  b: {url: https://h/b}
pip: [torch, numpy>=1.20]
constraints: [numpy<2, six<2]
groups: {dev: [pytest], docs: [sphinx]}
exclusive: [[dev, docs]]
as-of: 2023-03-09
"""


def digest(project: Path, text: str, name: str = "env") -> str:
    write_specs(project, **{name: text})
    return inputs_digest(load(project, name))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("python: 3.9", "python: 3.10"),
        ("[linux-64, win-64]", "[win-64, linux-64]"),
        ("glibc: 2.31", "glibc: 2.35"),
        ("cuda: 11.6", "cuda: 11.7"),
        ("510.39.01", "515.43.04"),
        ("[7.0, 8.0]", "[8.0]"),
        ("https://h/a", "https://h/c"),
        ("[torch, torchvision]", "[torch]"),
        ("x.json", "y.json"),
        ("https://h/b", "https://h/b, kind: find-links"),
        ("https://h/b", "https://h/b, platforms: [linux-64]"),
        ("[torch, numpy>=1.20]", "[numpy>=1.20, torch]"),
        ("numpy>=1.20", "numpy>=1.21"),
        ("numpy<2", "numpy<3"),
        ("constraints", "overrides"),
        ("dev: [pytest], docs: [sphinx]", "docs: [sphinx], dev: [pytest]"),
        ("exclusive: [[dev, docs]]\n", ""),
        ("2023-03-09", "2023-03-10"),
        ("as-of", "implied-bounds: off\nas-of"),
        ("as-of", "implied-bounds: 90d\nas-of"),  # a later version may have another default
        ("as-of", "implied-bounds: {packages: {numpy: off}}\nas-of"),
        ("as-of", "rules: {ignore: [{id: A, reason: r}]}\nas-of"),
    ],
)
def test_what_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    before = digest(tmp_path, BASE)
    assert digest(tmp_path, BASE.replace(old, new)) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("python: 3.9", "# a comment\n\npython: '3.9'"),
        ("[torch, torchvision]", "[torchvision, Torch]"),
        ("[numpy<2, six<2]", "[six<2, {requirement: numpy<2, reason: ABI}]"),
        ("numpy>=1.20", "{requirement: 'numpy>=1.20', reason: because}"),
        ("[7.0, 8.0]", "['8.0', '7.0']"),
        ("os: ubuntu20.04, glibc: 2.31", "glibc: 2.31"),
        ("[[dev, docs]]", "[[docs, dev]]"),
        ("as-of: 2023-03-09", "as-of: 2023-03-09T01:00:00+01:00"),
        ("cuda: 11.6,", "cuda: 11.6, backend: cuda,"),
        ("docs: [sphinx]", "docs: {requirements: [sphinx], description: d, build-notes: n, imports: [sphinx]}"),
        ("python", "title: t\ndescription: d\nstatus: preview\naliases: [x]\nbase-image: i\npython"),
        ("python", "implied-bounds: {}\nrules: {ignore: []}\npython"),
        ("python", "imports: [torch]\nnotes: [{subject: s, text: t}]\nlabels: {a: b}\npython"),
    ],
)
def test_what_does_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert digest(tmp_path, BASE.replace(old, new, 1)) == digest(tmp_path, BASE)


def test_the_file_of_a_requirement_counts(tmp_path: Path) -> None:
    write_specs(tmp_path, _base=BASE, _other=BASE)
    inherited = digest(tmp_path, "extends: _base\n")
    assert inherited == digest(tmp_path, "extends: _base\ntitle: x\n", "another")
    assert inherited != digest(tmp_path, "extends: _other\n")
    assert inherited != digest(tmp_path, BASE)


def test_frozen_files_count_by_content(tmp_path: Path) -> None:
    write_specs(tmp_path, env=BASE)
    spec = load(tmp_path)
    digests = {inputs_digest(spec), inputs_digest(spec, {"a": "1"}), inputs_digest(spec, {"a": "2"})}
    assert len(digests) == 3
    assert inputs_digest(spec, {"a": "1", "unknown": "2"}) == inputs_digest(spec, {"a": "1"})


def test_why_a_rule_is_ignored_counts_because_the_lock_says_it(tmp_path: Path) -> None:
    ignored = "rules: {ignore: [{id: A, reason: r}, {id: B, reason: r}]}\n"
    before = digest(tmp_path, BASE + ignored)
    for old, new in {"reason: r}]": "reason: s}]", "reason: r}]}": "reason: r, until: 2027-01-01}]}"}.items():
        assert digest(tmp_path, BASE + ignored.replace(old, new)) != before
    assert digest(tmp_path, BASE + "rules: {ignore: [{reason: r, id: B}, {id: A, reason: r}]}\n") == before


def test_rule_files_count_by_content(tmp_path: Path) -> None:
    write_specs(tmp_path, env=BASE)
    spec = load(tmp_path)
    files: list[dict[str, str]] = [{}, {"rules/a.toml": "1"}, {"rules/a.toml": "2"}, {"rules/b.toml": "1"}]
    assert len({inputs_digest(spec, rule_files=one) for one in files}) == 4
    assert inputs_digest(spec, rule_files={}) == inputs_digest(spec)


def test_it_stays_the_same_from_release_to_release(tmp_path: Path) -> None:
    """A change here makes every committed lock stale: raise DIGEST_VERSION, and mean it."""
    expected = "7175a710b053627f850677c4a0d5afc47d9d6e8afc15a96e92832f53e3a6e175"
    assert digest(tmp_path, BASE) == expected
