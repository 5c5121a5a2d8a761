"""A run that is killed leaves whole files, and the next one does not notice. ``benchmarks.faults`` kills 50."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kills import kills

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer


def test_killed_at_random_moments(tmp_path: Path, index_server: IndexServer) -> None:
    found = list(kills(tmp_path / "project", index_server, number=12, seed=1))
    assert len(found) == 12
    assert [kill for kill in found if not kill.sound] == []
    # Among them is one in which the locks were being replaced.
    assert any(kill.moment > kill.of - 24 for kill in found)
