"""Schedules: each planned time fires once, is skipped or missed; RedBeat's layout stays RedBeat's."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig

from core.clockwork import apply, ask
from core.entries import load, load_all, load_one, save
from core.house import house
from core.ledger.firing import fires
from core.planning import next_score
from core.testing import drain, fire_due, runs

BEGIN = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def job(options: str) -> str:
    return f"""
        from core import cron, every, at, run

        @{options}
        def job() -> str:
            return f"{{run.cause.schedule}} {{run.cause.planned:%H:%M:%S}}"
    """


def story(app):
    """Return what became of each planned time of the only schedule, oldest first."""
    here = house(app)
    [schedule] = here.ledger.run(load_all(here.layout))
    rows = here.ledger.run(fires(here.keys, schedule.name, 100))
    return [(f"{row.planned:%H:%M:%S}", row.state, row.cause, row.count) for row in reversed(rows)]


def ticks(app, *seconds):
    for after in seconds:
        fire_due(app, BEGIN + timedelta(seconds=after))


def test_every_counts_from_the_epoch(make_app):
    app = make_app(job('every(seconds=2, overlap="allow")'))
    ticks(app, *range(21))
    assert [time for time, *_ in story(app)] == [f"12:00:{second}" for second in range(32, 51, 2)]
    assert {state for _, state, *_ in story(app)} == {"fired"}
    done = drain(app)
    assert [run["result"].split()[1] for run in done] == [f"12:00:{second}" for second in range(32, 51, 2)]
    assert done[0]["fire"]["planned"] == "2026-11-22T12:00:32Z"


def test_two_clockworks_fire_once(make_app):
    app = make_app(job('every(seconds=2, overlap="allow")'))
    ticks(app, 0)
    here = house(app)
    [stored] = here.ledger.run(load(here.layout, [next(iter(here.catalog.schedules))]))
    schedule = here.layout.read(stored)
    for _ in range(2):  # both read the same entry before either fired it
        here.clockwork.ring(stored, schedule, BEGIN + timedelta(seconds=3))
    assert len(story(app)) == 1
    assert len(runs(app)) == 1


def test_overlap_skip(make_app):
    app = make_app(job("every(seconds=2)"))
    ticks(app, 0, 2, 4)
    assert [state for _, state, *_ in story(app)] == ["fired", "skipped"]
    assert story(app)[1][2].startswith("overlap: ")
    drain(app)
    ticks(app, 6)
    assert [state for _, state, *_ in story(app)] == ["fired", "skipped", "fired"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("latest", [("12:05:00", "skipped", 10), ("12:15:00", "fired", 1)]),
        ("all", [(f"12:{minute:02}:00", "fired", 1) for minute in range(5, 16)]),
        ("skip", [("12:05:00", "missed", 10), ("12:15:00", "fired", 1)]),
    ],
)
def test_catch_up_after_ten_minutes(make_app, policy, expected):
    app = make_app(job(f'cron("* * * * *", catch_up="{policy}")'))
    here = house(app)
    fire_due(app, BEGIN + timedelta(minutes=4))
    fire_due(app, BEGIN + timedelta(minutes=14, seconds=40))
    assert [(time, state, count) for time, state, _, count in story(app)] == expected
    assert sum(count for *_, count in story(app)) == 11
    assert len(runs(app)) == sum(1 for _, state, *_ in story(app) if state == "fired")
    assert here.ledger.run(load_all(here.layout))[0].count == len(runs(app))


def test_skip_misses_what_is_over_a_minute_late(make_app):
    app = make_app(job('cron("5 12 * * *", catch_up="skip")'))
    ticks(app, 0)
    fire_due(app, BEGIN + timedelta(minutes=10))
    assert story(app) == [("12:05:00", "missed", "no beat was alive", 1)]
    assert runs(app) == []


def test_at_fires_once_and_leaves_the_timetable(make_app):
    app = make_app(job('at("2026-11-22T12:01:00+00:00")'))
    ticks(app, 0, 40, 80)
    assert story(app) == [("12:01:00", "fired", "late", 1)]
    here = house(app)
    assert here.ledger.client.zcard(here.layout.timetable) == 0
    assert [schedule.name for schedule in here.ledger.run(load_all(here.layout))] == list(here.catalog.schedules)


def test_zone_jitter_and_bounds(make_app):
    app = make_app("""
        from datetime import UTC, datetime
        from core import cron, every

        @cron("30 13 * * *", timezone="Europe/Berlin", jitter=20)
        def berlin() -> None: ...

        @every(seconds=10, starts_at=datetime(2026, 11, 22, 12, 1, 3, tzinfo=UTC), overlap="allow",
               ends_at=datetime(2026, 11, 22, 12, 1, 20, tzinfo=UTC))
        def bounded() -> None: ...
    """)
    here = house(app)
    berlin, bounded = (next(n for n in here.catalog.schedules if n.endswith(e)) for e in ("berlin", "bounded"))
    for second in range(120):
        fire_due(app, BEGIN + timedelta(seconds=second))
    found = [f"{row.planned:%H:%M:%S}" for row in here.ledger.run(fires(here.keys, bounded, 100))]
    assert sorted(found) == ["12:01:03", "12:01:13"]
    fire_due(app, datetime(2026, 11, 22, 12, 30, 0, tzinfo=UTC))
    assert here.ledger.run(fires(here.keys, berlin, 1)) == []
    fire_due(app, datetime(2026, 11, 22, 12, 30, 20, tzinfo=UTC))
    [row] = here.ledger.run(fires(here.keys, berlin, 1))
    assert row.planned == datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def test_asked_run_leaves_planned_times_alone(make_app):
    app = make_app(job('cron("* * * * *")'))
    ticks(app, 0)
    here = house(app)
    [schedule] = here.ledger.run(load_all(here.layout))
    for _ in range(2):
        here.ledger.run(ask(here.layout, here.catalog, schedule, BEGIN))
    assert [run["state"] for run in drain(app)] == ["succeeded", "succeeded"]
    ticks(app, 30)
    assert [(state, cause) for _, state, cause, _ in story(app)] == [("fired", "asked")] * 2 + [("fired", "on time")]


def test_redbeat_reads_its_own_fields(make_app):
    app = make_app(job('cron("*/5 8-18 * * mon-fri")'))
    ticks(app, 0)
    here = house(app)
    [name] = here.catalog.schedules
    here.celery.redbeat_conf = RedBeatConfig(here.celery)
    entry = RedBeatSchedulerEntry.from_key(here.layout.key(name), app=here.celery)
    assert (entry.name, entry.task, entry.args, entry.enabled) == (name, "carillon.fire", [name], True)
    assert entry.schedule.minute == set(range(0, 60, 5))
    assert entry.schedule.day_of_week == {1, 2, 3, 4, 5}
    stored = here.ledger.client.hgetall(here.layout.key(name))
    assert set(stored) == {b"definition", b"meta", b"carillon"}
    assert set(json.loads(stored[b"definition"])) == {
        "name",
        "task",
        "args",
        "kwargs",
        "options",
        "schedule",
        "enabled",
    }


def test_forged_and_foreign_entries_are_passed_over(make_app):
    app = make_app(job('every(seconds=2, overlap="allow")'))
    ticks(app, 0)
    here = house(app)
    [name] = here.catalog.schedules
    client, key = here.ledger.client, here.layout.key(name)
    forged = json.loads(client.hget(key, "carillon")) | {"task": "os.system"}
    client.hset(key, "carillon", json.dumps(forged))
    client.hset(here.layout.key("plain"), "definition", "not JSON")
    client.zadd(here.layout.timetable, {here.layout.key("plain"): 1})
    ticks(app, 2, 4)
    assert runs(app) == []


def test_apply_adds_changes_removes_and_keeps(make_app):
    app = make_app(job('cron("0 7 * * *")'))
    here = house(app)
    [name] = here.catalog.schedules

    def applied():
        return {did: names for did, names in here.ledger.run(apply(here.layout, here.catalog, BEGIN)).items() if names}

    assert applied() == {"added": [name]}
    assert applied() == {"kept": [name]}
    known = here.ledger.run(load_one(here.layout, name))
    made = type(known)(**{**known.__dict__, "name": "by-hand", "owner": "api"})
    gone = type(known)(**{**known.__dict__, "name": "old.job"})
    edited = type(known)(**{**known.__dict__, "trigger": {"cron": "0 8 * * *", "timezone": "UTC"}, "count": 3})
    for schedule in (made, gone, edited):
        here.ledger.run(save(here.layout, schedule, next_score(schedule)))
    assert applied() == {"changed": [name], "removed": ["old.job"]}
    assert [schedule.name for schedule in here.ledger.run(load_all(here.layout))] == ["by-hand", name]
    assert here.ledger.run(load_one(here.layout, name)).count == 3


def test_code_that_names_no_task_still_fires_for_a_later_release(make_app):
    app = make_app(job('every(seconds=2, overlap="allow")'))
    ticks(app, 0)
    here = house(app)
    del here.catalog.tasks[next(iter(here.catalog.tasks))]
    ticks(app, 2)
    [run] = runs(app)
    assert run["state"] == "pending"
    assert here.runner.execute(run["id"]) == "held"
    assert runs(app)[0]["attempt"] == 0
