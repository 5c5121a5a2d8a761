"""What a document of YAML weighs with every alias counted as often as it is used.

A parser keeps one object for all uses of an alias, so that a few lines can stand for a billion values: harmless until
somebody walks over them or makes a text of them.
"""

from __future__ import annotations

from typing import Any

__all__ = ["MAX_VALUES", "weighs_too_much"]

MAX_VALUES = 2_000_000
"""Values of one document. The largest locks of conda-lock have some 100,000."""


def weighs_too_much(document: Any) -> bool:
    """Say whether a parsed document has more than :data:`MAX_VALUES` values, or a part that contains itself."""
    weights: dict[int, int] = {}
    open_: set[int] = set()
    stack: list[tuple[Any, bool]] = [(document, False)]
    while stack:
        value, closed = stack.pop()
        children = _children(value)
        key = id(value)
        if closed:
            open_.discard(key)
            weights[key] = 1 + sum(weights.get(id(child), 1) for child in children)
            if weights[key] > MAX_VALUES:
                return True
        elif key in open_:
            return True
        elif children and key not in weights:
            open_.add(key)
            stack.append((value, True))
            stack.extend((child, False) for child in children)
    return False


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else list(value) if isinstance(value, tuple | set) else []
