"""One digest of everything in a spec that can influence its lock: equal digests, nothing to solve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.model.spec import ImpliedBoundsSpec, IndexSpec, Spec, SpecRequirement, SystemSpec

__all__ = ["CHANNEL", "DIGEST_VERSION", "MAPPING", "inputs_digest"]

DIGEST_VERSION = 1
"""Changes with the meaning of the digest, so that no two meanings can be taken for each other."""

MAPPING = "conda-mapping:"
"""What stands for the mapping of names among the digests of files; no index can be called so."""

CHANNEL = "conda-channel:"
"""Before the URL of a frozen channel and its subdir among the digests of files; no index can be called so."""


def inputs_digest(
    spec: Spec, frozen: Mapping[str, str] | None = None, rule_files: Mapping[str, str] | None = None
) -> str:
    """Return the sha256 (hex) of what the lock of a spec depends on.

    What envsolver itself knows does not count: neither its rules nor its defaults. So a newer version of it, with more
    knowledge or another horizon, leaves every lock as it is.

    Titles, notes, reasons, comments, lines, import checks, the base image and the name of the operating system do not
    count, nor does the order of what has none: constraints, overrides, packages of an index. The order of requirements,
    platforms and indexes does, and the file that a requirement stands in, since the lock names it.

    Args:
        spec: the spec, with its bases applied.
        frozen: index alias → sha256 of the frozen file that serves in its place; :data:`CHANNEL`, and the URL and
            subdir of a frozen channel → that of the record; :data:`MAPPING` → that of the mapping of names, where it is
            a file.
        rule_files: path → sha256 of the project's own rule files.
    """
    import hashlib
    import json

    content = {
        "digest-version": DIGEST_VERSION,
        "python": spec.python,
        "platforms": spec.platforms,
        "system": [_system(spec.system_for(platform)) for platform in spec.platforms],
        "gpu": _gpu(spec),
        "indexes": [_index(index, frozen or {}) for index in spec.indexes],
        "requirements": [[item.group, _text(item), item.origin.path] for item in spec.requirements],
        "constraints": sorted({_text(requirement) for requirement in spec.constraints}),
        "overrides": sorted({_text(requirement) for requirement in spec.overrides}),
        "groups": spec.groups,
        "exclusive": sorted(sorted(names) for names in spec.exclusive),
        "as-of": spec.as_of,
        # Only where they say something: specs that do not use these keys have the digest that they always had.
        **_written("implied-bounds", _implied_bounds(spec.implied_bounds)),
        **_written("ignored-rules", sorted([rule.id, rule.reason, rule.until] for rule in spec.ignored_rules)),
        **_written("conda", _conda(spec, frozen or {})),
        **_written("frozen", sorted(base.name for base in spec.bases if base.frozen)),
        **_written("rule-files", dict(rule_files or {})),
    }
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _written(key: str, value: Any) -> dict[str, Any]:
    return {key: value} if value else {}


def _implied_bounds(bounds: ImpliedBoundsSpec) -> dict[str, Any]:
    return {**_written("horizon", bounds.horizon), **_written("packages", bounds.packages)}


def _conda(spec: Spec, digests: Mapping[str, str]) -> dict[str, Any]:
    if spec.conda is None:
        return {}
    return {
        "requirements": [
            # What is asked for everywhere has the digest that it always had.
            [_text(item), item.origin.path, *([sorted(set(item.platforms))] if item.platforms else [])]
            for item in spec.conda.requirements
        ],
        "channels": [channel.url for channel in spec.conda.channels],
        "strict": spec.conda.strict,
        **_written("prefer", spec.conda.prefer),
        **_written("names", spec.conda.names),
        **_written("frozen", {key: sha256 for key, sha256 in digests.items() if key.startswith(CHANNEL)}),
        **_written("mapping", [spec.conda.mapping, digests.get(MAPPING)] if spec.conda.mapping else None),
    }


def _text(requirement: SpecRequirement) -> str:
    return " ".join(requirement.text.split())


def _system(system: SystemSpec) -> dict[str, Any]:
    return {"glibc": system.glibc, "macos": system.macos}


def _gpu(spec: Spec) -> dict[str, Any] | None:
    if spec.gpu is None:
        return None
    return {
        "backend": spec.gpu.backend,
        "version": spec.gpu.version,
        "driver": spec.gpu.driver,
        "architectures": sorted(set(spec.gpu.architectures)),
        "allow": sorted({(allow.package, allow.cuda) for allow in spec.gpu.allow}),
    }


def _index(index: IndexSpec, frozen: Mapping[str, str]) -> dict[str, Any]:
    return {
        "alias": index.alias,
        "url": index.url,
        "kind": index.kind,
        "packages": sorted(set(index.packages)),
        "platforms": sorted(set(index.platforms)),
        "frozen": index.frozen,
        "frozen-sha256": frozen.get(index.alias),
    }
