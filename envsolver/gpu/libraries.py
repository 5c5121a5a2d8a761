"""Which runtime libraries a process has mapped, held against those that the lock brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envsolver.gpu.model import Result
from envsolver.gpu.text import same_version, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.gpu.model import Expectations, ProbeCheck

__all__ = ["judge_libraries"]


def judge_libraries(expected: Expectations, found: ProbeCheck) -> Result:
    """Judge the libraries that were mapped when everything had been imported.

    A file counts as used if another library that is mapped links it; what merely was opened and is linked by nobody
    (ONNX Runtime's training wheels open every libcudart of the machine to name its version) is told and no failure. A
    file with a digest in its name is a wheel's private copy (auditwheel): it cannot stand in for another one, so it
    does not count as a copy, but its version does.
    """
    mapped = _entries(found.facts.get("mapped"))
    used = [one for one in mapped if one.get("needed_by") or one.get("inside")]
    for judged in (
        _majors(used),
        _foreign(used),
        _copies(expected, used),
        _versions(expected, used),
        _missing(expected, used),
    ):
        for code, message, fix in judged:
            return Result(check=found.check, status="fail", code=code, message=message, fix=fix)
    idle = [one for one in mapped if one not in used]
    told = f"; opened and linked by nobody: {', '.join(str(one['file']) for one in idle)}" if idle else ""
    return Result(check=found.check, status="pass", message=f"{_listed(used) or 'none is mapped'}{told}")


def _entries(mapped: object) -> list[dict[str, Any]]:
    """Return the libraries of a report: what it may hold in their place is left out."""
    rows = [one for one in mapped if isinstance(one, dict)] if isinstance(mapped, list) else []
    return [
        {**one, "needed_by": texts(one.get("needed_by"))}
        for one in rows
        if isinstance(one.get("library"), str) and isinstance(one.get("file"), str)
    ]


_Found = tuple[str, str, str | None]


def _majors(used: list[dict[str, Any]]) -> Iterator[_Found]:
    by_library: dict[str, dict[str, dict[str, Any]]] = {}
    for one in used:
        if one.get("major"):
            by_library.setdefault(one["library"], {}).setdefault(str(one["major"]), one)
    for library, majors in by_library.items():
        if len(majors) > 1:
            files = " and ".join(_named(one) for _, one in sorted(majors.items()))
            yield "RUN009", f"two versions of {library} are loaded: {files}", None


def _foreign(used: list[dict[str, Any]]) -> Iterator[_Found]:
    outside = [one for one in used if not one.get("inside")]
    if outside:
        yield "RUN018", f"loaded from outside of the environment: {', '.join(map(_named, outside))}", None


def _copies(expected: Expectations, used: list[dict[str, Any]]) -> Iterator[_Found]:
    allowed = {one.library: one.copies for one in expected.libraries}
    by_library: dict[str, list[dict[str, Any]]] = {}
    for one in used:
        if not one.get("private"):
            by_library.setdefault(one["library"], []).append(one)
    for library, files in by_library.items():
        if len(files) > allowed.get(library, 1):
            yield "RUN009", f"{len(files)} copies of {library} are loaded: {' and '.join(map(_named, files))}", None


def _versions(expected: Expectations, used: list[dict[str, Any]]) -> Iterator[_Found]:
    for wanted in expected.libraries:
        for one in used:
            if one["library"] != wanted.library:
                continue
            there, major = one.get("version"), one.get("major")
            by = f"{wanted.package} of the lock brings"
            if wanted.major and major and str(major) != wanted.major:
                yield "RUN012", f"{_named(one)} is loaded; {by} version {wanted.major}", None
            elif (
                wanted.version
                and there
                and not one.get("private")
                and not same_version(str(there), wanted.version, loose=True)
            ):
                yield "RUN012", f"{_named(one)} is version {there}; {by} {wanted.version}", None


def _missing(expected: Expectations, used: list[dict[str, Any]]) -> Iterator[_Found]:
    there = {one["library"] for one in used}
    missing = [one for one in expected.libraries if one.required and one.library not in there]
    if missing and len(missing) < len([one for one in expected.libraries if one.required]):
        names = ", ".join(f"{one.library} of {one.package}" for one in missing)
        yield "RUN016", f"not loaded, though everything was imported: {names}", None


def _named(one: dict[str, Any]) -> str:
    by = f" (for {', '.join(one['needed_by'][:2])})" if one.get("needed_by") else ""
    return f"{one.get('file')}{by}"


def _listed(used: list[dict[str, Any]]) -> str:
    versions: dict[str, set[str]] = {}
    for one in used:
        versions.setdefault(one["library"], set()).add(str(one.get("version") or one.get("major") or "?"))
    return ", ".join(f"{library} {' and '.join(sorted(found))}" for library, found in sorted(versions.items()))
