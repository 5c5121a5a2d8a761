from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.model.candidate import Metadata, Name
from envsolver.model.errors import MetadataUnusableError
from envsolver.sources.metadata.core import IdentityError, parse_core_metadata
from tests.support.packages import metadata_text

if TYPE_CHECKING:
    from envsolver.sources.metadata.core import Declared

HEAD = b"Metadata-Version: 2.1\nName: Demo_Pkg\nVersion: 1.0\n"


def parse(data: bytes, *, name: str = "demo-pkg", version: str | None = "1.0") -> Declared:
    return parse_core_metadata(
        data, filename="demo_pkg-1.0-py3-none-any.whl", source="wheel", name=Name(name), version=version
    )


def refusal(data: bytes) -> str:
    with pytest.raises(MetadataUnusableError) as caught:
        parse(data)
    assert str(caught.value).startswith("demo_pkg-1.0-py3-none-any.whl: ")
    return caught.value.reason


def test_fields_are_kept_as_declared() -> None:
    text = metadata_text(
        "Demo.Pkg",
        "1.0",
        requires=["numpy (>=1.17)", "six"],
        requires_python=">=3.7",
        extras={"Test_All": ["pytest"]},
        metadata_version="2.4",
        dynamic=["Requires-Dist"],
    )
    declared = parse(text.encode())
    assert declared.metadata == Metadata(
        requires_dist=("numpy (>=1.17)", "six", 'pytest ; extra == "Test_All"'),
        source="wheel",
        requires_python=">=3.7",
        provides_extra=("test-all",),
    )
    assert declared.metadata_version == (2, 4)
    assert declared.dynamic == {"requires-dist"}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r\r\n"])
def test_the_description_is_not_searched_for_requirements(newline: bytes) -> None:
    data = HEAD + b"Requires-Dist: six\n\nRequires-Dist: evil\n"
    assert parse(data.replace(b"\n", newline)).metadata.requires_dist == ("six",)


def test_a_description_in_the_header_may_have_continuation_lines() -> None:
    data = HEAD + b"Description: first\n        Requires-Dist: not-one\n        \n        |more\nRequires-Dist: six\n"
    assert parse(data).metadata.requires_dist == ("six",)


def test_a_folded_requirement_is_one_requirement() -> None:
    assert parse(HEAD + b"Requires-Dist: six\n  (>=1.0)\n").metadata.requires_dist == ("six (>=1.0)",)


def test_a_line_that_is_no_header_does_not_hide_the_requirements_behind_it() -> None:
    data = HEAD + b"Summary: one\nand a second line\nRequires-Dist: six\n"
    metadata = parse(data).metadata
    assert metadata.requires_dist == ("six",)
    assert metadata.repaired == ("'and a second line' dropped",)


def test_other_encodings_do_no_harm() -> None:
    data = HEAD + b"Author: J\xf6rg\nSummary: \xff\xfe\nRequires-Dist: six\n"
    assert parse(data).metadata.requires_dist == ("six",)
    data = HEAD + "Author: Jörg\nRequires-Dist: six\n".encode()
    assert parse(data).metadata.requires_dist == ("six",)


def test_a_requirement_in_another_encoding_is_not_lost() -> None:
    assert "n\u00f6" in refusal(HEAD + b"Requires-Dist: six\nRequires-Dist: n\xf6\n")


def test_repairs_are_told() -> None:
    metadata = parse(HEAD + b"Requires-Python: >=3.6.*\nRequires-Dist: torch (>=1.9.*)\n").metadata
    assert metadata.requires_dist == ("torch>=1.9",)
    assert metadata.requires_python == ">=3.6"
    assert metadata.repaired == ("torch (>=1.9.*) -> torch>=1.9", "Requires-Python: >=3.6.* -> >=3.6")


def test_an_unreadable_requirement_is_quoted() -> None:
    assert refusal(HEAD + b"Requires-Dist: foo bar baz\n") == (
        "the requirement 'foo bar baz' is not valid by PEP 508 and cannot be repaired"
    )


def test_a_requirement_of_a_million_characters_is_refused_politely() -> None:
    line = b"Requires-Dist: six ; " + b" or ".join([b"os_name == 'nt'"] * 60_000) + b"\n"
    reason = refusal(HEAD + line)
    assert "characters long" in reason
    assert len(reason) < 200


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no Name"),
        (b"<!doctype html><html><body>Not found</body></html>", "no Name"),
        (b"Name: demo-pkg\n", "no Version"),
        (b"Name: demo-pkg\nVersion: nine\n", "'nine' is not valid by PEP 440"),
        (b"Name: demo-pkg\nName: demo-pkg\nVersion: 1.0\n", "Name is given 2 times"),
        (HEAD + b"Requires-Python: three\n", "'three' is not valid by PEP 440"),
        (HEAD + b"Requires-Python: >=3\nRequires-Python: >=2\n", "Requires-Python is given 2 times"),
        (HEAD + b"X: " + b"x" * (4 << 20), "bytes long"),
    ],
)
def test_refusals(data: bytes, reason: str) -> None:
    assert reason in refusal(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Name: other\nVersion: 1.0\n", "those of 'other', not of 'demo-pkg'"),
        (b"Name: demo-pkg\nVersion: 1.1\n", "those of version '1.1', not of 1.0"),
    ],
)
def test_metadata_of_something_else_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(IdentityError, match=reason):
        parse(data)


def test_spellings_of_name_and_version_do_not_matter() -> None:
    assert parse(b"Name: DEMO.pkg\nVersion: 1.0.0\n").version == "1.0.0"


def test_any_version_will_do_for_a_direct_reference() -> None:
    assert parse(b"Name: demo-pkg\nVersion: 7\n", version=None).version == "7"


def test_a_requirement_that_cannot_be_repaired_is_read_as_somebody_knows() -> None:
    asked: list[tuple[str, str, str]] = []

    def known(name: str, version: str, requirement: str) -> str | None:
        asked.append((name, version, requirement))
        return "pytz>=2011.0" if "pytz" in requirement else None

    data = HEAD + b"Requires-Dist: six\nRequires-Dist: torch (>=1.9.*)\nRequires-Dist: pytz (>=2011k)\n"
    read = parse_core_metadata(data, filename="d.whl", source="wheel", name=Name("demo-pkg"), version=None, known=known)
    assert read.metadata.requires_dist == ("six", "torch>=1.9", "pytz>=2011.0")
    assert read.metadata.repaired == ("torch (>=1.9.*) -> torch>=1.9", "pytz (>=2011k) -> pytz>=2011.0")
    assert asked == [("demo-pkg", "1.0", "pytz (>=2011k)")], "only of what nothing else can read"
    with pytest.raises(MetadataUnusableError, match="dateutil"):
        parse_core_metadata(
            HEAD + b"Requires-Dist: dateutil (>=2k)\n",
            filename="d.whl",
            source="wheel",
            name=Name("demo-pkg"),
            version="1.0",
            known=known,
        )
