"""The documents of GPU checks as JSON: expectations, reports, receipts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from envsolver.gpu.model import Expectations, Node, Receipt, Report

__all__ = ["dumps", "load_node", "load_receipt", "load_report", "plain"]

_T = TypeVar("_T")


def plain(value: Expectations | Report | Receipt | Node) -> dict[str, Any]:
    """Return a document as what JSON can say."""
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


def dumps(value: Expectations | Report | Receipt) -> str:
    """Return the text of a document: the same for the same content."""
    return json.dumps(plain(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def load_report(data: bytes) -> Report:
    """Read what a probe wrote.

    Raises:
        ValueError: it is no report; the message says what is wrong, and where.
    """
    from envsolver.gpu.model import Report

    found = _decoded(data, Report)
    for device in found.node.devices:
        if not re.fullmatch(r"\d{1,3}\.\d{1,3}|gfx[0-9a-f]{3,5}", device.capability):
            raise ValueError(f"{device.capability!r} is no compute capability")
    return found


def load_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Raises:
        ValueError: it is none.
    """
    from envsolver.gpu.model import Receipt

    return _decoded(data, Receipt)


def load_node(data: bytes) -> tuple[Node, dict[str, Any]]:
    """Read what a probe wrote about a node alone: its GPUs, and the rest of it.

    Raises:
        ValueError: it is no such document.
    """
    import msgspec

    from envsolver.gpu.model import Node

    found = _decoded(data, dict[str, Any])
    return msgspec.convert(found.get("node", {}), type=Node), msgspec.convert(
        found.get("system", {}), type=dict[str, Any]
    )


def _decoded(data: bytes, kind: type[_T]) -> _T:
    import msgspec

    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
