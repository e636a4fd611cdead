"""Schedules: each planned time fires once, is skipped or missed; RedBeat's layout stays RedBeat's."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig

from core.asking import ask
from core.entries import load, load_all, load_one
from core.house import house
from core.ledger.fires import fires
from core.ledger.firing import Stored
from core.quarantine import held
from core.schedule_views import schedule_views
from core.scheduling import change, put
from core.syncing import apply
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
    entries = here.ledger.run(load(here.layout, list(here.catalog.schedules)))
    for _ in range(2):  # both read the same entry before either fired it
        here.clockwork.advance(entries, BEGIN + timedelta(seconds=3))
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
        ("skip", [("12:05:00", "missed", 11)]),
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
    gap = "no scheduler was alive from 2026-11-22T12:00:30Z to 2026-11-22T12:10:30Z"
    assert story(app) == [("12:05:00", "missed", gap, 1)]
    assert runs(app) == []


def test_at_fires_once_and_leaves_the_timetable(make_app):
    app = make_app(job('at("2026-11-22T12:01:00+00:00")'))
    ticks(app, 0, 40, 80)
    gap = "no scheduler was alive from 2026-11-22T12:00:30Z to 2026-11-22T12:01:10Z"
    assert story(app) == [("12:01:00", "fired", f"late: {gap}", 1)]
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
        here.ledger.run(ask(here.layout, here.mover, schedule, BEGIN))
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
    forged = client.hget(key, "carillon").replace(name.encode(), b"os.system")
    client.hset(key, "carillon", forged)
    client.hset(here.layout.key("plain"), "definition", "not JSON")
    client.zadd(here.layout.timetable, {here.layout.key("plain"): 1})
    ticks(app, 2, 4)
    assert runs(app) == []


def test_what_comes_due_while_an_outage_is_caught_up_is_punctual(make_app):
    app = make_app("""
        from core import every

        @every(seconds=1, overlap="allow", catch_up="all")
        def many() -> None: ...

        @every(seconds=2, overlap="allow", catch_up="skip")
        def punctual() -> None: ...
    """)
    here = house(app)
    ticks(app, 0, 60)  # a tick takes a schedule twenty steps on: the second one does not catch up with sixty
    ticks(app, 62)
    [name] = [name for name in here.catalog.schedules if name.endswith("punctual")]
    rows = here.ledger.run(fires(here.keys, name, 5))
    assert [(f"{row.planned:%H:%M:%S}", row.state) for row in rows][:2] == [
        ("12:01:32", "fired"),
        ("12:00:32", "missed"),
    ]


PLACES = ("", "{", "[]", "null", "{}", '{"cursor": 1e300}', '{"cursor": -1}', '{"cursor": 0, "count": "many"}',
          '{"cursor": 0, "skips": [[]]}', '{"cursor": 0, "skips": 5}', '{"cursor": 0, "last_run": 5}')  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_an_entry_that_stands_where_no_schedule_can_is_held_and_listed(make_app, place):
    app = make_app(job("every(seconds=2)"))
    ticks(app, 0)
    here = house(app)
    [name] = here.catalog.schedules
    key, client = here.layout.key(name), here.ledger.client
    client.hset(key, "carillon", client.hget(key, "carillon").rsplit(b"\n", 1)[0] + f"\n{place}".encode())
    ticks(app, 2)
    [view] = here.ledger.run(schedule_views(here.layout, BEGIN))
    assert "not sealed" in view["held"]
    assert not runs(app)


def test_an_entry_copied_to_another_name_is_held(make_app):
    app = make_app(job('every(seconds=2, overlap="allow")'))
    ticks(app, 0)
    here = house(app)
    [name] = here.catalog.schedules
    client = here.ledger.client
    client.copy(here.layout.key(name), here.layout.key("0copy"))
    client.zadd(here.layout.timetable, {here.layout.key("0copy"): 0})
    ticks(app, 2, 4)
    assert [state for _, state, *_ in story(app)] == ["fired", "fired"]
    copy, _ = here.ledger.run(schedule_views(here.layout, BEGIN))
    assert (copy["name"], "not sealed" in copy["held"]) == ("0copy", True)


def plain(app, name, **changes):
    """Write a plain entry of RedBeat's that is due, and whose task is allowed."""
    here = house(app)
    interval = {"__type__": "interval", "every": 60.0, "relative": False}
    definition = {"name": name, "task": "celery.backend_cleanup", "schedule": interval, **changes}
    here.ledger.client.hset(here.layout.key(name), "definition", json.dumps(definition))
    here.ledger.client.zadd(here.layout.timetable, {here.layout.key(name): 0})


@pytest.mark.parametrize(
    ("name", "changes"), [("x" * 5000, {}), ("nan", {"args": [float("nan")]}), ("half", {"args": ["\ud800"]})]
)
def test_what_cannot_be_recorded_is_held_and_stops_no_other(make_app, name, changes):
    app = make_app(job("every(seconds=2)"), redbeat_tasks=("celery.*",))
    ticks(app, 0)
    plain(app, name, **changes)
    ticks(app, 2)
    here = house(app)
    reasons = {one["name"]: one["held"] for one in here.ledger.run(schedule_views(here.layout, BEGIN))}
    assert "cannot be recorded" in reasons.pop(name)
    assert len(runs(app)) == 1
    assert list(reasons.values()) == [None]


def test_what_one_beat_held_another_frees_when_it_is_mended(make_app):
    source = job("every(seconds=60)")
    first = make_app(source, redbeat_tasks=("celery.*",))
    second = make_app(source, prefix=house(first).config.prefix, redbeat_tasks=("celery.*",))
    ticks(first, 0)
    plain(first, "plain", task="os.system")
    ticks(first, 1)
    here = house(first)
    assert [*here.ledger.run(held(here.layout))] == ["plain"]
    plain(first, "plain")
    house(second).clockwork.take_over(BEGIN)
    ticks(second, 2)
    assert not here.ledger.run(held(here.layout))
    assert [run["task"] for run in runs(first)] == ["carillon.send"]


def test_apply_adds_changes_removes_and_keeps(make_app):
    app = make_app(job('cron("0 7 * * *")'))
    here = house(app)
    [name] = here.catalog.schedules

    def applied(**how):
        return [(one.did, one.name) for one in here.ledger.run(apply(here.layout, here.catalog, BEGIN, **how))]

    assert applied() == [("add", name)]
    assert applied() == [("keep", name)]
    known = here.ledger.run(load_one(here.layout, name))
    for schedule in (replace(known, name="by-hand", owner="api"), replace(known, name="old.job")):
        here.ledger.run(put(here.layout, schedule, Stored(here.layout.key(schedule.name), b"", b"", b"")))
    retimed = {"cron": "0 8 * * *", "timezone": "UTC"}
    here.ledger.run(change(here.layout, name, lambda one: replace(one, trigger=retimed, count=3), BEGIN))
    assert applied() == [("drift", name), ("remove", "old.job")]
    assert here.ledger.run(load_one(here.layout, name)).trigger == retimed
    assert applied(reset=True) == [("change", name)]
    assert [schedule.name for schedule in here.ledger.run(load_all(here.layout))] == ["by-hand", name]
    assert here.ledger.run(load_one(here.layout, name)).trigger == {"cron": "0 7 * * *", "timezone": "UTC"}


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
