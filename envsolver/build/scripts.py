"""Scripts that work wherever their environment is moved to: they look for the interpreter beside themselves."""

from __future__ import annotations

import re

__all__ = ["entry_point", "relocatable"]

_TRAMPOLINE = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"
' '''
"""
"""A shell runs the second line and gets no further; for Python the two are one string that does nothing."""
_ONE_LINE = b"""#!/usr/bin/env -S sh -c 'exec "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"'\n"""
"""For what cannot bear a string in front of it; ``env -S`` is younger (coreutils 8.30) and so the second choice."""
_INTERPRETER = re.compile(rb"\A#!python[^\r\n]*\r?\n")
_BODY = """\
import sys

from {module} import {head}

if __name__ == "__main__":
    sys.exit({call}())
"""


def entry_point(module: str, attribute: str) -> bytes:
    """Return the script of an entry point ``module:attribute``."""
    body = _BODY.format(module=module, head=attribute.partition(".")[0], call=attribute)
    return _TRAMPOLINE + body.encode()


def relocatable(script: bytes) -> bytes:
    """Return a script of a wheel as it is installed: ``#!python`` (PEP 427) becomes the environment's interpreter."""
    found = _INTERPRETER.match(script)
    if found is None:
        return script
    # A module may have one string before its first `from __future__`, and that is its own docstring.
    head = _ONE_LINE if b"from __future__" in script else _TRAMPOLINE
    return head + script[found.end() :]
