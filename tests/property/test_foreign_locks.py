"""Whatever stands in a file, reading it ends in a lock that can be judged or in one kind of error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import tomlkit
import yaml
from hypothesis import given
from hypothesis import strategies as st

from envsolver.app.foreign import Circumstances, foreign_subject
from envsolver.findings.judge import judge
from envsolver.formats import conda_reader, pylock_reader, requirements_reader
from envsolver.formats.foreign import ForeignLockError
from envsolver.knowledge.rules import load_rulebook
from envsolver.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.formats.foreign import ForeignLock

TARGET = Target(platform="linux-64", python="3.10.22", glibc="2.31")
CIRCUMSTANCES = Circumstances(python="3.10", cuda="12.1", driver="525.60.13", architectures=("8.0",))

names = st.sampled_from(["torch", "numpy", "onnxruntime-gpu", "nvidia-cudnn-cu12", "Six", "deepspeed", "torchvision"])
versions = st.sampled_from(["1.0", "2.1.2", "2.1.2+cu118", "1.13.1", "2023a_1", "git.abc", "", "1!2.0", "2.0.post1"])
words = st.one_of(names, versions, st.text(max_size=12))
keys = st.sampled_from(
    ["name", "version", "platform", "manager", "url", "hash", "dependencies", "marker", "source", "wheels", "sdist",
     "registry", "sha256", "specifier", "metadata", "requires-dist", "optional-dependencies", "extra", "git", "pip"]
)  # fmt: skip
values = st.recursive(
    st.one_of(words, st.integers(-3, 3), st.booleans(), st.none(), st.just("linux-64"), st.just("conda")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=12,
)
rows = st.lists(st.dictionaries(keys, values, max_size=8) | values, max_size=5)
odd = st.one_of(values, words)
conda_rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": names,
            "version": versions,
            "platform": st.just("linux-64"),
            "manager": st.sampled_from(["conda", "pip"]),
        },
        optional={"hash": odd, "dependencies": odd, "url": odd},
    ),
    min_size=1,
    max_size=4,
)
uv_rows = st.lists(
    st.fixed_dictionaries(
        {"name": names, "version": versions},
        optional={
            "source": odd,
            "wheels": odd,
            "sdist": odd,
            "dependencies": odd
            | st.lists(st.fixed_dictionaries({"name": names}, optional={"marker": words, "extra": odd})),
            "optional-dependencies": odd,
            "metadata": odd,
        },
    ),
    max_size=4,
)
specs = st.lists(
    st.one_of(
        st.builds("{}={}={}".format, names, versions, words),
        st.builds("{}={}".format, names, versions),
        st.fixed_dictionaries({"pip": st.lists(st.builds("{}=={}".format, names, versions)) | odd}),
    ),
    max_size=5,
)
lines = st.lists(
    st.one_of(
        st.builds("{}=={}".format, names, versions),
        st.builds("{} @ https://e.com/{}.whl".format, names, words),
        st.builds("    # via {}".format, words),
        st.builds("{}=={} ; {}".format, names, versions, words),
        st.builds("{}=={} --hash={}".format, names, versions, words),
        st.text(max_size=30),
    ),
    max_size=8,
)


def judged(read: Callable[[], ForeignLock]) -> None:
    with suppress(ForeignLockError):
        subject = foreign_subject(read(), "file", TARGET, CIRCUMSTANCES)
        judge([subject], load_rulebook(), knowledge="1-x")


@given(lines)
def test_requirements(text: list[str]) -> None:
    judged(lambda: requirements_reader.loads("\n".join(text), "file", TARGET))


@given(rows | conda_rows)
def test_conda_lock(packages: list[Any]) -> None:
    text = yaml.safe_dump({"package": packages}, allow_unicode=True)
    judged(lambda: conda_reader.loads_conda_lock(text, "file", TARGET))


@given(rows | specs)
def test_environment(dependencies: list[Any]) -> None:
    text = yaml.safe_dump({"dependencies": dependencies}, allow_unicode=True)
    judged(lambda: conda_reader.loads_environment(text, "file", TARGET))


@given(lines)
def test_explicit_list(text: list[str]) -> None:
    judged(lambda: conda_reader.loads_explicit("\n".join(["@EXPLICIT", *text]), "file", TARGET))


def toml(key: str, packages: list[Any]) -> str:
    """Return a document of TOML, which has no null."""
    plain = json.loads(json.dumps(packages), object_hook=lambda row: {k: v for k, v in row.items() if v is not None})
    kept = [row for row in plain if isinstance(row, dict) and "null" not in json.dumps(row)]
    return tomlkit.dumps({"lock-version": "1.0", "created-by": "x", key: kept})


@given(rows | uv_rows)
def test_uv_lock(packages: list[Any]) -> None:
    project = {"name": "app", "source": {"virtual": "."}, "dependencies": [{"name": "torch"}, {"name": "numpy"}]}
    judged(lambda: pylock_reader.loads_uv(toml("package", [project, *packages]), "file", TARGET))


@given(rows | uv_rows)
def test_pylock(packages: list[Any]) -> None:
    judged(lambda: pylock_reader.loads(toml("packages", packages), "file", TARGET))
