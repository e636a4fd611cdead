"""Counters: each end and each beginning is counted once, read without walking, and forgotten in time."""

import re
from collections import Counter
from itertools import pairwise

import bench as benches
import pytest

from core.embedded import running
from core.ledger.counters import BOUNDS, HOUR, MINUTE, NAMES, OUTCOMES, SCANNED, forget_counts, lately, series
from core.ledger.flow import LUA
from core.ledger.running import End

NOW = 29_000_000 * MINUTE + 59_999  # a minute that is nearly over


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def counted(bench, key=None):
    """Return what was counted, by name, whatever the minute."""
    found = Counter()
    for field, value in bench.client.hgetall(key or bench.keys.minutes).items():
        found[field.decode().partition(":")[2]] += int(value)
    return found


def put(bench, key, unit, **counts):
    bench.client.hset(key, mapping={f"{unit}:{name}": n for name, n in counts.items()})


def test_each_end_is_counted_once(bench):
    runs = {outcome: bench.running(f"t-{outcome}") for outcome in (*OUTCOMES[:4], "again")}
    ends = [End(run, f"t-{outcome}", outcome) for outcome, run in runs.items() if outcome in OUTCOMES]
    ends.append(End(runs["again"], "t-again", "succeeded"))
    assert set(bench.finish_all(*ends, ends[0])) == {"OK"}
    assert set(bench.finish_all(*ends)) == {"OK"}
    bench.finish_all(End(runs["dead"], "stale", "succeeded"), End("gone.0", "t", "succeeded"))
    found = {name: n for name, n in counted(bench).items() if name in OUTCOMES}
    assert found == {"succeeded": 2, "discarded": 1, "dead": 1, "retrying": 1}


def test_what_is_cancelled_is_counted_once(bench):
    run = bench.one()
    for nonce in ("n1", "n1", "n2"):
        bench.cancel(run, nonce)
    assert counted(bench) == {"cancelled": 1}


def test_the_third_charge_is_counted_as_a_death(bench):
    run = bench.one()
    for n in range(3):
        assert counted(bench)["dead"] == 0
        bench.claim(run, f"t{n}")
        bench.charge(run)
        bench.past(run)
        bench.recover(run)
    assert counted(bench)["dead"] == 1


def test_what_is_told_of_a_death_is_still_accepted(bench):
    """Its keys stand behind those of the counters."""
    news, told = bench.news()
    assert bench.finish(bench.running(), state="dead", told=news) == "OK"
    assert bench.state(told) == "pending"
    run, (news, told) = bench.one(), bench.news()
    for n in range(3):
        bench.claim(run, f"t{n}")
        bench.charge(run, told=news)
        bench.past(run)
        bench.recover(run)
    assert (bench.state(run), bench.state(told)) == ("dead", "pending")


@pytest.mark.parametrize(
    ("ago", "name"),
    [(-5000, "w1"), (0, "w1"), (1400, "w11"), (45_000, "w15"), (299_000, "w16"), (301_000, "w17"), (10**10, "w17")],
)
def test_a_first_attempt_tells_how_long_the_run_had_been_due(bench, ago, name):
    run = bench.one()
    bench.client.hset(bench.keys.run(run), "due", bench.now() - ago + 1000 * (ago == 0))
    bench.claim(run)
    bench.claim(run)
    assert counted(bench) == {name: 1}


def test_no_further_attempt_does(bench):
    run = bench.running()
    bench.finish(run, state="retrying")
    bench.past(run)
    bench.recover(run)
    assert bench.claim(run, "t2").attempt == 2
    assert counted(bench, bench.keys.hours).total() == 2  # it began, and failed


def test_an_odd_time_is_no_wait(bench):
    run = bench.one()
    bench.client.hset(bench.keys.run(run), "due", "noon")
    assert bench.claim(run).verdict == "OK"
    assert counted(bench) == {"w1": 1}


def test_the_bounds_are_those_of_the_script():
    [line] = re.findall(r"local WAITS = \{(.+)\}", (LUA / "claim.lua").read_text())
    assert tuple(map(int, line.split(", "))) == BOUNDS


def test_minutes_and_hours_are_the_servers(bench):
    before = bench.now()
    bench.finish(bench.running())
    after = bench.now()
    for key, unit in ((bench.keys.minutes, MINUTE), (bench.keys.hours, HOUR)):
        assert counted(bench, key)["succeeded"] == 1
        found = {int(field.partition(b":")[0]) for field in bench.client.hkeys(key)}
        assert found <= set(range(before // unit, after // unit + 1))


def test_a_batch_is_counted_at_once(tmp_path):
    with running(tmp_path) as url, benches.opened(url) as bench:
        runs = [bench.one() for _ in range(20)]
        bench.claim_all(*((run, run) for run in runs))
        calls = bench.client.info("commandstats")["cmdstat_hincrby"]["calls"]
        assert calls == 2 * len([name for name in counted(bench) if name not in OUTCOMES])
        bench.finish_all(*(End(run, run, "succeeded") for run in runs))
        assert bench.client.info("commandstats")["cmdstat_hincrby"]["calls"] == calls + 2


def test_odd_counters_hold_up_no_run(bench):
    for key in bench.keys.counters:
        bench.client.set(key, "no hash")
    run, other = bench.running(), bench.one()
    assert (bench.finish(run), bench.cancel(other).verdict) == ("OK", "OK")


def test_a_series_is_whole_and_in_order(bench):
    first = NOW // MINUTE - 59
    put(bench, bench.keys.minutes, first - 1, succeeded=100)
    put(bench, bench.keys.minutes, first, succeeded=1, dead=2)
    put(bench, bench.keys.minutes, first + 59, retrying=3, w1=1)
    found = bench.run(series(bench.keys, NOW, 60, 1, {}))
    assert [tally.start for tally in found] == [(first + n) * MINUTE for n in range(60)]
    assert found[0].ended == {"succeeded": 1, "discarded": 0, "dead": 2, "retrying": 0, "cancelled": 0}
    assert (found[0].started, found[0].p50, found[0].p95) == (0, None, None)
    assert (found[-1].ended["retrying"], found[-1].started) == (3, 1)
    assert sum(tally.ended["succeeded"] for tally in found) == 1


def test_quarters_begin_with_the_clock(bench):
    quarter = NOW // (15 * MINUTE)
    put(bench, bench.keys.minutes, quarter * 15, succeeded=1)
    put(bench, bench.keys.minutes, quarter * 15 - 1, succeeded=2)
    put(bench, bench.keys.minutes, quarter * 15 - 15, succeeded=4)
    put(bench, bench.keys.minutes, quarter * 15 - 16, succeeded=8)
    *_, one, two, three = bench.run(series(bench.keys, NOW, 96, 15, {}))
    assert [tally.ended["succeeded"] for tally in (one, two, three)] == [8, 6, 1]
    assert (three.start, two.start) == (quarter * 15 * MINUTE, (quarter - 1) * 15 * MINUTE)


def test_what_has_ended_is_read_once_and_what_goes_on_each_time(bench):
    minute, past = NOW // MINUTE, {}
    put(bench, bench.keys.minutes, minute - 1, succeeded=1)
    assert [tally.ended["succeeded"] for tally in bench.run(series(bench.keys, NOW, 3, 1, past))] == [0, 1, 0]
    assert len(past) == 2
    put(bench, bench.keys.minutes, minute, succeeded=5)
    put(bench, bench.keys.minutes, minute - 1, succeeded=100)
    assert [tally.ended["succeeded"] for tally in bench.run(series(bench.keys, NOW, 3, 1, past))] == [0, 1, 5]
    later = bench.run(series(bench.keys, NOW + MINUTE, 3, 1, past))
    assert [tally.ended["succeeded"] for tally in later] == [1, 5, 0]
    assert {start // MINUTE for _, start in past} == {minute - 1, minute}
    bench.run(series(bench.keys, NOW, 2, 15, past))
    assert len(past) == 3, "stretches of another length are another series"


def test_hours_are_counted_by_themselves(bench):
    hour = NOW // HOUR
    put(bench, bench.keys.hours, hour, cancelled=7)
    put(bench, bench.keys.hours, hour - 719, cancelled=5)
    put(bench, bench.keys.minutes, NOW // MINUTE, cancelled=1)
    found = bench.run(series(bench.keys, NOW, 720, 60, {}))
    assert [(tally.start, tally.ended["cancelled"]) for tally in (found[0], found[-1])] == [
        ((hour - 719) * HOUR, 5),
        (hour * HOUR, 7),
    ]


def test_lately_is_the_sum_of_the_last_minutes(bench):
    minute = NOW // MINUTE
    for n in (0, 1, 59, 60):
        put(bench, bench.keys.minutes, minute - n, succeeded=1, w1=2)
    found = bench.run(lately(bench.keys, NOW, 60))
    assert (found.start, found.ended["succeeded"], found.started) == ((minute - 59) * MINUTE, 3, 6)


@pytest.mark.parametrize(
    ("waits", "p50", "p95"),
    [
        ({"w1": 10}, 0.5, 0.95),
        ({"w5": 10}, 15, 19.5),  # more than 10 ms, up to 20
        ({"w1": 50, "w10": 50}, 1, 950),  # half up to 1 ms, half from 500 on
        ({"w3": 1, "w17": 1}, 5, 300_000),
    ],
)
def test_waits_are_read_within_their_step(bench, waits, p50, p95):
    put(bench, bench.keys.minutes, NOW // MINUTE, **waits)
    found = bench.run(lately(bench.keys, NOW, 1))
    assert (found.p50, found.p95) == (pytest.approx(p50), pytest.approx(p95))


def test_what_is_old_is_forgotten_step_by_step(bench):
    minute, hour = NOW // MINUTE, NOW // HOUR
    bench.client.hset(
        bench.keys.minutes, mapping={f"{minute - n}:{name}": 1 for n in range(2000) for name in NAMES[:2]}
    )
    bench.client.hset(bench.keys.hours, mapping={f"{hour - n}:dead": 1 for n in range(1000)})
    places, sizes = (0, 0), [4000]
    while True:
        places = bench.run(forget_counts(bench.keys, NOW, places))
        sizes.append(bench.client.hlen(bench.keys.minutes))
        if not places[0]:
            break
    assert max(before - after for before, after in pairwise(sizes)) <= 2 * SCANNED
    assert sizes[-1] == 2 * 25 * 60
    assert bench.client.hlen(bench.keys.hours) == 31 * 24
    assert bench.client.hexists(bench.keys.minutes, f"{minute - 25 * 60 + 1}:succeeded")
    assert bench.client.hexists(bench.keys.hours, f"{hour - 31 * 24 + 1}:dead")
