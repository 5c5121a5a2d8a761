"""Commands that write a document: export, schema, diff, init, completion; and the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

SPEC = """\
    python: "3.11"
    platforms: [linux-64]
    title: First
    aliases: [Alpha]
    pip: [app]
    groups:
      more: [extra-tool]
    """


@pytest.fixture
def cli(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    publish(default_index, "app", "1.0", "lib")
    publish(default_index, "lib", "1.0")
    publish(default_index, "extra-tool", "1.0")
    cli.spec("a", SPEC)
    assert cli("lock", "a", "--quiet").status == 0
    return cli


# export


def test_export_to_standard_output(cli: CommandLine) -> None:
    done = cli("export", "a", "--format", "constraints")
    assert (done.status, done.err) == (0, "")
    pins = [line for line in done.out.splitlines() if line and not line.startswith("#")]
    assert pins == ["app==1.0", "lib==1.0"]
    assert cli("export", "a", "--format", "constraints", "-o", "-").out == done.out
    with_group = cli("export", "a", "--format", "constraints", "--group", "more").out
    assert "extra-tool==1.0\n" in with_group


@pytest.mark.parametrize("form", ["requirements", "pylock", "constraints"])
def test_export_to_a_file_says_what_it_wrote(cli: CommandLine, form: str) -> None:
    (cli.root / "out").mkdir()
    done = cli("export", "a", "--format", form, "-o", "out/file.txt")
    assert (done.status, done.out, done.err) == (0, "", "wrote out/file.txt\n")
    assert (cli.root / "out" / "file.txt").read_text(encoding="utf-8") == cli("export", "a", "--format", form).out
    assert cli("export", "a", "--format", form, "-o", "out/file.txt").err == "unchanged out/file.txt\n"
    document = cli("export", "a", "--format", form, "-o", "out/file.txt", "--json").json
    assert document == {"environment": "a", "format": form, "path": "out/file.txt", "changed": False}


def test_export_as_json_carries_the_text(cli: CommandLine) -> None:
    plain = cli("export", "a", "--format", "pylock").out
    assert cli("export", "a", "--format", "pylock", "--json").json == {
        "environment": "a",
        "format": "pylock",
        "text": plain,
    }


def test_the_requirements_file_is_the_export_and_a_seal(cli: CommandLine) -> None:
    written = cli.requirements_file("a").read_text(encoding="utf-8")
    assert "".join(written.splitlines(keepends=True)[:-1]) == cli("export", "a", "--format", "requirements").out


def test_hashes_can_be_left_out_of_requirements_only(cli: CommandLine) -> None:
    assert "--hash" not in cli("export", "a", "--format", "requirements", "--no-hashes").out
    assert cli("export", "a", "--format", "pylock", "--no-hashes").status == 2


def test_an_export_that_cannot_be_written_leaves_what_was_there(cli: CommandLine) -> None:
    (cli.root / "taken").write_text("mine", encoding="utf-8")
    done = cli("export", "a", "--format", "pylock", "-o", "taken/file")
    assert done.status == 4
    assert done.err.startswith("error: taken/file cannot be written: ")
    assert (cli.root / "taken").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("command", ["export a --format pylock", "schema", "diff a --from locks/a.lock.toml"])
def test_no_folder_is_made_for_a_document(cli: CommandLine, command: str) -> None:
    done = cli(*command.split(), "-o", "nowhere/file")
    assert done.status == 4
    assert done.err.endswith(
        "error: nowhere/file cannot be written: there is no folder nowhere\nhint: make it first, or name another file\n"
    )
    assert not (cli.root / "nowhere").exists()


def test_unknown_formats_groups_and_platforms(cli: CommandLine) -> None:
    assert cli("export", "a").status == 2
    assert "pylock" in cli("export", "a", "--format", "pilock").err
    assert "did you mean 'more'?" in cli("export", "a", "--format", "requirements", "--group", "mor").err
    assert cli("export", "a", "--format", "constraints", "--platform", "win-64").status == 2
    assert cli("export", "a", "--format", "pylock", "--platform", "linux-64").status == 2
    assert cli("export", "a", "--format", "pylock", "--group", "more").status == 2


def test_a_pylock_has_the_urls_of_the_readers_index(
    cli: CommandLine, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_index.file_url("lib-1.0-py3-none-any.whl") in cli("export", "a", "--format", "pylock").out
    default_index.index(auth=("someone", "s3cret"), links="relative")
    mirror = default_index.url().replace("127.0.0.1", "someone:s3cret@localhost")
    monkeypatch.setenv("UV_DEFAULT_INDEX", mirror)
    done = cli("export", "a", "--format", "pylock")
    assert done.status == 0, done.err
    assert f"http://localhost:{default_index.port}/files/simple/lib-1.0" in done.out
    assert "s3cret" not in done.out


def test_a_pylock_offline_comes_from_the_cache(cli: CommandLine, default_index: IndexServer) -> None:
    online = cli("export", "a", "--format", "pylock")
    default_index.stop()
    assert cli("export", "a", "--format", "pylock", "--offline").out == online.out


def test_a_pylock_of_a_file_that_the_index_has_lost(cli: CommandLine, default_index: IndexServer) -> None:
    del default_index.index().files["lib-1.0-py3-none-any.whl"]
    publish(default_index, "lib", "0.9")
    cli("cache", "clean")
    done = cli("export", "a", "--format", "pylock")
    assert done.status == 4
    assert "index 'default' does not have lib-1.0-py3-none-any.whl" in done.said


# schema


def test_schema(cli: CommandLine) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    done = cli("schema")
    assert done.status == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(done.out))
    assert cli("schema", "--json").out == done.out
    assert cli("schema", "-o", "schema.json").err == "wrote schema.json\n"


# diff


def git(cli: CommandLine, *args: str) -> None:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.invalid"}
    identity |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in identity.items()}
    command = ["git", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false", *args]
    subprocess.run(command, cwd=cli.root, check=True, capture_output=True, env={**os.environ, **identity})


@pytest.fixture
def moved(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    """A project in git whose lock has moved since the last commit."""
    git(cli, "init")
    git(cli, "add", ".")
    git(cli, "commit", "-m", "one")
    git(cli, "tag", "v1")
    (cli.root / "old.lock.toml").write_bytes(cli.lock_file("a").read_bytes())
    publish(default_index, "lib", "2.0")
    assert cli("lock", "a", "--upgrade", "--refresh", "-q").status == 0
    return cli


@pytest.mark.parametrize("origin", [[], ["--from", "v1"], ["--from", "old.lock.toml"]])
def test_diff_against_git_and_files(moved: CommandLine, origin: list[str]) -> None:
    done = moved("diff", "Alpha", *origin)
    assert (done.status, done.err) == (0, "")
    assert done.out == "↑ lib 1.0 → 2.0\n"


def test_diff_as_markdown_and_json(moved: CommandLine) -> None:
    done = moved("diff", "a", "--format", "markdown")
    assert done.out.startswith("### a\n")
    assert "| lib | 1.0 | 2.0 |" in done.out
    document = moved("diff", "a", "--json").json
    assert document["from"] == "HEAD"
    assert document["changes"][0]["package"] == "lib"
    assert moved("diff", "a", "--format", "markdown", "-o", "d.md").err == "wrote d.md\n"


def test_diff_without_a_difference(moved: CommandLine) -> None:
    git(moved, "commit", "-am", "two")
    done = moved("diff", "a")
    assert (done.status, done.out, done.err) == (0, "", "a is as it was in HEAD\n")
    assert "No change." in moved("diff", "a", "--format", "markdown").out


def test_diff_from_what_is_not_there(moved: CommandLine, tmp_path: Path) -> None:
    done = moved("diff", "a", "--from", "v9")
    assert done.status == 2
    assert "'v9' is neither a file nor a revision of git" in done.err
    done = moved("diff", "a", "--from=--output=stolen")
    assert done.status == 2
    assert not (tmp_path / "stolen").exists()
    moved.spec("b", SPEC.replace("Alpha", "Beta"))
    moved("lock", "b", "-q")
    done = moved("diff", "b")
    assert done.status == 4
    assert "HEAD has no locks/b.lock.toml" in done.err


def test_diff_outside_of_git(cli: CommandLine) -> None:
    done = cli("diff", "a")
    assert done.status == 4
    assert "lies in no git repository" in done.said
    assert "--from FILE" in done.said
    done = cli("diff", "a", "--from", "old.lock.toml")
    assert done.said.startswith("error: there is no file old.lock.toml, and ")


def test_diff_before_the_first_commit(cli: CommandLine) -> None:
    git(cli, "init", "-q")
    done = cli("diff", "a")
    assert (done.status, done.said) == (
        4,
        "error: there is no commit yet to compare with hint: --from FILE compares with a file",
    )


# init


def test_init_makes_a_spec_that_is_valid_and_complete(cli: CommandLine) -> None:
    done = cli("init", "new", "app>=1", 'lib; sys_platform == "linux"', "--python", "3.9", "--platform", "osx-arm64")
    assert done.status == 0
    assert done.err == "wrote specs/new.yaml\nhint: `envsolver lock new` resolves it\n"
    spec = cli("show", "new", "--json").json["spec"]
    assert [requirement["text"] for requirement in spec["requirements"]] == ["app>=1", 'lib; sys_platform == "linux"']
    assert (spec["python"], spec["platforms"]) == ("3.9", ["osx-arm64"])


def test_init_starts_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    assert cli("init", "env", "--json").json == {"environment": "env", "path": "specs/env.yaml"}
    assert cli("show", "env").status == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a",), "there is a spec 'a' already"),
        (("../b",), "'../b' is no name"),
        (("b", "app >>= 1"), "error: 'app >>= 1' is not a valid requirement"),
        (("b", "torch=2.9"), "error: 'torch=2.9' is conda's way to write a version (write torch==2.9)"),
        (("b", "--python", "2.7"), "error: --python: expected a Python version"),
        (("b", "--platform", "amiga"), "error: --platform: expected a platform, found 'amiga'"),
    ],
)
def test_init_refuses_what_would_be_no_spec(cli: CommandLine, args: tuple[str, ...], message: str) -> None:
    before = cli.files()
    done = cli("init", *args)
    assert done.status == 2
    assert message in done.said
    assert cli.files() == before


# completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: CommandLine, shell: str) -> None:
    done = cli("completion", shell)
    assert done.status == 0
    assert "_ENVSOLVER_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["l"], {"lock", "list"}),
        (["lock", ""], {"a", "Alpha"}),
        (["lock", "Al"], {"Alpha"}),
        (["lock", "acpt-1.13"], set()),
        (["show", "acpt-1.13"], {"acpt-1.13-py38"}),
        (["show", "--js"], {"--json"}),
        (["export", "a", "--format", "py"], {"pylock"}),
        (["lock", "--project", "/nowhere", ""], set()),
    ],
)
def test_completion_knows_commands_options_and_environments(
    cli: CommandLine, words: list[str], expected: set[str]
) -> None:
    environment = {
        **os.environ,
        "_ENVSOLVER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["envsolver", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "envsolver"], cwd=cli.root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert {line.partition(",")[2] for line in done.stdout.splitlines() if line} == expected


# cache


def test_cache(cli: CommandLine) -> None:
    folder = cli("cache", "dir").out.strip()
    assert folder == os.environ["ENVSOLVER_CACHE_DIR"]
    held = cli("cache", "size", "--json").json["bytes"]
    assert held > 0
    assert cli("cache", "size").out.strip().endswith("B")
    assert cli("cache", "clean", "--json").json["freed_bytes"] == held
    assert cli("cache", "size", "--json").json["bytes"] == 0
    assert cli("cache", "clean").err.startswith("freed 0 B")
