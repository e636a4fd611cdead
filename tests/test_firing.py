"""Advancing a schedule and accepting its run: one step, done once, and never over somebody's edit."""

from datetime import UTC, datetime, timedelta

import bench as benches
import pytest

from core.causes import fire as cause_of_fire
from core.ledger.acceptance import Request
from core.ledger.firing import Advance, Fire, Stored, fire, fires
from core.testing import drain, fire_due, runs

PLANNED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BEGUN = Stored("", b"def", b"meta0", b"ours0")


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        opened.entry = f"{{{opened.keys.prefix}}}:entry"
        opened.client.hset(opened.entry, mapping={"definition": "def", "meta": "meta0", "carillon": "ours0"})
        yield opened


def ring(bench, n, read=0, going=None):
    """Return the flow that fires planned time number *n*, by one that read the entry after *read* fires."""
    planned = PLANNED + timedelta(minutes=n)
    cause = cause_of_fire("tidy", planned)
    return fire(
        bench.keys,
        bench.keyring,
        "tidy",
        f"{bench.keys.prefix}:timetable",
        Stored(bench.entry, b"def", f"meta{read}".encode(), f"ours{read}".encode()),
        Advance(meta=f"meta{n}", ours=f"ours{n}", skipped=(f"meta{n}", f"skip{n}"), next_score=float(n)),
        Fire(planned=planned, state="fired", cause="on time", late=0.0, run=f"{cause.ledger_id}.0"),
        cause,
        Request(task="tidy", queue="q"),
        unless_going=going,
    )


def stands(bench):
    return [value.decode() for value in bench.client.hmget(bench.entry, "meta", "carillon")]


def rows(bench):
    return [(row.planned.minute, row.state) for row in bench.run(fires(bench.keys, "tidy", 100))]


def test_a_fire_advances_the_entry_and_accepts_its_run(bench):
    assert bench.run(ring(bench, 1)) == "OK"
    assert (stands(bench), rows(bench)) == (["meta1", "ours1"], [(1, "fired")])
    assert bench.client.zcard(bench.keys.due) == 1
    assert bench.client.zscore(f"{bench.keys.prefix}:timetable", bench.entry) == 1


def test_of_two_beats_the_second_does_nothing(bench):
    first, second = ring(bench, 1), ring(bench, 1)
    assert (bench.run(first), bench.run(second)) == ("OK", "STALE")
    assert bench.run(ring(bench, 2)) == "STALE"
    assert (stands(bench), rows(bench), bench.client.zcard(bench.keys.due)) == (
        ["meta1", "ours1"],
        [(1, "fired")],
        1,
    )


@pytest.mark.parametrize("field", ["definition", "meta", "carillon"])
def test_an_edit_in_between_is_not_written_over(bench, field):
    bench.client.hset(bench.entry, field, "edited")
    before = bench.client.hgetall(bench.entry)
    assert bench.run(ring(bench, 1)) == "STALE"
    assert bench.client.hgetall(bench.entry) == before
    assert (rows(bench), bench.client.zcard(bench.keys.due)) == ([], 0)


def test_a_repeated_write_of_the_same_fire_is_ok(bench):
    flow = ring(bench, 1)
    [script] = next(flow)

    def twice():
        return (yield [script, script])

    assert [status for status, _ in bench.run(twice())] == [b"OK", b"OK"]
    assert (stands(bench), rows(bench), bench.client.zcard(bench.keys.due)) == (["meta1", "ours1"], [(1, "fired")], 1)


def test_while_the_last_run_is_going_a_time_is_skipped(bench):
    run = bench.one()
    assert bench.run(ring(bench, 1, going=run)) == "SKIPPED"
    assert (stands(bench), rows(bench)) == (["meta1", "skip1"], [(1, "skipped")])
    bench.claim(run)
    bench.finish(run)
    bench.client.hset(bench.entry, "carillon", "ours1")
    assert bench.run(ring(bench, 2, read=1, going=run)) == "OK"


def test_overlap_skip_holds_however_long_the_run_takes(make_app):
    app = make_app("""
        from core import every

        @every(minutes=1, overlap="skip")
        def slow(): ...
    """)
    states = []
    for n in range(6):
        fire_due(app, PLANNED + timedelta(minutes=n, seconds=1))
        states.append(len(runs(app)))
    assert states == [0, 1, 1, 1, 1, 1]
    drain(app)
    fire_due(app, PLANNED + timedelta(minutes=6, seconds=1))
    assert [run["state"] for run in runs(app)] == ["pending", "succeeded"]
