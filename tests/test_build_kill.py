"""Builds that are killed in each phase leave a whole environment or none. ``benchmarks.faults`` kills more of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.buildkills import PHASES, build_kills

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer


def test_killed_in_each_phase(tmp_path: Path, index_server: IndexServer) -> None:
    found = list(build_kills(tmp_path / "project", index_server, number=1, seed=6))
    assert [kill for kill in found if not kill.sound] == []
    assert Counter(kill.phase for kill in found) == dict.fromkeys(PHASES, 1)
