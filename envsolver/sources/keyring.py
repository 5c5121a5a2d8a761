"""The ``keyring`` command, asked only after a server has refused (it may ask the user, or be slow)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from envsolver.sources.urls import Credential

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_keyring", "keyring_credential"]

_PATIENCE = 30.0


def find_keyring(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the command that runs keyring: from ``PATH``, else the module beside envsolver; None if neither is there.

    ``PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring`` switches it off, as it does everywhere.
    """
    if environ.get("PYTHON_KEYRING_BACKEND") == "keyring.backends.null.Keyring":
        return None
    if command := shutil.which("keyring", path=environ.get("PATH")):
        return (command,)
    return (sys.executable, "-m", "keyring") if find_spec("keyring") else None


def keyring_credential(
    command: tuple[str, ...], environ: Mapping[str, str], service: str, user: str | None
) -> Credential | None:
    """Return what the keyring has for a service (a URL or a host), or None.

    A process of its own: a backend that hangs on a locked keychain can be given up.
    """
    if user:
        password = _run([*command, "get", service, user], environ)
        return Credential(user, password.rstrip("\r\n")) if password else None
    # keyring 25.2 and newer name the user as well.
    answer = _run([*command, "--mode", "creds", "--output", "json", "get", service], environ)
    if not answer:
        return None
    try:
        found = json.loads(answer)
        return Credential(str(found["username"] or ""), str(found["password"]))
    except (ValueError, KeyError, TypeError):
        return None


def _run(arguments: list[str], environ: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            arguments,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
