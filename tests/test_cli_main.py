from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from envsolver import __version__
from envsolver.cli.base import root
from envsolver.cli.registry import COMMANDS
from envsolver.cli.text import fill
from envsolver.model.errors import EnvsolverError, Problem, SpecError
from envsolver.model.origin import Origin
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAVY = {
    "aiohttp",
    "asyncio",
    "msgspec",
    "networkx",
    "packaging",
    "rattler",
    "rich",
    "tomlkit",
    "tomllib",
    "yaml",
    "envsolver.spec",
    "envsolver.lock",
    "envsolver.solve",
    "envsolver.sources",
}


@pytest.fixture
def cli(cli: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "specs").mkdir()
    return cli


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that makes every command fail with an exception."""

    def fail_with(error: BaseException) -> None:
        def fail(_project: object) -> None:
            raise error

        monkeypatch.setattr("envsolver.cli.commands.inspect.listing", fail)

    return fail_with


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_start_up_imports_nothing_heavy() -> None:
    assert "click" not in loaded_by("import envsolver.cli.main")
    assert not loaded_by("from envsolver.cli.main import main\nmain(['--version'])") & HEAVY
    assert not loaded_by("from envsolver.cli.main import main\nmain(['--help'])") & HEAVY


@pytest.mark.parametrize("solved", [True, False])
def test_a_process_that_has_solved_ends_without_shutting_the_interpreter_down(solved: bool) -> None:
    # rattler's threads would at times abort it.
    code = "import atexit, sys\natexit.register(print, 'shut down')\n"
    code += "sys.modules['rattler'] = sys\n" if solved else ""
    code += "from envsolver.cli.main import run\nsys.argv[1:] = ['--version']\nrun()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"envsolver {__version__}", *([] if solved else ["shut down"])]


def test_version(cli: CommandLine) -> None:
    done = cli("--version")
    assert (done.status, done.out, done.err) == (0, f"envsolver {__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").partition("\n")[0] == COMMANDS[name].summary
    assert len(COMMANDS[name].summary) <= 60


def test_help_lists_every_command_with_its_summary_within_80_columns(cli: CommandLine) -> None:
    done = cli("--help")
    assert done.status == 0
    for name, entry in COMMANDS.items():
        assert any(line.split(None, 1) == [name, entry.summary] for line in done.out.splitlines()), name
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options(cli: CommandLine, name: str) -> None:
    done = cli(name, "--help")
    assert done.status == 0
    for option in ("--project", "--offline", "--json", "--quiet", "--verbose", "--no-color"):
        assert option in done.out
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lokc", "there is no command 'lokc'; did you mean 'lock'?"),
        ("cache drr", "there is no command 'cache drr'; did you mean 'dir'?"),
        ("cache nothing-like-it", "there is no command 'cache nothing-like-it'"),
        ("--jsn", "there is no option '--jsn' of 'envsolver'; did you mean '--json'?"),
        ("lock --chekc", "there is no option '--chekc' of 'lock'; did you mean '--check'?"),
        ("lock --upg", "there is no option '--upg' of 'lock'; did you mean '--upgrade' or '--upgrade-package'?"),
        ("gpu doctor --sideways", "there is no option '--sideways' of 'gpu doctor'"),
        ("lock -x", "there is no option '-x' of 'lock'"),
        ("ci", "'ci' needs --provider: one of github, azure or gitlab"),
        ("ci --provider git", "--provider: expected github, azure or gitlab, found 'git' (did you mean 'gitlab'?)"),
        ("completion", "'completion' needs one of bash, zsh or fish"),
        ("completion tcsh", "expected bash, zsh or fish, found 'tcsh'"),
        ("build x", "'build' needs --prefix DIR"),
        ("init", "'init' needs NAME"),
        ("tree x --depth two", "--depth: expected a whole number, 0 or more, found 'two'"),
        ("gpu check x --timeout 0", "--timeout: expected a number of seconds, 0.5 or more, found '0'"),
        ("build x --prefix y --bundle nowhere", "--bundle: 'nowhere' does not exist"),
        ("build x --prefix specs/a.yaml", "--prefix: 'specs/a.yaml' is a file"),
        ("schema x", "'schema' takes no arguments: 'x' is too much"),
        ("tree a b c d", "'tree' takes NAME, PACKAGE and nothing more: 'c' and 'd' are too much"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_told_in_our_words(cli: CommandLine, line: str, said: str) -> None:
    cli.spec("a", "pip: []")
    done = cli(*line.split())
    assert (done.status, done.out) == (2, "")
    assert done.said.startswith(f"error: {said} hint: `envsolver ")
    assert done.said.endswith(" --help` shows the usage")
    assert cli(*line.split(), "--json").json["error"]["message"] == said


def test_a_missing_environment_can_be_found(cli: CommandLine) -> None:
    done = cli("show")
    assert done.said == (
        "error: 'show' needs NAME hint: `envsolver list` shows the environments, `envsolver show --help` the usage"
    )


def test_usage_errors_are_json_where_json_is_asked_for(cli: CommandLine) -> None:
    done = cli("lokc", "--json")
    assert done.status == 2
    assert done.err == ""
    assert done.json["error"]["code"] == "usage"


@pytest.mark.parametrize("args", [("--json", "list"), ("list", "--json")])
def test_common_options_may_stand_before_and_after_the_command(cli: CommandLine, args: tuple[str, ...]) -> None:
    assert cli(*args).json["environments"] == []


def test_common_options_of_a_nested_command(cli: CommandLine) -> None:
    for args in (("--json", "cache", "dir"), ("cache", "--json", "dir"), ("cache", "dir", "--json")):
        assert cli(*args).json["dir"].endswith("envsolver")


def test_quiet_and_verbose_exclude_each_other(cli: CommandLine) -> None:
    done = cli("-q", "list", "-v")
    assert done.status == 2
    assert "exclude each other" in done.err


def test_no_arguments_show_the_help_and_fail(cli: CommandLine) -> None:
    done = cli()
    assert done.status == 2
    assert done.err.startswith("Usage: envsolver")


def test_without_a_project_the_message_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CommandLine(tmp_path, capsys)("lock", "train")
    assert done.status == 2
    assert "specs/" in done.err
    assert "hint: run `envsolver init NAME` there" in done.said
    assert "`envsolver list` shows what envsolver ships" in done.said


def test_without_a_project_what_is_shipped_can_be_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    done = cli("lock", "acpt-1.13-py38", "--check")
    assert done.status == 2
    assert "envsolver ships acpt-1.13-py38, with its lock" in done.said
    assert "`extends: acpt-1.13-py38`" in done.said
    done = cli("show", "train")
    assert done.said.startswith("error: no environment is called 'train' hint: here is no project (`envsolver init")
    assert "did you mean 'acpt-1.13-py38'" in cli("show", "acpt-1.13-py3").said


def test_project_option(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    (tmp_path / "there" / "specs").mkdir(parents=True)
    assert cli("list", "--project", "there", "--json").json["project"] == str(tmp_path / "there")
    done = cli("list", "--project", "nowhere")
    assert (done.status, done.err) == (2, "error: --project: there is no folder nowhere\n")
    (tmp_path / "empty").mkdir()
    done = cli("list", "--project", "empty")
    assert done.said == (
        "error: empty is no project: it has no folder specs/"
        " hint: `envsolver init NAME --project empty` makes one of it"
    )


@pytest.mark.parametrize(("status", "error"), [(4, EnvsolverError("no way", hint="another way"))])
def test_an_error_is_message_and_hint_on_standard_error(
    cli: CommandLine, failing: Callable[[BaseException], None], status: int, error: EnvsolverError
) -> None:
    failing(error)
    done = cli("list")
    assert (done.status, done.out, done.err) == (status, "", "error: no way\nhint: another way\n")
    done = cli("list", "--json")
    assert done.err == ""
    assert done.json == {
        "error": {"code": "error", "message": "no way", "hint": "another way", "facts": {}},
    }


def test_the_problems_of_a_spec_are_facts(cli: CommandLine, failing: Callable[[BaseException], None]) -> None:
    failing(SpecError([Problem("is wrong", Origin("specs/a.yaml", 3), "be right")]))
    done = cli("list", "--json")
    assert done.status == 2
    assert done.json["error"]["code"] == "bad-spec"
    assert done.json["error"]["facts"] == {
        "problems": [{"path": "specs/a.yaml", "line": 3, "message": "is wrong", "hint": "be right"}]
    }
    assert cli("list").err == "error: specs/a.yaml:3: is wrong (be right)\n"


def test_a_defect_shows_its_traceback_only_when_asked(
    cli: CommandLine, failing: Callable[[BaseException], None]
) -> None:
    failing(RuntimeError("of https://user:secret@example.invalid/simple"))
    done = cli("list")
    assert done.status == 4
    assert done.err.startswith("error: envsolver failed in a way that it should not: RuntimeError:")
    assert "Traceback" not in done.err
    assert "--verbose" in done.err
    loud = cli("list", "--verbose")
    assert "Traceback" in loud.err
    document = cli("list", "--json")
    assert document.json["error"]["code"] == "defect"
    for run in (done, loud, document):
        assert "secret" not in run.out + run.err


def test_an_error_of_the_system_is_no_defect(cli: CommandLine, failing: Callable[[BaseException], None]) -> None:
    failing(PermissionError(13, "Permission denied", str(cli.root / "specs")))
    done = cli("list")
    assert (done.status, done.err) == (4, "error: specs: permission denied\n")


def test_an_interrupt_ends_quietly(cli: CommandLine, failing: Callable[[BaseException], None]) -> None:
    failing(KeyboardInterrupt())
    done = cli("list")
    assert done.status == 130
    assert "error: interrupted" in done.err
    assert "Traceback" not in done.err


def test_a_current_folder_that_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for arguments in (("lock", "a"), ("list",), ("cache", "dir")):
        done = CommandLine(tmp_path, capsys)(*arguments)
        assert "Traceback" not in done.err
        assert "a defect" not in done.err
        assert done.status == (0 if arguments == ("cache", "dir") else 4)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    command = [sys.executable, "-m", "envsolver", "--project", str(tmp_path), "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_output_that_the_encoding_cannot_carry_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(
        'python: "3.11"\nplatforms: [linux-64]\ntitle: Ωmega\npip: []\n', encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "envsolver", "list"],
        cwd=tmp_path,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"\u03a9mega" in done.stdout


def test_json_keeps_letters(cli: CommandLine) -> None:
    cli.spec("a", 'python: "3.11"\nplatforms: [linux-64]\ntitle: Ωmega\npip: []\n')
    done = cli("list", "--json")
    assert "Ωmega" in done.out
    document: Any = json.loads(done.out)
    assert document["environments"][0]["title"] == "Ωmega"


def test_commands_stay_on_one_line() -> None:
    text = "restore it from version control, or make it afresh: `envsolver lock train --upgrade` does so; `" + "x " * 80
    filled = fill(text, width=80, indent="  ", first="hint: ")
    assert "\n  `envsolver lock train --upgrade` does so;" in filled
    assert max(map(len, filled.splitlines())) <= 80
    assert "\0" not in filled


def test_what_continues_a_line_is_not_taken_for_the_next() -> None:
    long, short = "this is more than one line of forty columns has room for", "this is one"

    def lines(text: str) -> list[str]:
        return fill(text, width=40, indent="  ", first="error: ").splitlines()

    assert lines(long) == ["error: this is more than one line of", "  forty columns has room for"]
    assert lines(f"{long}\n{short}\n{long}") == [
        "error: this is more than one line of",
        "    forty columns has room for",
        "  this is one",
        "  this is more than one line of forty",
        "    columns has room for",
    ]
    # What is deeper by itself needs nothing.
    assert lines(f"{long}\n  {long}") == [
        "error: this is more than one line of",
        "  forty columns has room for",
        "    this is more than one line of forty",
        "      columns has room for",
    ]
