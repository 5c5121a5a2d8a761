"""Records of conda without a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rattler import BuildString, PackageRecord, RepoDataRecord

from envsolver.model.candidate import File, conda_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rattler.platform import SubdirLiteral

__all__ = ["MemoryRecords"]


class MemoryRecords:
    """Records of one channel."""

    subdirs: tuple[SubdirLiteral, ...] = ("linux-64", "noarch")

    def __init__(self) -> None:
        self.records: list[RepoDataRecord] = []

    def add(
        self,
        name: str,
        version: str,
        depends: Sequence[str] = (),
        constrains: Sequence[str] = (),
        *,
        build: str = "0",
        moment: datetime | None = None,
    ) -> None:
        record = PackageRecord(
            name,
            version,
            BuildString(build),
            0,
            "linux-64",
            depends=list(depends),
            constrains=list(constrains),
            sha256=bytes(32),
            md5=bytes(16),
        )
        filename = f"{name}-{version}-{build}.conda"
        record.timestamp = moment
        self.records.append(
            RepoDataRecord(record, filename, f"https://c.invalid/linux-64/{filename}", "https://c.invalid/")
        )

    async def load(self, names: Sequence[str]) -> list[list[RepoDataRecord]]:
        return [self.records]

    def file(self, record: RepoDataRecord) -> File:
        return File(
            name=conda_name(record.name.normalized),
            version=str(record.version),
            kind="conda",
            filename=record.file_name,
            index="conda:c",
            url=record.url,
            sha256="0" * 64,
            subdir="linux-64",
        )

    async def nearest(self, name: str) -> tuple[str, ...]:
        return ()
