"""What a wheel or an sdist declares, by the cheapest way that is certain."""

from __future__ import annotations

from envsolver.sources.metadata.build import SdistBuilder
from envsolver.sources.metadata.reader import MetadataReader

__all__ = ["MetadataReader", "SdistBuilder"]
