"""flask schedules against a real server."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from command_line import HANDLERS, Line, rows

from core import embedded
from core.clock import now, to_ms
from core.entries import load_one
from core.schedule import Pause, Schedule
from core.scheduling import change, create


@pytest.fixture
def line(make_app):
    return Line(make_app(HANDLERS))


@pytest.fixture
def own_server(make_app, tmp_path):
    """A command line whose server no other test shares, so that it may be set otherwise."""
    with embedded.running(tmp_path / "data", 64 << 20) as url:
        yield Line(make_app(HANDLERS, redis_url=url))


def stored(line, schedule):
    return line.here.ledger.run(create(line.here.layout, schedule))


def test_apply_stores_what_code_declares(line):
    moment = to_ms(now())
    ghost = Schedule(name="ghost", task="gone", trigger={"every": 60.0}, created=moment, cursor=moment)
    for schedule in (ghost, replace(ghost, name="mine", owner="api")):
        stored(line, schedule)
    text = line("schedules", "apply")
    assert text.splitlines()[:3] == ["added    bells.refresh", "added    bells.report", "removed  ghost"]
    assert text.endswith("2 schedules declared: 2 added, 0 changed, 1 removed, 0 kept.\n")

    older = line.here.ledger.run(load_one(line.here.layout, "bells.report")).declared | {"jitter": 9.0}
    line.here.ledger.run(
        change(line.here.layout, "bells.report", lambda one: replace(one, jitter=9.0, base=older), now())
    )
    done = line.json("schedules", "apply")
    names = {"added": [], "changed": ["bells.report"], "removed": [], "kept": ["bells.refresh"], "drifted": []}
    assert done == names
    assert [schedule["name"] for schedule in line.json("schedules", "list")] == [
        "bells.refresh",
        "bells.report",
        "mine",
    ]


def test_apply_warns_on_standard_error(own_server):
    own_server.here.ledger.client.config_set("appendonly", "no")
    result = own_server.run("schedules", "apply", "--json")
    assert "Warning: The Redis server keeps no AOF" in result.stderr
    assert json.loads(result.stdout)["added"] == ["bells.refresh", "bells.report"]


def test_apply_refuses_a_server_that_throws_work_away(own_server):
    own_server.here.ledger.client.config_set("maxmemory-policy", "allkeys-lru")
    assert "must be noeviction" in own_server("schedules", "apply", code=1)
    assert own_server.here.ledger.client.dbsize() == 0


def test_schedules_are_listed(line):
    assert "flask schedules apply" in line("schedules", "list")
    line("schedules", "apply")
    text = line("schedules", "list")
    assert rows(text)[0] == ["NAME", "WHEN", "TIMEZONE", "NEXT", "LAST", "OWNER", "TARGET"]
    assert "every 5 min" in text
    assert "Europe/Berlin" in text


def test_a_schedule_is_shown(line):
    line("schedules", "apply")
    text = line("schedules", "show", "bells.refresh")
    assert "Every 5 minutes" in text
    assert "code (house_" in text
    assert line.json("schedules", "show", "bells.report")["cron"] == "0 7 * * mon-fri"


def test_a_schedule_that_is_not_there_is_told_apart(line):
    assert "not stored yet. Run: flask schedules apply" in line("schedules", "show", "bells.refresh", code=1)
    line("schedules", "apply")
    assert "Did you mean bells.refresh?" in line("schedules", "show", "bells.refres", code=1)
    for words in (("run",), ("preview",), ("fires",)):
        assert "There is no schedule 'x'" in line("schedules", *words, "x", code=1)


def test_a_schedule_runs_when_asked(line):
    line("schedules", "apply")
    answer = line.json("schedules", "run", "bells.refresh")
    [run] = answer["runs"]
    assert answer["schedule"] == run["task"] == "bells.refresh"
    assert line.json("runs", "show", run["id"])["fire"]["schedule"] == "bells.refresh"
    assert line("schedules", "run", "bells.report").splitlines()[1].endswith("bells.report")


def test_a_preview_tells_the_next_planned_times(line):
    line("schedules", "apply")
    answer = line.json("schedules", "preview", "bells.report", "-n", "3")
    assert answer["description"].endswith("(Europe/Berlin)")
    assert len(answer["times"]) == 3
    assert all("T07:00:00+0" in time["local"] and time["at"].endswith(":00:00Z") for time in answer["times"])
    assert len(line("schedules", "preview", "bells.refresh").splitlines()) == 2 + 1 + 10
    assert "0 is not in the range" in line("schedules", "preview", "bells.refresh", "-n", "0", code=2)


def test_a_preview_minds_beginning_end_and_pause(line):
    moment = now().replace(microsecond=0)
    begin, end, ms = moment + timedelta(hours=1), moment + timedelta(hours=3), to_ms(moment)
    often = Schedule(name="h", task="t", trigger={"every": 1800.0}, created=ms, cursor=ms, pause=Pause(since=ms))
    stored(line, replace(often, starts_at=to_ms(begin), ends_at=to_ms(end)))
    times = [datetime.fromisoformat(time["at"]) for time in line.json("schedules", "preview", "h")["times"]]
    assert len(times) in (4, 5)
    assert begin <= times[0] < times[-1] <= end
    assert "It is paused" in line("schedules", "preview", "h")
    stored(line, replace(often, name="over", ends_at=ms - 1))
    assert "no planned time any more" in line("schedules", "preview", "over")


def test_fires_tell_what_became_of_planned_times(line):
    line("schedules", "apply")
    assert "No planned time has come yet." in line("schedules", "fires", "bells.refresh")
    line.here.clockwork.tick(now() + timedelta(minutes=20))
    fired, skipped = line.json("schedules", "fires", "bells.refresh")
    assert (fired["state"], skipped["state"], skipped["count"]) == ("fired", "skipped", 3)
    text = line("schedules", "fires", "bells.refresh")
    assert fired["run"] in text
    assert f"{skipped['from']} to {skipped['to']}, 3 times" in text
    assert len(line.json("schedules", "fires", "bells.refresh", "--limit", "1")) == 1
    assert "fired" in line("schedules", "show", "bells.refresh")
