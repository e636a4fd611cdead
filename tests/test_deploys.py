"""Deploys: the first worker of a release marks the time."""

import bench as benches
import pytest

from core.ledger.deploys import MOST, Deploy, deployed, deploys


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def test_the_first_time_counts(bench):
    for release, at in (("v1", 1000), ("v2", 2000), ("v1", 3000)):
        bench.run(deployed(bench.keys, release, at))
    assert bench.run(deploys(bench.keys, 0)) == [Deploy("v1", 1000), Deploy("v2", 2000)]
    assert bench.run(deploys(bench.keys, 2000)) == [Deploy("v2", 2000)]
    assert bench.run(deploys(bench.keys, 2001)) == []


def test_the_newest_stay(bench):
    for n in range(MOST + 5):
        bench.run(deployed(bench.keys, f"v{n}", n))
    found = bench.run(deploys(bench.keys, 0))
    assert (len(found), found[0].release, found[-1].release) == (MOST, "v5", f"v{MOST + 4}")
