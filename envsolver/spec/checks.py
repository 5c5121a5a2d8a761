"""Checks of single texts: requirements, URLs, dates. Each returns a complaint with a way out, or None.

Nothing here imports more than the standard library needs at the first call, except where a function says so.
"""

from __future__ import annotations

import re

from envsolver.model.candidate import DEFAULT_INDEX, DIRECT_INDEX, normalize_name
from envsolver.spec.values import Complaint

__all__ = [
    "as_of",
    "constraint",
    "day",
    "index_alias",
    "index_url",
    "normalise_as_of",
    "normalise_package_pattern",
    "project_name",
    "python_version",
    "redact",
    "relative_path",
    "requirement",
    "requirement_syntax",
]

_CREDENTIALS = r"(?<=://)[^/\s@]*@(?=\S)"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_PROJECT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_ORDINARY = rf"{_PROJECT}(?:\[[A-Za-z0-9._, -]*\])? ?(?:[<>=!~]=?[^;@:#/\\]*)?"
"""Nearly every requirement; only the others are looked at more closely."""
_CONDA_PIN = r"([A-Za-z0-9._-]+)=([A-Za-z0-9][^=]*?)(?:=.*)?"
_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".tgz", ".zip")
_OPTION_HINTS = {
    "-r": "list the requirements here, or put them into a base spec and use 'extends'",
    "--requirement": "list the requirements here, or put them into a base spec and use 'extends'",
    "-c": "list them under 'constraints'",
    "--constraint": "list them under 'constraints'",
    "-e": "a local project is taken in with 'from: pyproject.toml'",
    "--editable": "a local project is taken in with 'from: pyproject.toml'",
    "-i": "name the index under 'indexes'",
    "--index-url": "name the index under 'indexes'",
    "--extra-index-url": "name the index under 'indexes' and bind packages to it",
    "-f": "name the page under 'indexes' with 'kind: find-links'",
    "--find-links": "name the page under 'indexes' with 'kind: find-links'",
    "--pre": "ask for pre-releases where they are wanted: name>=2.0rc1",
}
_DIRECT_SCHEMES = frozenset({"http", "https", "file", "git+http", "git+https", "git+ssh", "git+file"})
_SECRET_HINT = "put the credentials into netrc, a keyring or the environment; a spec is shared"  # noqa: S105 -- a hint


def redact(text: str) -> str:
    """Return a text with the credentials of any URL in it taken out."""
    return re.sub(_CREDENTIALS, "****@", text)


def project_name(requirement_text: str) -> str | None:
    """Return the canonical name of the project that a requirement names, without parsing the rest."""
    match = re.match(_PROJECT, requirement_text.strip())
    return normalize_name(match.group()) if match else None


def requirement(text: str) -> Complaint | None:
    """Refuse what pip's command line and requirement files know but PEP 508 does not, and credentials."""
    if re.fullmatch(_ORDINARY, text) and not re.fullmatch(_CONDA_PIN, text) and not text.lower().endswith(_ARCHIVES):
        return None
    if text.startswith("-"):
        option = re.split(r"[\s=]", text, maxsplit=1)[0]
        return Complaint(f"options such as {option!r} are not requirements", _OPTION_HINTS.get(option))
    if _has_credentials(text):
        return Complaint(f"{redact(text)!r} carries credentials", _SECRET_HINT)
    if re.match(_SCHEME, text) or text.lower().startswith("file:"):
        return Complaint(f"{text!r} has no name", f"write NAME @ {text}")
    if text.startswith((".", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", text):
        return Complaint(f"{text!r} is a path", "write NAME @ file:///…, or bind the package to a folder of wheels")
    if " #" in text and "://" not in text:
        return Complaint(f"{text!r} contains a comment", "YAML comments stand outside the quotes")
    if "@" not in text and text.lower().endswith(_ARCHIVES):
        return Complaint(f"{text!r} is a file", "write NAME @ URL, or bind the package to a folder of wheels")
    conda = re.fullmatch(_CONDA_PIN, text)
    if conda:
        return Complaint(f"{text!r} is conda's way to write a version", f"write {conda[1]}=={conda[2]}")
    if not re.match(_PROJECT, text):
        return Complaint(f"{text!r} does not begin with the name of a project")
    return None


def _has_credentials(text: str) -> bool:
    """git+ssh://git@host names an account, not a secret; anything with a password or token does not belong here."""
    match = re.search(_CREDENTIALS, text)
    return match is not None and not (":" not in match.group() and "ssh://" in text[: match.start()])


def requirement_syntax(text: str) -> Complaint | None:
    """Parse a requirement strictly (PEP 508). Imports packaging."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        return Complaint(f"{text!r} is not a valid requirement: {str(error).splitlines()[0]}", _syntax_hint(text))
    if parsed.marker is not None and re.search(r"\bextra\b", str(parsed.marker)):
        return Complaint(
            f"{text!r} asks for an extra in its marker; a spec has none", "use groups, or name[extra] as a requirement"
        )
    if parsed.url is not None:
        scheme = parsed.url.split(":", 1)[0]
        if scheme not in _DIRECT_SCHEMES:
            return Complaint(f"{text!r}: {scheme!r} is no scheme that can be locked", "http, https, file or git+…")
    return None


def _syntax_hint(text: str) -> str | None:
    single = re.match(r"([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*=\s*([^=\s].*)", text)
    if single:
        return f"write {single[1]}=={single[2]}"
    spaced = re.fullmatch(r"([A-Za-z0-9._-]+)\s+(\d\S*)", text)
    if spaced:
        return f"write {spaced[1]}=={spaced[2]}"
    return "PEP 508: NAME[extra]>=1.0,<2; python_version < '3.9'"


def constraint(text: str) -> Complaint | None:
    """Parse a constraint: a requirement that only narrows versions. Imports packaging."""
    complaint = requirement_syntax(text)
    if complaint is not None:
        return complaint
    from packaging.requirements import Requirement

    parsed = Requirement(text)
    if parsed.url is not None:
        return Complaint(f"{text!r} is a direct reference; a constraint narrows versions", "put it under 'pip'")
    if parsed.extras:
        return Complaint(f"{text!r} asks for extras; a constraint brings nothing in", "put it under 'pip'")
    if not parsed.specifier:
        return Complaint(f"{text!r} constrains nothing", f"for example {parsed.name}<2")
    return None


def python_version(text: str) -> Complaint | None:
    """Accept ``3.9`` and ``3.9.18`` of the series that environments can have.

    Of a series that has ended all releases are known; of a living one there may be newer ones than are known here.
    """
    from envsolver.model.target import ENDED, LATEST_PATCH

    match = re.fullmatch(r"(\d+\.\d+)(?:\.(0|[1-9]\d*))?", text)
    if match and match[1] in LATEST_PATCH:
        last = LATEST_PATCH[match[1]]
        if match[1] in ENDED and match[2] and int(match[2]) > int(last.rpartition(".")[2]):
            return Complaint(f"there is no Python {text}: the last release of {match[1]} is {last}", f"write {last}")
        return None
    expected = f"expected a Python version from {min(LATEST_PATCH, key=_minor)} to {max(LATEST_PATCH, key=_minor)}"
    found = re.search(r"\d+\.\d+", text)
    if not match and found and found[0] in LATEST_PATCH:
        return Complaint(f"{expected}, found {text!r}", f"one version, not a range: {found[0]}")
    return Complaint(f"{expected}, found {text!r}")


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def index_alias(text: str) -> Complaint | None:
    """Refuse the names that the lock itself uses."""
    if text in {DEFAULT_INDEX, DIRECT_INDEX}:
        return Complaint(f"{text!r} is a reserved name", "choose another alias")
    return None


def index_url(text: str) -> Complaint | None:
    """Accept http, https and file URLs without secrets, and folders inside the project."""
    if re.search(_CREDENTIALS, text):
        return Complaint(f"{redact(text)!r} carries credentials", _SECRET_HINT)
    if "${" in text:
        return Complaint(f"{text!r}: variables are not filled in here", _SECRET_HINT)
    if "?" in text or "#" in text:
        return Complaint("the URL of an index has neither a query nor a fragment", _SECRET_HINT)
    if re.match(_SCHEME, text):
        scheme, rest = text.split("://", 1)
        if scheme.lower() not in {"http", "https", "file"}:
            return Complaint(f"{scheme!r} is no scheme of an index", "http, https or file")
        return None if rest.strip("/") else Complaint(f"{text!r} names no host")
    if re.match(r"[A-Za-z0-9.-]+\.[A-Za-z]{2,}/", text):
        return Complaint(f"{text!r} has no scheme", f"write https://{text}")
    if "@" in text or ":" in text:
        return Complaint("the URL has no scheme", "write https://…, or the path of a folder in the project")
    return relative_path(text)


def relative_path(text: str) -> Complaint | None:
    """Accept a path with ``/`` that cannot leave the folder that it is relative to."""
    if "\\" in text or re.match(r"[A-Za-z]:", text):
        return Complaint(f"{text!r} is not a portable path", "write it with '/'")
    if text.startswith(("/", "~")):
        return Complaint(f"{text!r} is not a relative path")
    if ".." in text.split("/"):
        return Complaint(f"{text!r} leads out of the project")
    return None


def normalise_package_pattern(text: str) -> str:
    """Return the canonical name, keeping the ``*`` of ``prefix-*``."""
    return f"{normalize_name(text[:-1])}*" if text.endswith("*") else normalize_name(text)


def as_of(text: str) -> Complaint | None:
    """Accept a date (the start of that day, UTC) or an RFC 3339 instant."""
    expected = "expected a date (2023-03-09) or an instant (2023-03-09T12:00:00Z)"
    try:
        moment = _instant(text)
    except ValueError:
        return Complaint(f"{expected}, found {text!r}", "a lock must not depend on the day that it is made")
    if moment is None:
        return Complaint(f"{expected}, found {text!r}", "add the time zone: Z or +00:00")
    return None


def day(text: str) -> Complaint | None:
    """Refuse what looks like a date and is none."""
    from datetime import date

    try:
        date.fromisoformat(text)
    except ValueError:
        return Complaint(f"expected a date such as 2027-03-01, found {text!r}")
    return None


def normalise_as_of(text: str) -> str:
    """Return the instant as RFC 3339 in UTC, ``2023-03-09T00:00:00Z``."""
    moment = _instant(text)
    return "" if moment is None else moment


def _instant(text: str) -> str | None:
    """Return the UTC instant, None where the time zone is missing.

    Raises:
        ValueError: it is neither a date nor an instant.
    """
    from datetime import UTC, datetime

    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return f"{datetime.fromisoformat(text).date().isoformat()}T00:00:00Z"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
