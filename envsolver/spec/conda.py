"""Checks of what a spec says about packages of conda: match specs and channels."""

from __future__ import annotations

import re

from envsolver.spec.checks import redact
from envsolver.spec.values import Complaint

__all__ = ["CHANNEL_ALIAS", "channel", "channel_url", "mapping", "match_spec", "match_spec_syntax", "package_of"]

CHANNEL_ALIAS = "https://conda.anaconda.org"
"""Where the channels lie that are given by name, as conda has it (its setting ``channel_alias``)."""

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_SPEC = re.compile(
    rf"(?:(?P<channel>[^\s:\[\]]+(?:://[^\s\[\]]+?)?)::)?(?P<name>{_NAME})(?P<rest>(?:[\s=<>!~\[].*)?)", re.DOTALL
)


def match_spec(text: str) -> Complaint | None:
    """Refuse what does not begin as a match spec does, and credentials."""
    if redact(text) != text:
        return Complaint(f"{redact(text)!r} carries credentials", "rattler's keychain holds those of channels")
    if ";" in text:
        return Complaint(f"{text!r} has a marker, which conda does not know", "name it under 'pip', or leave it out")
    found = _SPEC.fullmatch(text)
    if found is None:
        return Complaint(f"{text!r} is no match spec of conda", "NAME, NAME=1.12, NAME=1.12.1=BUILD, CHANNEL::NAME")
    if found["name"] == "python" and found["rest"].strip():
        return Complaint("the version of Python stands under 'python'", "leave python out here")
    return None


def match_spec_syntax(text: str) -> Complaint | None:
    """Parse a match spec as conda does. Imports rattler."""
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        MatchSpec(text)
    except InvalidMatchSpecError as error:
        return Complaint(f"{text!r} is no match spec of conda: {str(error).splitlines()[0]}")
    return None


def package_of(text: str) -> tuple[str | None, str]:
    """Return the channel (None for any) and the package that a match spec names."""
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        return None, text.strip().lower()
    return found["channel"], found["name"].lower()


def channel(text: str) -> Complaint | None:
    """Accept the name of a channel (with a label behind a slash), or a URL without credentials."""
    if redact(text) != text:
        return Complaint(f"{redact(text)!r} carries credentials", "rattler's keychain holds those of channels")
    if re.fullmatch(r"(?:https?|file)://[^\s?#]+", text) or re.fullmatch(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", text):
        if text == "defaults":
            return Complaint("'defaults' stands for several channels", "write pkgs/main")
        return None
    return Complaint(f"{text!r} is neither the name nor the URL of a channel", "conda-forge, or https://…")


def mapping(text: str) -> Complaint | None:
    """Accept a path, or a URL of the web without credentials."""
    if redact(text) != text:
        return Complaint(f"{redact(text)!r} carries credentials", "netrc, a keyring or the environment hold them")
    if "://" in text and not re.match(r"https?://[^\s/]", text):
        return Complaint(f"{text!r} is no URL that can be read", "https://…, or a path beside the spec")
    return None


def channel_url(text: str) -> str:
    """Return the canonical URL of a channel."""
    return text.rstrip("/") if "://" in text else f"{CHANNEL_ALIAS}/{text}"
