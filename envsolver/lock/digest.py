"""A digest of what a lock installs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.lock.model import Lock

__all__ = ["content_digest"]

_HINTS = frozenset(
    {"inputs_digest", "uploaded", "path", "knowledge", "bounds", "rules", "rule", "trees", "tools", "conda", "bases"}
)
"""Fields that do not decide what is installed: mirrors differ in them, or they say how the lock came about.

A channel corrects its records (``conda``) without touching the packages.
"""


def content_digest(lock: Lock) -> str:
    """Return ``sha256:…`` over the content of a lock, hints left out.

    Two locks made through different mirrors have the same digest. It does not depend on the layout of the file, and a
    field that a later version of the format adds changes it only for locks that use the field.
    """
    import hashlib
    import json

    text = json.dumps(_plain(lock), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _plain(value: object) -> object:
    if is_dataclass(value):
        found = {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.name not in _HINTS}
        return {key: item for key, item in found.items() if item not in (None, "", [])}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
