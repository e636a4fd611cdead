"""Runs that somebody asks for, and gates that open: the history stays true, and nothing runs twice."""

from dataclasses import replace
from datetime import timedelta

import bench as benches
import pytest
from firing import PLANNED, Tower, asked

from core.ledger.fires import between, fires
from core.ledger.firing import Fire
from core.ledger.forgetting import forget, oldest
from core.ledger.parking import unpark
from core.ledger.refilling import Refill, refill


@pytest.fixture
def tower(server_url):
    with benches.opened(server_url) as bench:
        yield Tower(bench)


def refills(tower, *minutes):
    moves = [tower.move(n) for n in minutes]
    return [Refill(move.accepted, replace(move.fired, cause="backfilled")) for move in moves]


def keep(tower, *rows):
    for row in rows:
        tower.bench.client.zadd(tower.keys.fires("tidy"), {row.row(): row.ms})
    return list(rows)


def missed(first, last=None):
    until = None if last is None else PLANNED + timedelta(minutes=last)
    count = 1 if last is None else last - first + 1
    return Fire(planned=PLANNED + timedelta(minutes=first), state="missed", cause="x", until=until, count=count)


def ask(tower, made, old=(), new=()):
    return refill(tower.keys, tower.bench.keyring, "tidy", made, old, new)


class TestRefill:
    def test_runs_are_accepted_and_rows_replaced(self, tower):
        old = keep(tower, missed(1, 4))
        assert tower.bench.run(ask(tower, refills(tower, 2, 3), old, [missed(1), missed(4)]))
        assert tower.rows() == [(4, "missed"), (3, "fired"), (2, "fired"), (1, "missed")]
        assert {tower.bench.state(tower.run_of(n)) for n in (2, 3)} == {"pending"}

    def test_rows_that_are_gone_are_not_replaced(self, tower):
        assert None is tower.bench.run(ask(tower, refills(tower, 2), [missed(1, 4)], [missed(1)]))
        assert (tower.rows(), tower.bench.client.zcard(tower.keys.due)) == ([], 0)

    def test_of_two_that_ask_for_the_same_one_is_heard(self, tower):
        old = keep(tower, missed(1, 4))
        assert tower.bench.run(ask(tower, refills(tower, 2), old, [missed(1), missed(3, 4)]))
        assert None is tower.bench.run(ask(tower, refills(tower, 2, 3), old, [missed(1), missed(4)]))
        assert tower.rows() == [(3, "missed"), (2, "fired"), (1, "missed")]

    def test_what_is_sent_twice_is_done_once(self, tower):
        old = keep(tower, missed(1, 4))
        flow = ask(tower, refills(tower, 2, 3), old, [missed(1), missed(4)])
        [script] = next(flow)
        assert [answer[0] for answer in tower.bench.run(asked(script, script))] == [b"OK", b"OK"]
        assert tower.rows() == [(4, "missed"), (3, "fired"), (2, "fired"), (1, "missed")]

    def test_what_ran_before_is_not_in_the_history_twice(self, tower):
        tower.ring(tower.move(2))
        assert tower.bench.run(ask(tower, refills(tower, 2, 3))) == [False, True]
        assert tower.rows() == [(3, "fired"), (2, "fired")]
        assert [row.cause for row in tower.bench.run(fires(tower.keys, "tidy", 9))] == ["backfilled", "on time"]
        assert tower.bench.client.zcard(tower.keys.due) == 2

    def test_rows_of_a_range_are_found_with_the_one_that_reaches_into_it(self, tower):
        rows = keep(tower, missed(0), missed(1, 4), missed(5), missed(6))
        at = [PLANNED + timedelta(minutes=n) for n in range(7)]
        assert tower.bench.run(between(tower.keys, "tidy", at[3], at[5])) == rows[1:3]
        assert tower.bench.run(between(tower.keys, "tidy", at[5], at[6])) == rows[2:]
        assert tower.bench.run(fires(tower.keys, "tidy", 2)) == [rows[3], rows[2]]


class TestUnpark:
    @pytest.fixture
    def waiting(self, tower):
        """A run that runs, and one that waits for it."""
        before = tower.bench.running()
        tower.ring(tower.move(1, last=before, overlap="queue_one"))
        return before, tower.run_of(1)

    def test_the_gate_opens_when_the_other_has_ended(self, tower, waiting):
        before, run = waiting
        assert tower.bench.run(unpark(tower.keys)) == []
        tower.bench.finish(before)
        [hint] = tower.bench.run(unpark(tower.keys))
        assert (hint.run, hint.queue, tower.bench.state(run)) == (run, "q", "pending")
        assert (tower.bench.field(run, "behind"), tower.bench.run(unpark(tower.keys))) == (None, [])
        assert 2 < tower.bench.wait_of(run) <= 3
        assert abs(int(tower.bench.field(run, "hinted")) - tower.bench.now()) < 5000
        assert tower.bench.claim(run, "t2").verdict == "OK"

    def test_the_gate_opens_when_the_other_is_gone(self, tower, waiting):
        before, run = waiting
        tower.bench.finish(before)
        by = tower.bench.now() + 1
        assert tower.bench.run(forget(tower.keys, "event", tower.bench.run(oldest(tower.keys, "event", 0, 9)), by, by))
        assert [hint.run for hint in tower.bench.run(unpark(tower.keys))] == [run]

    def test_it_opens_once_however_often_that_is_sent(self, tower, waiting):
        before, run = waiting
        tower.bench.finish(before)
        flow = unpark(tower.keys)
        found = tower.bench.ledger.run(asked(*next(flow)))
        found = tower.bench.ledger.run(asked(*flow.send(found)))
        [script] = flow.send(found)
        first, second = tower.bench.run(asked(script, script))
        assert (first[0], second[0]) == (b"OK", b"KEEP")
        assert tower.bench.state(run) == "pending"
