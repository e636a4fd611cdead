"""Entries that are made, changed and removed; who leads; what stands at an entry's key."""

import bench as benches
import pytest
from firing import PLANNED, Tower

from core.entries import load_keys
from core.ledger.firing import Fire, Stored
from core.ledger.leading import LEASE, give_up, lead
from core.ledger.storing import GONE, Entry, store
from core.waking import Waking

LOCK = "lock"
NEW = Entry(definition="d", meta="m", ours="o", score=7.5)


@pytest.fixture
def tower(server_url):
    with benches.opened(server_url) as bench:
        yield Tower(bench)


@pytest.fixture
def put(tower):
    def put(before, after, rows=()):
        return tower.bench.run(store(tower.keys, "tidy", tower.timetable, before, after, rows))

    return put


def names(tower):
    return tower.bench.client.zrange(tower.keys.schedules, 0, -1)


class TestStore:
    def test_an_entry_is_changed_and_listed(self, tower, put):
        assert put(tower.stored(), NEW)
        assert tower.bench.client.hgetall(tower.key) == {b"definition": b"d", b"meta": b"m", b"carillon": b"o"}
        assert (tower.score(), names(tower)) == (7.5, [b"tidy"])

    def test_a_new_one_is_made_only_where_there_is_none(self, tower, put):
        nothing = Stored(f"{tower.key}2", b"", b"", b"")
        other = Entry(definition="x", meta="y", ours="z", score=1.0)
        assert put(nothing, NEW)
        assert not put(nothing, other)
        assert tower.stands(nothing.key) == ["m", "o"]

    @pytest.mark.parametrize("field", ["definition", "meta", "carillon"])
    def test_what_was_changed_meanwhile_is_not_written_over(self, tower, put, field):
        tower.bench.client.hset(tower.key, field, "edited")
        before = tower.bench.client.hgetall(tower.key)
        assert not put(tower.stored(), NEW, [Fire(planned=PLANNED, state="skipped", cause="x")])
        assert (tower.bench.client.hgetall(tower.key), tower.score(), tower.rows()) == (before, 1, [])

    def test_a_change_that_is_sent_twice_is_made_once(self, tower, put):
        row = Fire(planned=PLANNED, state="skipped", cause="edited")
        assert put(tower.stored(), NEW, [row])
        assert put(tower.stored(), NEW, [row])
        assert tower.rows() == [(0, "skipped")]

    def test_the_same_again_may_have_another_next_time(self, tower, put):
        assert put(tower.stored(), Entry(definition="def", meta="meta0", ours="ours0", score=9.0))
        assert (tower.score(), names(tower)) == (9.0, [b"tidy"])

    def test_nearly_the_same_is_not_the_same(self, tower, put):
        put(tower.stored(), NEW)
        for field in ("definition", "meta", "ours"):
            assert not put(tower.stored(), Entry(**vars(NEW) | {field: "?"}))

    def test_without_a_next_time_it_leaves_the_timetable(self, tower, put):
        assert put(tower.stored(), Entry(**vars(NEW) | {"score": None}))
        assert (tower.score(), names(tower)) == (None, [b"tidy"])

    def test_it_is_removed_with_its_name_and_its_place(self, tower, put):
        put(tower.stored(), NEW)
        assert put(Stored(tower.key, b"d", b"m", b"o"), GONE)
        assert tower.bench.client.exists(tower.key) == 0
        assert (tower.score(), names(tower)) == (None, [])
        assert put(Stored(tower.key, b"d", b"m", b"o"), GONE)

    def test_its_history_outlives_it_for_a_while_and_is_there_when_it_is_made_again(self, tower, put):
        client, history = tower.bench.client, tower.keys.fires("tidy")
        put(tower.stored(), NEW, [Fire(planned=PLANNED, state="skipped", cause="x")])
        assert client.ttl(history) == -1
        put(Stored(tower.key, b"d", b"m", b"o"), GONE)
        assert 29 * 86_400 < client.ttl(history) <= 30 * 86_400
        put(Stored(tower.key, b"", b"", b""), NEW)
        assert client.ttl(history) == -1

    def test_a_beat_that_sleeps_is_woken(self, tower, put):
        waking = Waking(tower.bench.client, tower.keys.wake)
        assert not waking.wait(0.01)
        put(tower.stored(), NEW)
        put(Stored(tower.key, b"d", b"m", b"o"), NEW)
        assert waking.wait(5)
        assert not (waking.wait(0.01) and waking.wait(0.01)), "no more than one wake for each change"


class TestLead:
    def take(self, tower, who):
        return tower.bench.run(lead(LOCK, who))

    def test_one_leads_and_keeps_the_lead(self, tower):
        found = self.take(tower, "one")
        assert found.held
        assert abs(found.now.timestamp() * 1000 - tower.bench.now()) < 5000
        assert not self.take(tower, "two").held
        tower.bench.client.pexpire(LOCK, 100)
        assert self.take(tower, "one").held
        assert LEASE - 1000 < tower.bench.client.pttl(LOCK) <= LEASE

    def test_the_lead_is_given_up_and_those_that_wait_are_woken(self, tower):
        waking = Waking(tower.bench.client, tower.keys.wake)
        waking.wait(0.01)
        self.take(tower, "one")
        assert not tower.bench.run(give_up(tower.keys, LOCK, "two"))
        assert not self.take(tower, "two").held
        assert not waking.wait(0.01)
        assert tower.bench.run(give_up(tower.keys, LOCK, "one"))
        assert waking.wait(5)
        assert self.take(tower, "two").held


class TestEntries:
    def test_whatever_stands_there_is_read(self, tower):
        client = tower.bench.client
        names = {kind: f"{tower.key}:{kind}" for kind in ("text", "list", "half", "none")}
        client.set(names["text"], "x")
        client.rpush(names["list"], "x")
        client.hset(names["half"], "meta", "only")
        found = {one.key: one for one in tower.bench.run(load_keys([tower.key, *names.values()]))}
        assert found[tower.key] == tower.stored()
        assert found[names["half"]] == Stored(names["half"], b"", b"only", b"")
        assert found[names["text"]].definition == found[names["list"]].definition == b"?"
        assert names["none"] not in found


def test_a_sleeper_whose_server_is_away_just_sleeps(tower):
    waking = Waking(tower.bench.client, tower.keys.wake)
    waking.wait(0.01)
    tower.bench.client.client_kill_filter(_type="pubsub", skipme=False)
    assert not waking.wait(0.05)
    assert not waking.wait(0.01)
