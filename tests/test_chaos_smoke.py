"""Chaos in a minute: worker, web and Redis are killed under load, and nothing that was accepted is lost."""

import pytest

from benchmarks.chaos.run import run
from benchmarks.chaos.scenarios import SCENARIOS

pytestmark = pytest.mark.processes


def test_nothing_is_lost_under_kills(tmp_path):
    outcome = run(SCENARIOS["smoke"], "ours", 7, tmp_path / "smoke", lambda _: None)
    found = outcome.findings
    where = f"seed 7; acceptance log, evidence and logs are in {outcome.folder}"
    assert {fault.action for fault in outcome.faults} >= {"kill_worker", "kill_server"}, where
    assert outcome.kills >= 8, where
    assert found.offered >= 3000, where
    assert found.acked == found.offered, where
    assert (found.lost, found.half, outcome.stuck) == ([], [], 0), where
    assert outcome.complaints == [], where
