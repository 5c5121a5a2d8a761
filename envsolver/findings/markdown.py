"""The documents of all codes: what ``envsolver explain`` prints, and ``docs/findings/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.findings.codes import codes

if TYPE_CHECKING:
    from envsolver.findings.codes import Code, Example

__all__ = ["code_markdown", "index_markdown", "list_markdown"]

_INDEX = """\
# The codes

One document for each code of [findings](../findings.md); `envsolver explain CODE` prints it. The codes are stable: none
is ever given to something else. Made by `python -m envsolver.app.explaining docs/findings`.

"""
_HEAD = "| code | usually | what |\n| --- | --- | --- |\n"


def index_markdown() -> str:
    """Return the list of all codes, with links to their documents."""
    rows = (f"| [{code.code}]({code.code}.md) | {code.severity} | {code.title} |\n" for code in codes().values())
    return _INDEX + _HEAD + "".join(rows)


def list_markdown() -> str:
    """Return the list of all codes as a table that stands by itself."""
    return _HEAD + "".join(f"| {code.code} | {code.severity} | {code.title} |\n" for code in codes().values())


def code_markdown(code: Code) -> str:
    """Return the document of a code."""
    parts = [
        f"# {code.code}: {code.title}",
        f"Usually: {code.severity}.",
        code.text,
        "## What to do",
        code.remedy,
        "## An example",
        _example(code.example),
        "## Not a finding",
        _example(code.near),
    ]
    return "\n\n".join(parts) + "\n"


def _example(example: Example) -> str:
    parts = []
    if example.text:
        parts.append(example.text)
    lines = [*example.pins, *(f"# by conda: {package}" for package in example.conda)]
    lines += [f"# in the wheel of {name}: {path}" for name, paths in example.files.items() for path in paths]
    if lines:
        parts.append("\n".join(["```", *lines, "```"]))
    if example.asked:
        parts.append(f"Asked for as {', '.join(f'`{text}`' for text in example.asked)}.")
    said = [f"`--{option} {value}`" for option, value in example.options]
    if example.base_image:
        said.append(f"`base-image: {example.base_image}`")
    said += [f"`gpu.allow` of {package} for CUDA {cuda}: {reason}" for package, cuda, reason in example.allow]
    if said:
        parts.append(f"With {', '.join(said)}.")
    return "\n\n".join(parts)
