"""Plain RedBeat entries: those whose task is allowed fire here, all others are held with the reason."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab, schedule
from redbeat import RedBeatSchedulerEntry
from redbeat.schedules import rrule

from core.house import house
from core.ledger.fires import fires
from core.quarantine import held
from core.testing import drain, fire_due, runs

BEGIN = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
TASKS = """
    from celery import shared_task

    @shared_task(ignore_result=False)
    def add(x, y=1):
        return x + y

    @shared_task
    def system(command): ...
"""


@pytest.fixture
def app(make_app):
    return make_app(TASKS, redbeat_tasks=("*.subject.add", "shop.*"))


@pytest.fixture
def store(app):
    """A function that stores an entry the way RedBeat's users do, last run at BEGIN."""

    def store(name="plain", task="", when=None, **more):
        entry = RedBeatSchedulerEntry(name, task or added(), when or schedule(10), app=house(app).celery, **more)
        entry.last_run_at = BEGIN
        entry.save()
        here = house(app)
        here.ledger.client.zadd(here.layout.timetable, {entry.key: 0})  # RedBeat's score goes by the real clock
        return entry

    return store


def added(end="add"):
    """Return the name of a task of this test's own: shared ones of tests before are in its application, too."""
    own = next(name for name in reversed(sys.modules) if name.startswith("house_") and name.endswith(".subject"))
    return f"{own}.{end}"


def tick(app, seconds):
    fire_due(app, BEGIN + timedelta(seconds=seconds))


def reasons(app):
    here = house(app)
    return {name: one.reason for name, one in here.ledger.run(held(here.layout)).items()}


def test_an_allowed_one_fires_through_a_run_of_ours(app, store):
    entry = store(args=[2], kwargs={"y": 3})
    for seconds in (1, 9, 10, 11, 20):
        tick(app, seconds)
    fired = runs(app)
    assert [run["task"] for run in fired] == ["carillon.send"] * 2
    done = drain(app)
    assert [run["error"] for run in done] == [None, None]
    result = done[0]["result"]
    assert result["task"] == added()
    assert result["task_id"] == done[0]["id"]
    here = house(app)
    assert here.ledger.client.llen(f"{here.config.prefix}.celery") == 2
    message = json.loads(here.ledger.client.lindex(f"{here.config.prefix}.celery", -1))
    assert message["headers"]["task"] == added()
    again = RedBeatSchedulerEntry.from_key(entry.key, app=here.celery)
    assert (again.total_run_count, again.last_run_at) == (2, BEGIN + timedelta(seconds=20))
    assert set(here.ledger.client.hkeys(entry.key)) == {b"definition", b"meta"}
    assert [row.state for row in here.ledger.run(fires(here.keys, "plain", 9))] == ["fired", "fired"]


@pytest.mark.parametrize(
    "when",
    [
        crontab(minute="1"),
        rrule("MINUTELY", dtstart=BEGIN - timedelta(days=1), interval=1),
    ],
    ids=["crontab", "rrule"],
)
def test_every_schedule_that_celery_and_redbeat_know(app, store, when):
    store(when=when)
    tick(app, 0)
    assert runs(app) == []
    for hours in range(1, 25):
        tick(app, 3600 * hours)
    assert 1 <= len(runs(app)) <= 25
    assert reasons(app) == {}


def test_a_disabled_one_waits(app, store):
    store(enabled=False)
    tick(app, 60)
    assert (runs(app), reasons(app)) == ([], {})
    store(enabled=True)
    tick(app, 70)
    assert len(runs(app)) == 1


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("os.system", "REDBEAT_TASKS"),
        ("another", "REDBEAT_TASKS"),
        ("carillon.send", "REDBEAT_TASKS"),
        ("celery.map", "REDBEAT_TASKS"),
        ("shop.unknown", "no code here declares"),
    ],
)
def test_others_are_held(app, store, task, reason):
    store(task=added("system") if task == "another" else task)
    store(name="good")
    tick(app, 30)
    assert [run["fire"]["schedule"] for run in runs(app)] == ["good"]
    assert reason in reasons(app)["plain"]


def test_what_is_mended_fires_again(app, store):
    entry = store()
    client = house(app).ledger.client
    good = client.hget(entry.key, "definition")
    client.hset(entry.key, "definition", good[:-5])
    tick(app, 15)
    assert "cannot be read" in reasons(app)["plain"]
    client.hset(entry.key, "definition", good)
    tick(app, 80)
    assert (len(runs(app)), reasons(app)) == (1, {})


def test_an_interval_may_leave_out_relative(app, store):
    entry = store()
    client = house(app).ledger.client
    definition = json.loads(client.hget(entry.key, "definition"))
    del definition["schedule"]["relative"]
    client.hset(entry.key, "definition", json.dumps(definition))
    tick(app, 15)
    assert len(runs(app)) == 1


def test_a_forged_field_of_ours_is_held_and_left_as_it_is(app, store):
    entry = store()
    client = house(app).ledger.client
    client.hset(entry.key, "carillon", '{"v":1}')
    tick(app, 15)
    assert "not sealed" in reasons(app)["plain"]
    assert client.hget(entry.key, "carillon") == b'{"v":1}'
    assert runs(app) == []


def test_what_is_deleted_by_hand_leaves_the_timetable(app, store):
    entry = store()
    here = house(app)
    here.ledger.client.delete(entry.key)
    tick(app, 15)
    assert here.ledger.client.zcard(here.layout.timetable) == 0


def test_many_broken_ones_do_not_hold_up_the_others(app, store):
    here = house(app)
    client = here.ledger.client
    for n in range(1200):
        client.hset(here.layout.key(f"bad{n}"), "definition", "[" * n)
        client.zadd(here.layout.timetable, {here.layout.key(f"bad{n}"): n})
    store()
    tick(app, 15)
    assert [run["fire"]["schedule"] for run in runs(app)] == ["plain"]
    assert len(reasons(app)) == 1200
