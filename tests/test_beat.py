"""Beat: one leads, others stand by, nobody exits; RedBeat's lock is the lead."""

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count

import pytest
from redbeat import RedBeatSchedulerEntry
from waiting import wait_until

from core.beat import Scheduler
from core.clock import now, to_ms
from core.entries import load_one
from core.house import house
from core.ledger.alive import alive
from core.ledger.firing import Stored
from core.schedule import Schedule
from core.scheduling import put
from core.testing import runs

OFTEN = """
    from core import every

    @every(seconds=1, overlap="allow")
    def tick() -> None: ...
"""


@pytest.fixture
def app(make_app):
    return make_app(OFTEN)


@contextmanager
def beating(app):
    """A beat that ticks on a thread, as ``celery beat`` does in its process."""
    beat, stopped = Scheduler(house(app).celery), threading.Event()

    def go():
        while not stopped.is_set():
            assert beat.tick() == 0.0

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield beat
    finally:
        stopped.set()
        thread.join(10)
        beat.close()
        assert not thread.is_alive()


def leaders(app):
    here = house(app)
    return [one.id for one in here.ledger.run(alive(here.keys)) if one.role == "beat" and one.info["leader"]]


def test_the_one_that_leads_stores_what_code_declares_and_fires(app):
    with beating(app) as beat:
        wait_until(lambda: runs(app))
        here = house(app)
        assert leaders(app) == [beat._id]
        assert here.ledger.client.get(here.layout.lock).decode() == beat._id
    assert here.ledger.client.exists(here.layout.lock) == 0
    assert [one for one in here.ledger.run(alive(here.keys)) if one.role == "beat"] == []


def test_it_says_what_memory_it_takes_now(app, monkeypatch):
    told = count(40_000_000)
    monkeypatch.setattr("core.beat.resident", lambda: next(told))
    here = house(app)
    with beating(app):
        wait_until(lambda: [one.info["memory"] > 40_000_001 for one in here.ledger.run(alive(here.keys))] == [True])


def test_another_stands_by_and_leads_at_once_when_the_first_one_stops(app):
    with ExitStack() as leading:
        first = leading.enter_context(beating(app))
        wait_until(lambda: leaders(app))
        with beating(app) as second:
            wait_until(lambda: len(house(app).ledger.run(alive(house(app).keys))) == 2)
            assert leaders(app) == [first._id]
            leading.close()
            begin = now()
            wait_until(lambda: leaders(app) == [second._id])
            assert (now() - begin).total_seconds() < 1.0


def test_one_that_lost_the_lead_stands_by_and_does_not_exit(app):
    here = house(app)
    beat = Scheduler(here.celery)
    beat.tick()
    assert beat._leads
    here.ledger.client.set(here.layout.lock, "a plain RedBeat", px=60_000)
    beat.tick()
    assert not beat._leads
    assert here.ledger.client.get(here.layout.lock) == b"a plain RedBeat"
    here.ledger.client.delete(here.layout.lock)
    beat.tick()
    assert beat._leads
    beat.close()


def test_a_lead_that_nobody_renews_ends_within_five_seconds(app):
    here = house(app)
    dead = Scheduler(here.celery)
    dead.tick()
    assert 0 < here.ledger.client.pttl(here.layout.lock) <= 4000
    dead._guarded(lambda: None)


def test_a_schedule_made_while_beat_sleeps_is_in_force_at_once(make_app):
    app = make_app("""
        from core import task

        @task()
        def greet() -> None: ...
    """)
    here = house(app)
    greet = next(name for name in here.catalog.tasks if name.endswith("greet"))
    with beating(app):
        wait_until(lambda: leaders(app))
        moment = to_ms(now())
        soon = {"at": (now().replace(microsecond=0)).isoformat().replace("+00:00", "Z"), "timezone": "UTC"}
        made = Schedule(name="hello", task=greet, trigger=soon, owner="api", created=moment, cursor=moment - 2000)
        begin = now()
        here.ledger.run(put(here.layout, made, Stored(here.layout.key("hello"), b"", b"", b"")))
        wait_until(lambda: runs(app))
        assert (now() - begin).total_seconds() < 1.0
        edited = here.ledger.run(load_one(here.layout, "hello"))
        assert edited == replace(edited, count=1)


def test_a_broken_entry_and_a_server_that_is_away_end_no_beat(app, monkeypatch):
    here = house(app)
    client = here.ledger.client
    client.hset(here.layout.key("broken"), "definition", "{")
    client.set(here.layout.key("text"), "no hash")
    client.zadd(here.layout.timetable, {here.layout.key("broken"): 1, here.layout.key("text"): 1, b"\xff\xfe": 1})
    beat = Scheduler(here.celery)
    for _ in range(3):
        beat.tick()
    assert client.hkeys(here.keys.quarantine) == [b"broken", b"text"]
    assert client.hget(here.layout.key("broken"), "definition") == b"{"
    assert runs(app)
    monkeypatch.setattr(here.ledger, "run", _away)
    beat.tick()
    beat.close()


def _away(_flow):
    raise ConnectionError("the server is away")


def test_plain_redbeat_can_read_what_we_store(app):
    with beating(app):
        wait_until(lambda: runs(app))
    here = house(app)
    [name] = here.catalog.schedules
    entry = RedBeatSchedulerEntry.from_key(here.layout.key(name), app=here.celery)
    assert entry.total_run_count >= 1
    assert entry.last_run_at is not None
