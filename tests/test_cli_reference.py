from __future__ import annotations

from pathlib import Path

from envsolver.cli.reference import BEGIN, reference_markdown

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"


def test_the_page_has_the_reference_of_the_commands_as_they_are() -> None:
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    assert mark
    assert PAGE.read_text(encoding="utf-8") == written + reference_markdown()


def test_every_exit_status_of_an_error_is_documented() -> None:
    from envsolver.cli import main
    from envsolver.model import errors

    written = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    kinds = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    statuses = {kind.exit_code for kind in kinds} | {main.EXIT_INTERRUPTED, main.EXIT_BROKEN_PIPE, main.EXIT_DEFECT}
    for status in statuses:
        assert f"\n| {status} | " in written
    for kind in kinds:
        # MetadataUnusableError ends in the explanation of a failed solve, EnvsolverError is the root of the tree.
        if kind.__name__ not in {"MetadataUnusableError", "EnvsolverError"}:
            assert f"`{kind.code}`" in written, kind
