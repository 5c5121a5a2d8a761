"""A lock as a software bill of materials: CycloneDX 1.6 in JSON (ECMA-424), by the library of that project.

The same lock gives the same bytes: the serial number is made from the lock's digest, and no moment of making is told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from envsolver.lock.digest import content_digest
from envsolver.lock.graph import lock_graph
from envsolver.lock.model import LockedRoot
from envsolver.model.candidate import CONDA_PREFIX, DEFAULT_INDEX, is_conda

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cyclonedx.model import HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from networkx import DiGraph
    from packageurl import PackageURL

    from envsolver.lock.graph import Node
    from envsolver.lock.model import Lock, LockedFile, LockedPackage

__all__ = ["cyclonedx"]

_SPACE = UUID("8b8f3f0e-3a0b-5c0c-9d3a-5d1f6f0f7c11")
"""Serial numbers of envsolver are made in this name space (RFC 9562, version 5)."""


def cyclonedx(lock: Lock, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return the packages of one solution, their hashes, and what requires what.

    Args:
        lock: of the environment.
        platform: may be left out if the lock has one only.
        groups: beside the base.

    Raises:
        UsageError: there is no such platform or group.
    """
    from cyclonedx.output.json import JsonV1Dot6

    target = lock.target(platform, groups)
    graph = lock_graph(lock, target.name, groups)
    document = json.loads(JsonV1Dot6(_bom(lock, graph, target.name, groups)).output_as_string())
    # The library knows no document without a clock; the format does not ask for one.
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _bom(lock: Lock, graph: DiGraph[Node], target: str, groups: Sequence[str]) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    from envsolver import __version__

    digest = content_digest(lock)
    facts = {"lock": digest, "target": target, "python": lock.python, "groups": ", ".join(sorted(groups))}
    root = Component(
        name=lock.name,
        version=digest.removeprefix("sha256:")[:16],
        type=ComponentType.APPLICATION,
        bom_ref="environment",
        properties=_properties(facts),
    )
    tool = Component(name="envsolver", version=__version__, type=ComponentType.APPLICATION, bom_ref="envsolver")
    components = {
        node: _component(lock, graph.nodes[node]["package"], target)
        for node in graph
        if not isinstance(node, LockedRoot)
    }
    bom = Bom(
        components=components.values(),
        serial_number=uuid5(_SPACE, f"{digest} {target} {' '.join(sorted(groups))}"),
        metadata=BomMetaData(component=root, tools=ToolRepository(components=[tool])),
    )
    asked = {node.name for node in graph if isinstance(node, LockedRoot)}
    bom.register_dependency(root, [components[name] for name in sorted(asked)])
    for name, component in components.items():
        below = sorted(other for other in graph.successors(name) if not isinstance(other, LockedRoot) and other != name)
        bom.register_dependency(component, [components[other] for other in below])
    return bom


def _component(lock: Lock, package: LockedPackage, target: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    file = package.file(target)
    facts = {
        "file": file.filename,
        "index": "" if file.index == DEFAULT_INDEX else file.index,
        "groups": ", ".join(package.groups),
        "commit": file.commit or "",
    }
    return Component(
        name=package.name.removeprefix(CONDA_PREFIX),
        version=package.version,
        type=ComponentType.LIBRARY,
        # The name of the lock: one project by conda and by pip are two components.
        bom_ref=package.name,
        purl=_purl(lock, package, file),
        hashes=_hashes(file),
        properties=_properties(facts),
    )


def _purl(lock: Lock, package: LockedPackage, file: LockedFile) -> PackageURL:
    """Return the package URL (https://github.com/package-url/purl-spec)."""
    from packageurl import PackageURL

    name = package.name.removeprefix(CONDA_PREFIX)
    if is_conda(package.name):
        stem = file.filename.removesuffix(".conda").removesuffix(".tar.bz2")
        build = stem.rpartition("-")[2]
        found = {"build": build, "channel": lock.index_url(file.index) or file.index, "subdir": file.subdir or ""}
        return PackageURL(type="conda", name=name, version=package.version, qualifiers=_said(found))
    found = {"file_name": file.filename, "repository_url": lock.index_url(file.index) or ""}
    if file.reference is not None:
        found = {"vcs_url" if file.commit else "download_url": file.reference}
    return PackageURL(type="pypi", name=name, version=package.version, qualifiers=_said(found))


def _said(facts: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in facts.items() if value}


def _hashes(file: LockedFile) -> Iterator[HashType]:
    from cyclonedx.model import HashAlgorithm, HashType

    if file.sha256 is not None:
        yield HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)
    if file.md5 is not None:
        yield HashType(alg=HashAlgorithm.MD5, content=file.md5)


def _properties(facts: dict[str, str]) -> list[Property]:
    from cyclonedx.model import Property

    return [Property(name=f"envsolver:{key}", value=value) for key, value in facts.items() if value]
