from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envsolver.sources.metadata.repair import checked_requirement, checked_specifier


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        ("torch (>=1.9.*)", "torch>=1.9"),
        ("torchvision (>=0.10.*) ; extra == 'all'", "torchvision>=0.10 ; extra == 'all'"),
        ("python-dateutil>=7.2.0<8.0.0", "python-dateutil>=7.2.0,<8.0.0"),
        ("pkg[a,b] (>=1.0 <2) ; os_name=='nt'", "pkg[a,b]>=1.0,<2 ; os_name=='nt'"),
        ("six (>=1.5.*,)", "six>=1.5"),
        ("foo (!=~5.0,>=4.12)", "foo!=5.0.*,>=4.12"),
        ("foo (!=3.0*,<4)", "foo!=3.0.*,<4"),
        ("foo (>dev)", "foo>0.0.0.dev0"),
        ("foo>=9.0.0a1.0", "foo>=9.0.0a1"),
        ("foo >= '2.7'", "foo>=2.7"),
        ('foo (<3.4.*,>="2")', "foo<3.4,>=2"),
        ("name2>=1.*", "name2>=1"),
    ],
)
def test_known_mistakes_are_repaired(declared: str, used: str) -> None:
    assert checked_requirement(declared) == (used, True)
    Requirement(used)


@pytest.mark.parametrize(
    "text",
    [
        "numpy>=1.17.2",
        "torch (>=1.9)",
        "pkg [a, b] ; python_version < '3'",
        "foo @ https://example.org/foo-1.0-py3-none-any.whl#sha256=ab",
        "foo==1.*,!=1.5.*",
        "foo===anything-goes",
    ],
)
def test_valid_requirements_are_left_as_they_are(text: str) -> None:
    assert checked_requirement(text) == (text, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-e .",
        "foo 1.0",
        "foo (1.0)",
        "foo >= one",
        "foo~=1.9.*",  # at least 1.9, or any 1.9? the author alone knows
        "foo @",
        "foo>=1.0 ; python_version >",
        "foo>=1.*; nonsense == 'x'",
        "=>1.0",
        "foo>=1.0 ; " + "(" * 5000 + "os_name=='nt'" + ")" * 5000,
    ],
)
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    assert checked_requirement(text) is None


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        (">=3.6.*", ">=3.6"),
        (">=2.7,!=3.0*,!=3.1*", ">=2.7,!=3.0.*,!=3.1.*"),
        (">=3.5,<4.*,", ">=3.5,<4"),
        (">= '3.7'", ">=3.7"),
    ],
)
def test_requires_python_is_repaired(declared: str, used: str) -> None:
    assert checked_specifier(declared) == (used, True)
    SpecifierSet(used)


def test_specifiers_that_are_valid_or_hopeless() -> None:
    assert checked_specifier(">=3.7, <4") == (">=3.7, <4", False)
    assert checked_specifier("") == ("", False)
    assert checked_specifier("3.7") is None
