"""Advancing schedules and accepting their runs: one step, done once, and never over somebody's edit."""

from datetime import timedelta

import bench as benches
import pytest
from firing import PLANNED, Tower, asked

from core.ledger.fires import fires
from core.ledger.firing import Fire
from core.ledger.packing import Wanted
from core.ledger.words import Request
from core.testing import drain, fire_due, runs


@pytest.fixture
def tower(server_url):
    with benches.opened(server_url) as bench:
        yield Tower(bench)


def told(n=0):
    return Wanted(benches.event(f"missed{n}"), [Request(task="alarm", queue="q")])


def test_a_fire_advances_the_entry_and_accepts_its_run(tower):
    assert tower.ring(tower.move(1)) == ["OK"]
    assert (tower.stands(), tower.rows(), tower.counts()) == (["meta1", "ours1"], [(1, "fired")], {"fired": 1})
    assert tower.bench.state(tower.run_of(1)) == "pending"
    assert tower.score() == 1.5


def test_of_two_beats_the_second_does_nothing(tower):
    first, second = tower.move(1), tower.move(1, told=told())
    assert (tower.ring(first), tower.ring(second)) == (["OK"], ["STALE"])
    assert tower.ring(tower.move(2, rows=[Fire(planned=PLANNED, state="missed", cause="x")])) == ["STALE"]
    assert (tower.stands(), tower.rows(), tower.counts()) == (["meta1", "ours1"], [(1, "fired")], {"fired": 1})
    assert tower.bench.client.zcard(tower.keys.due) == 1


@pytest.mark.parametrize("field", ["definition", "meta", "carillon"])
def test_an_edit_in_between_is_not_written_over(tower, field):
    tower.bench.client.hset(tower.key, field, "edited")
    before = tower.bench.client.hgetall(tower.key)
    assert tower.ring(tower.move(1)) == ["STALE"]
    assert tower.bench.client.hgetall(tower.key) == before
    assert (tower.rows(), tower.bench.client.zcard(tower.keys.due), tower.score()) == ([], 0, 1)


def test_an_entry_that_is_gone_is_not_made_again(tower):
    tower.bench.client.delete(tower.key)
    assert tower.ring(tower.move(1)) == ["STALE"]
    assert tower.bench.client.exists(tower.key) == 0


def test_a_repeated_write_of_the_same_fire_is_ok(tower):
    script = tower.script(tower.move(1))
    first, second = tower.bench.run(asked(script, script))
    assert (tower.verdicts(first), tower.verdicts(second)) == (["OK"], ["OK"])
    assert (tower.stands(), tower.rows(), tower.counts()) == (["meta1", "ours1"], [(1, "fired")], {"fired": 1})
    assert tower.bench.client.zcard(tower.keys.due) == 1


def test_while_the_last_run_is_going_a_time_is_skipped(tower):
    run = tower.bench.one()
    assert tower.ring(tower.move(1, last=run)) == ["SKIPPED"]
    assert (tower.stands(), tower.rows(), tower.counts()) == (["meta1", "skip1"], [(1, "skipped")], {"skipped": 1})
    assert tower.bench.client.exists(tower.keys.run(tower.run_of(1))) == 0
    tower.bench.claim(run)
    tower.bench.finish(run)
    tower.bench.client.hset(tower.key, "carillon", "ours1")
    assert tower.ring(tower.move(2, read=1, last=run)) == ["OK"]


def test_a_last_run_that_is_gone_is_not_waited_for(tower):
    assert tower.ring(tower.move(1, last="0000.0")) == ["OK"]


def test_with_overlap_allowed_the_last_run_is_not_looked_at(tower):
    run = tower.bench.one()
    assert tower.ring(tower.move(1, last=run, overlap="")) == ["OK"]


def test_one_run_waits_for_the_last_one_and_no_second(tower):
    run = tower.bench.one()
    assert tower.ring(tower.move(1, last=run, overlap="queue_one")) == ["PARKED"]
    waiting = tower.run_of(1)
    assert (tower.bench.state(waiting), tower.bench.field(waiting, "behind")) == ("parked", run)
    assert (tower.stands(), tower.rows(), tower.counts()) == (["meta1", "ours1"], [(1, "fired")], {"fired": 1})
    assert 890 < tower.bench.wait_of(waiting) <= 900
    assert tower.ring(tower.move(2, read=1, last=waiting, overlap="queue_one")) == ["SKIPPED"]
    [skipped, fired] = tower.bench.run(fires(tower.keys, "tidy", 9))
    assert (skipped.cause, fired.cause) == (f"overlap: {waiting} still runs", f"waits for {run}")
    assert (skipped.run, fired.run) == (None, waiting)


def test_a_parked_fire_that_is_sent_twice_waits_once(tower):
    run = tower.bench.one()
    script = tower.script(tower.move(1, last=run, overlap="queue_one"))
    first, second = tower.bench.run(asked(script, script))
    assert (tower.verdicts(first), tower.verdicts(second)) == (["PARKED"], ["OK"])
    assert tower.bench.state(tower.run_of(1)) == "parked"


def test_an_entry_may_advance_without_a_run(tower):
    rows = [
        Fire(planned=PLANNED, state="missed", cause="x", until=PLANNED + timedelta(minutes=4), count=5),
        Fire(planned=PLANNED + timedelta(minutes=5), state="skipped", cause="paused"),
    ]
    assert tower.ring(tower.move(7, runs=False, rows=rows)) == ["OK"]
    assert (tower.rows(), tower.counts()) == ([(5, "skipped"), (0, "missed")], {"missed": 5, "skipped": 1})
    assert tower.stands() == ["meta7", "ours7"]
    assert tower.ring(tower.move(8, runs=False)) == ["STALE"]
    assert tower.bench.client.zcard(tower.keys.due) == 0


def test_a_time_whose_run_is_known_already_is_not_kept_as_fired_again(tower):
    wanted = tower.move(1).accepted
    tower.bench.accept(wanted.cause, wanted.requests)
    assert tower.ring(tower.move(1)) == ["DUP"]
    assert (tower.rows(), tower.counts(), tower.stands()) == ([], {}, ["meta1", "ours1"])


def test_what_has_no_next_time_leaves_the_timetable(tower):
    tower.ring(tower.move(1, score=None))
    assert tower.bench.client.zcard(tower.timetable) == 0


def test_a_plain_entry_gets_no_field_of_ours(tower):
    tower.bench.client.hdel(tower.key, "carillon")
    move = tower.move(1)
    plain = move._replace(ours="", stored=move.stored._replace(ours=b""))
    assert tower.ring(plain) == ["OK"]
    assert tower.bench.client.hkeys(tower.key) == [b"definition", b"meta"]


def test_a_missed_time_is_told_in_the_same_step(tower):
    rows = [Fire(planned=PLANNED, state="missed", cause="x")]
    assert tower.ring(tower.move(1, rows=rows, told=told())) == ["OK"]
    event = benches.event("missed0").ledger_id
    assert tower.bench.state(f"{event}.0") == "pending"


def test_each_of_many_goes_its_own_way(tower):
    """Entries that fire, are skipped, wait, are stale or only move on, in one call."""
    going, client = tower.bench.one(), tower.bench.client
    keys = [f"{tower.key}{n}" for n in range(5)]
    for key in keys:
        client.hset(key, mapping={"definition": "def", "meta": "meta0", "carillon": "ours0"})
    client.hset(keys[3], "meta", "other")
    rows = [Fire(planned=PLANNED - timedelta(minutes=9), state="missed", cause="x")]
    verdicts = tower.ring(
        tower.move(1, key=keys[0], rows=rows),
        tower.move(2, key=keys[1], last=going),
        tower.move(3, key=keys[2], last=going, overlap="queue_one"),
        tower.move(4, key=keys[3], rows=rows, told=told()),
        tower.move(5, key=keys[4], runs=False, rows=rows, score=None),
    )
    assert verdicts == ["OK", "SKIPPED", "PARKED", "STALE", "OK"]
    stands = [["meta1", "ours1"], ["meta2", "skip2"], ["meta3", "ours3"], ["other", "ours0"], ["meta5", "ours5"]]
    assert [tower.stands(key) for key in keys] == stands
    assert tower.counts() == {"fired": 2, "skipped": 1, "missed": 2}
    assert {tower.bench.state(tower.run_of(n)) for n in (2, 4, 5)} == {"gone"}
    assert (tower.bench.state(tower.run_of(1)), tower.bench.state(tower.run_of(3))) == ("pending", "parked")
    assert [client.zscore(tower.timetable, key) for key in keys] == [1.5, 2.5, 3.5, None, None]
    assert client.exists(tower.keys.record(benches.event("missed0").ledger_id)) == 0


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
