"""What a file of another tool says, as far as a spec can say it, and what it says beyond that."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from envsolver.model.errors import Problem
from envsolver.model.values import dataclass
from envsolver.spec.checks import requirement, requirement_syntax
from envsolver.spec.conda import channel, match_spec, match_spec_syntax

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.model.origin import Origin
    from envsolver.spec.values import Complaint

__all__ = ["CONDA_TOOLS", "Imported", "ImportedIndex", "Written", "direct_reference", "without_credentials"]


_PYTHON = re.compile(r"=?=?\s*(\d+\.\d+(?:\.\d+)?)(?:\.\*)?(?:(?:=|\s+)\S+)?")

CONDA_TOOLS = frozenset({"pip", "setuptools", "wheel"})
"""What conda puts into an environment so that pip can work there; a lock needs none of it unless something asks."""


class Written(NamedTuple):
    """A text and where it stands.

    Attributes:
        platforms: of a match spec of conda: where alone it is asked for; empty means everywhere.
    """

    text: str
    origin: Origin
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedIndex:
    """An index that a file names.

    Attributes:
        kind: ``default`` for one that takes the place of the default index (``--index-url``).
        url: without credentials; of ``find-links`` it may be a path as written.
    """

    kind: Literal["default", "extra", "find-links"]
    url: str
    origin: Origin


@dataclass(slots=True)
class Imported:
    """What was read so far. The readers add to it.

    Attributes:
        name: of the environment, where the file has one.
        python: version or series, where the file says so.
        requirements: PEP 508, in the file's order.
        constraints: PEP 508.
        conda: match specs of conda.
        channels: of conda, in the order of their priority.
        platforms: as conda calls them, where the file says so.
        cuda: version of the toolkit that the environment is for.
        glibc: the lowest of the nodes.
        groups: name → requirements.
        live: entries for ``from``: what stays in its own file; group → entry, the base under the empty name.
        indexes: in the file's order.
        notes: what a spec has no word for, and what became of it.
        problems: what cannot be taken over and must not be left out silently.
    """

    name: str | None = None
    python: Written | None = None
    requires_python: Written | None = None
    requirements: list[Written] = field(default_factory=list)
    constraints: list[Written] = field(default_factory=list)
    conda: list[Written] = field(default_factory=list)
    channels: list[Written] = field(default_factory=list)
    platforms: list[str] = field(default_factory=list)
    cuda: Written | None = None
    glibc: Written | None = None
    groups: dict[str, list[Written]] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    indexes: list[ImportedIndex] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def require(self, written: Written, group: str = "") -> None:
        """Add a requirement, or say what is wrong with it."""
        if self._accepts(written, (requirement, requirement_syntax)):
            listed = self.groups.setdefault(group, []) if group else self.requirements
            if written.text not in (item.text for item in listed):
                listed.append(written)

    def ask_for_python(self, written: Written) -> None:
        """Take over what is asked of conda's interpreter: a version or series, or what its version has to be."""
        pinned = _PYTHON.fullmatch(written.text)
        if pinned:
            self.python = replace_text(written, pinned[1])
        elif written.text not in {"", "*"}:
            self.requires_python = replace_text(written, written.text.replace(" ", ""))

    def require_of_conda(self, written: Written) -> None:
        """Add a match spec, or say what is wrong with it."""
        if self._accepts(written, (match_spec, match_spec_syntax)):
            self.conda.append(written)

    def add_channel(self, written: Written) -> None:
        """Add a channel; what stands for several, or for none, is put in words that a spec has."""
        if written.text == "nodefaults":
            return
        if written.text == "defaults":
            self.notes.append(f"{written.origin}: defaults stands for several channels; taken over as pkgs/main")
            written = replace_text(written, "pkgs/main")
        if self._accepts(written, (channel,)) and written.text not in (one.text for one in self.channels):
            self.channels.append(written)

    def constrain(self, written: Written) -> None:
        """Add a constraint. One that says nothing about versions adds nothing."""
        from packaging.requirements import Requirement

        if not self._accepts(written, (requirement, requirement_syntax)):
            return
        parsed = Requirement(written.text)
        if parsed.url is not None:
            self.refuse(f"a constraint to a direct reference ({parsed.name}) has no counterpart", written.origin)
        elif parsed.specifier:
            # Extras of a constraint say nothing (pip itself refuses them).
            parsed.extras = set()
            if str(parsed) not in (item.text for item in self.constraints):
                self.constraints.append(replace_text(written, str(parsed)))

    def add_index(self, index: ImportedIndex) -> None:
        """Add an index; credentials in its URL are left out, and that is noted."""
        try:
            url, had = without_credentials(index.url)
        except ValueError:
            self.refuse("the URL of an index is none", index.origin)
            return
        if "\0" in url:
            self.refuse(f"{url!r} names no index", index.origin)
            return
        if "${" in url:
            self.refuse(
                "a variable in the URL of an index cannot be filled in by a spec", index.origin, "write the URL out"
            )
            return
        if had:
            self.notes.append(f"{index.origin}: credentials of {url} left out: netrc, a keyring or the environment")
        if (index.kind, url) not in ((known.kind, known.url) for known in self.indexes):
            self.indexes.append(replace(index, url=url))

    def refuse(self, message: str, origin: Origin, hint: str | None = None) -> None:
        """Add a problem."""
        self.problems.append(Problem(message, origin, hint))

    def _accepts(self, written: Written, checks: tuple[Callable[[str], Complaint | None], ...]) -> bool:
        for check in checks:
            if complaint := check(written.text):
                self.refuse(complaint.message, written.origin, complaint.hint)
                return False
        return True


def replace_text(written: Written, text: str) -> Written:
    """Return another text from the same place."""
    return Written(text, written.origin)


def without_credentials(url: str) -> tuple[str, bool]:
    """Return a URL without user and password, and whether it had any.

    Raises:
        ValueError: it is no URL.
    """
    if "://" not in url:
        return url, False
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=host)), bool(at and user)


def direct_reference(text: str) -> str | None:
    """Return ``name @ url`` for a URL without a name, as pip takes it; None if nothing tells its name.

    The name stands in the fragment (``#egg=name``, of which pip was fond before PEP 508) or in the file name.
    """
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    url, semicolon, marker = text.partition(" ;")
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    fields = [part for part in parts.fragment.split("&") if part]
    egg = next((part.removeprefix("egg=") for part in fields if part.startswith("egg=")), None)
    if egg is not None:
        match = re.fullmatch(r"([A-Za-z0-9._-]+?)(?:-dev)?(\[[^\]]*\])?", egg)
        if match is None:
            return None
        fragment = "&".join(part for part in fields if not part.startswith("egg="))
        name = match[1] + (match[2] or "")
    else:
        fragment = parts.fragment
        filename = parts.path.rsplit("/", 1)[-1]
        try:
            wheel = filename.endswith(".whl")
            name = str(parse_wheel_filename(filename)[0] if wheel else parse_sdist_filename(filename)[0])
        except (InvalidWheelFilename, InvalidSdistFilename):
            return None
    reference = f"{name} @ {urlunsplit(parts._replace(fragment=fragment))}"
    return f"{reference} ;{marker}" if semicolon else reference
