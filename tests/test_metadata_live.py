"""Files of the real package index whose metadata are hard to get at: what is read of them, and how much."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.model.candidate import DEFAULT_INDEX, normalize_name
from envsolver.sources.cache import Cache
from envsolver.sources.config import default_index_url
from envsolver.sources.filenames import project_of
from envsolver.sources.http import HttpClient
from envsolver.sources.metadata import MetadataReader
from envsolver.sources.pagestore import IndexAddress, PageStore

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Metadata

pytestmark = pytest.mark.live

KILOBYTE = 1000


async def _listed(http: HttpClient, filename: str) -> File:
    """Return a file as the page of the user's default index lists it."""
    name = normalize_name(project_of(filename) or "")
    location = default_index_url(os.environ, Path.home(), Path.cwd())
    store = PageStore(http=http, cache=Cache(None))
    page = await store.page(IndexAddress(url=http.credentials.register(location.url)), name, DEFAULT_INDEX)
    assert page is not None
    return next(file for release in page.releases for file in page.files(release.version) if file.filename == filename)


def read(filename: str) -> tuple[Metadata, int, int]:
    """Read a file's metadata with no cache and no builder; return them, the bytes received, the requests sent."""

    async def go() -> tuple[Metadata, int, int]:
        async with HttpClient() as http:
            file = await _listed(http, filename)
            bytes_before, requests_before = http.received, http.requests
            metadata = await MetadataReader(http, Cache(None)).read(file)
            return metadata, http.received - bytes_before, http.requests - requests_before

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("filename", "requirement", "kilobytes"),
    [
        ("torch-1.13.1-cp38-cp38-manylinux1_x86_64.whl", "typing-extensions", 1300),
        ("onnxruntime_training-1.14.0-cp38-cp38-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "protobuf", 400),
        ("boto3-1.26.0-py3-none-any.whl", "botocore (<1.30.0,>=1.29.0)", 200),
    ],
)
def test_of_a_wheel_only_the_end_and_the_directory(filename: str, requirement: str, kilobytes: int) -> None:
    metadata, received, requests = read(filename)
    assert metadata.source in {"wheel", "metadata-file"}
    assert requirement in metadata.requires_dist
    assert received < kilobytes * KILOBYTE
    assert requests <= 4


@pytest.mark.parametrize(
    ("filename", "requirement", "kilobytes"),
    [
        ("pyspark-3.5.9.tar.gz", "py4j<0.10.9.10,>=0.10.9.7", 1000),
        ("deepspeed-0.8.0.tar.gz", "hjson", 800),
        ("deepspeed-0.8.0.tar.gz", "pydantic", 800),
        ("horovod-0.28.1.tar.gz", "cloudpickle", 3600),
        ("fairscale-0.4.13.tar.gz", "torch>=1.8.0", 300),
        ("azure-core-1.26.0.zip", "requests>=2.18.4", 100),
        ("numba-0.60.0.tar.gz", "llvmlite<0.44,>=0.43.0dev0", 2800),
    ],
)
def test_an_sdist_is_read_no_further_than_its_requirements(filename: str, requirement: str, kilobytes: int) -> None:
    metadata, received, _ = read(filename)
    assert metadata.source == "sdist-claim"
    assert requirement in metadata.requires_dist
    assert received < kilobytes * KILOBYTE


def test_a_table_that_fixes_everything_needs_no_build() -> None:
    metadata, received, _ = read("scipy-1.10.1.tar.gz")
    assert metadata.source == "sdist-static"
    assert "numpy>=1.19.5,<1.27.0" in metadata.requires_dist
    assert received < 30_000 * KILOBYTE


def test_requirements_that_new_pips_refuse_are_repaired() -> None:
    metadata, _, _ = read("pytorch_lightning-1.7.7-py3-none-any.whl")
    assert "torch>=1.9" in metadata.requires_dist
    assert "torch (>=1.9.*) -> torch>=1.9" in metadata.repaired
