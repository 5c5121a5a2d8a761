"""Bounds on what is read of an archive: an index may serve anything."""

from __future__ import annotations

__all__ = [
    "HEADS",
    "MAX_DIRECTORY",
    "MAX_MEMBERS",
    "MAX_METADATA",
    "MAX_REQUIREMENT",
    "MAX_UNPACKED",
    "MAX_WHOLE_FILE",
    "TAIL",
]

HEADS = (256 * 1024, 1024 * 1024, 4 * 1024 * 1024)
"""Bytes of a large sdist's beginning that one request after the other asks for, before the rest is streamed.

A body that is left early has more under way than was read: with the sdists of deepspeed, horovod, fairscale and pyspark
10 to 25 MB of a cold run.
"""

MAX_METADATA = 4 * 1024 * 1024
"""Bytes of one METADATA, PKG-INFO, requires.txt or pyproject.toml. The largest known are long descriptions of 1 MB."""

MAX_REQUIREMENT = 16 * 1024
"""Characters of one requirement. Real ones, with the longest markers, stay below 2,000."""

MAX_DIRECTORY = 64 * 1024 * 1024
"""Bytes of a zip's central directory. tensorflow 2.21, with 24,000 members, has 2.9 MB."""

MAX_MEMBERS = 1_000_000
"""Members of an archive that is walked or unpacked."""

MAX_WHOLE_FILE = 4 * 1024 * 1024 * 1024
"""Bytes of a file that is fetched whole, where ranges are not to be had. The largest wheels have 2.6 GB."""

MAX_UNPACKED = 8 * 1024 * 1024 * 1024
"""Bytes that an sdist may unpack to."""

TAIL = 32 * 1024
"""Bytes of a wheel's end that the first request asks for.

Measured on the newest wheels of 76 common packages (tensorflow, torch and onnx among them): 16 KiB cost 141 requests
and 9.0 MB, 32 KiB 126 and 9.7 MB, 64 KiB 109 and 11.2 MB. 5 MB of each are the central directories of those three.
"""
