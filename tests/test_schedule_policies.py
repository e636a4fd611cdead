"""What schedules do over time, with real runs: waiting in turn, pausing themselves, events, alarms."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.alarm import Alarm
from core.clock import to_ms
from core.entries import load_all, load_one
from core.house import house
from core.ledger.fires import fires
from core.ledger.firing import Stored
from core.ledger.parking import unpark
from core.schedule import Schedule
from core.scheduling import change, put, resume
from core.testing import drain, events, fire_due, runs

BEGIN = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def tick(app, seconds):
    fire_due(app, BEGIN + timedelta(seconds=seconds))


def rows(app, name=""):
    here = house(app)
    name = name or here.ledger.run(load_all(here.layout))[0].name
    return [(f"{row.planned:%H:%M:%S}", row.state, row.cause) for row in here.ledger.run(fires(here.keys, name, 99))][
        ::-1
    ]


def add(app, **members):
    """Store a schedule that begins at BEGIN."""
    here, ms = house(app), to_ms(BEGIN)
    made = Schedule(**{"name": "made", "owner": "api", "created": ms, "cursor": ms, **members})
    assert here.ledger.run(put(here.layout, made, Stored(here.layout.key(made.name), b"", b"", b"")))


def test_one_run_waits_in_turn(make_app):
    app = make_app("""
        from core import every

        @every(seconds=10, overlap="queue_one")
        def slow() -> None: ...
    """)
    here = house(app)
    for seconds in (0, 10, 20, 30):
        tick(app, seconds)
    assert [state for _, state, _ in rows(app)] == ["fired", "fired", "skipped"]
    assert sorted(run["state"] for run in runs(app)) == ["parked", "pending"]
    drain(app)
    assert sorted(run["state"] for run in runs(app)) == ["parked", "succeeded"]
    here.bus.publish(here.ledger.run(unpark(here.keys)))
    drain(app)
    assert [run["state"] for run in runs(app)] == ["succeeded", "succeeded"]


def test_a_schedule_whose_runs_die_in_a_row_pauses_itself(make_app):
    app = make_app("""
        from core import every

        @every(seconds=10, retries=0, pause_after=3, overlap="allow")
        def failing() -> None:
            raise ValueError("no")
    """)
    here = house(app)
    for seconds in range(0, 70, 10):
        tick(app, seconds)
        drain(app)
    assert [state for _, state, _ in rows(app)] == ["fired"] * 3
    [schedule] = here.ledger.run(load_all(here.layout))
    assert schedule.pause.note == "it paused itself: 3 runs in a row died"
    here.ledger.run(resume(here.layout, schedule.name, BEGIN + timedelta(seconds=75)))
    for seconds in (76, 80, 90, 100, 110):
        tick(app, seconds)
        drain(app)
    told = rows(app)
    assert [state for _, state, _ in told] == ["fired"] * 3 + ["skipped"] + ["fired"] * 3
    assert told[3][2] == "paused: it paused itself: 3 runs in a row died"


def test_one_success_keeps_it_going(make_app):
    app = make_app("""
        from core import every, run

        @every(seconds=10, retries=0, pause_after=2, overlap="allow")
        def often() -> None:
            if run.cause.planned.second != 50:
                raise ValueError("no")
    """)
    for seconds in range(0, 60, 10):
        tick(app, seconds)
        drain(app)
    assert len(rows(app)) == 4


def test_an_event_is_emitted_with_the_planned_time_as_its_id(make_app):
    app = make_app("""
        from core import Event, on

        class DayClosed(Event, type="day.closed"):
            shop: str

        @on(DayClosed)
        def report(event: DayClosed) -> str:
            return event.shop

        @on("day.*")
        def archive(event: Event) -> None: ...
    """)
    add(app, event="day.closed", data={"shop": "north"}, trigger={"every": 10.0, "timezone": "UTC"})
    tick(app, 10)
    [event] = events(app, type="day.closed")
    assert (event["source"], event["subject"], event["data"]) == ("/schedules", "made", {"shop": "north"})
    assert {run["task"].rpartition(".")[2]: run["result"] for run in drain(app)} == {"report": "north", "archive": None}
    assert rows(app, "made") == [("12:00:40", "fired", "on time")]
    tick(app, 11)
    assert len(events(app)) == 1


def test_an_event_that_code_does_not_know_any_more_is_missed_and_said(make_app):
    app = make_app("")
    add(app, event="day.closed", trigger={"every": 10.0, "timezone": "UTC"})
    tick(app, 10)
    [(_, state, cause)] = rows(app, "made")
    assert state == "missed"
    assert "No class declares the event type 'day.closed'" in cause


def test_a_task_is_called_with_its_data(make_app):
    app = make_app("""
        from core import run, task

        @task()
        def greet(name: str, times: int = 1) -> str:
            return f"{name} {times} {run.cause.schedule}"
    """)
    name = next(name for name in house(app).catalog.tasks if name.endswith("greet"))
    add(app, task=name, data={"name": "Ann", "times": 2}, trigger={"every": 10.0, "timezone": "UTC"})
    tick(app, 10)
    assert [run["result"] for run in drain(app)] == ["Ann 2 made"]


class TestAlarm:
    @pytest.fixture
    def app(self, make_app):
        return make_app("""
            from core import Event, cron, on

            @cron("* * * * *")
            def tidy() -> None: ...

            @on("schedule.missed")
            def told(event: Event) -> dict:
                return event.data
        """)

    @pytest.fixture
    def alarm(self, app):
        here = house(app)
        return Alarm(app, here.layout, here.ledger, here.mover.missed, here.bus.publish)

    def alarms(self, app):
        return [run["result"] for run in drain(app) if run["task"].endswith("told")]

    def test_a_worker_tells_of_what_no_beat_fires(self, app, alarm):
        tick(app, 0)
        assert alarm.look(BEGIN + timedelta(seconds=89)) == 0
        assert alarm.look(BEGIN + timedelta(seconds=91)) == 1
        assert alarm.look(BEGIN + timedelta(seconds=150)) == 0
        [said] = self.alarms(app)
        assert (said["planned"], said["cause"]) == ("2026-11-22T12:01:00Z", "no scheduler has fired it yet")

    def test_beat_does_not_tell_again_what_was_told(self, app, alarm):
        tick(app, 0)
        alarm.look(BEGIN + timedelta(seconds=100))
        tick(app, 300)
        assert len(self.alarms(app)) == 1

    def test_beat_tells_of_what_nobody_saw(self, app):
        tick(app, 0)
        tick(app, 300)
        [said] = self.alarms(app)
        assert (said["planned"], said["times"]) == ("2026-11-22T12:01:00Z", 5)
        assert said["cause"].startswith("coalesced")

    def test_a_grace_of_its_own_counts(self, app, alarm):
        tick(app, 0)
        here = house(app)
        [name] = here.catalog.schedules
        here.ledger.run(change(here.layout, name, lambda one: replace(one, grace=5.0), BEGIN))
        assert alarm.look(BEGIN + timedelta(seconds=34)) == 0
        assert alarm.look(BEGIN + timedelta(seconds=36)) == 1

    def test_a_missed_alarm_schedule_does_not_alarm_of_itself(self, app, alarm):
        add(app, event="schedule.missed", data={}, trigger={"every": 10.0, "timezone": "UTC"})
        alarm.look(BEGIN + timedelta(seconds=600))
        assert self.alarms(app) == []


def test_a_beat_schedule_of_celery_runs(make_app):
    source = """
        from celery import shared_task

        @shared_task
        def add(x, y): return x + y
    """
    app = make_app(source)
    here = house(app)
    name = next(name for name in here.celery.tasks if name.startswith("house_") and name.endswith(".add"))
    here.celery.conf.beat_schedule = {
        "sum": {"task": name, "schedule": 10, "args": (1, 2)},
        "odd": {"task": name, "schedule": object()},
    }
    allowed = replace(here.clockwork.plain, allowed=[name])
    clockwork = replace(here.clockwork, plain=allowed)
    clockwork.add_missing(BEGIN)
    clockwork.tick(BEGIN)
    assert [run["fire"]["schedule"] for run in runs(app)] == ["sum"]
    clockwork.add_missing(BEGIN)
    clockwork.tick(BEGIN + timedelta(seconds=11))
    assert len(runs(app)) == 2
    here.celery.conf.beat_schedule = {}
    clockwork.add_missing(BEGIN)
    assert here.ledger.client.zcard(here.layout.timetable) == 0
    assert here.ledger.run(load_one(here.layout, "sum")) is None
