"""flask schedules against a real server."""

import json
from dataclasses import replace
from datetime import timedelta

from command_line import PACKAGE, REFRESH, REPORT, rows

from core.clock import now, to_ms
from core.entries import Schedule, load_one, save

pytest_plugins = ("command_line",)


def test_apply_stores_what_code_declares(flask, said, here):
    moment = to_ms(now())
    ghost = Schedule(name="ghost", task="gone", trigger={"every": 60.0}, created=moment, cursor=moment)
    for schedule in (ghost, replace(ghost, name="mine", owner="api")):
        here.ledger.run(save(here.layout, schedule, None))
    text = flask("schedules", "apply")
    assert [line for line in text.splitlines() if line.startswith("added")] == [
        f"added    {REPORT}",
        f"added    {REFRESH}",
    ]
    assert "removed  ghost" in text
    assert text.endswith("2 schedules declared: 2 added, 0 changed, 1 removed, 0 kept.\n")

    stored = here.ledger.run(load_one(here.layout, REPORT))
    here.ledger.run(save(here.layout, replace(stored, jitter=9.0), None))
    assert said("schedules", "apply") == {"added": [], "changed": [REPORT], "removed": [], "kept": [REFRESH]}
    assert [schedule["name"] for schedule in said("schedules", "list")] == [REFRESH, REPORT, "mine"]


def test_apply_warns_on_standard_error(app, here):
    here.ledger.client.config_set("appendonly", "no")
    try:
        result = app.test_cli_runner().invoke(args=("schedules", "apply", "--json"))
    finally:
        here.ledger.client.config_set("appendonly", "yes")
    assert "Warning: The Redis server keeps no AOF" in result.stderr
    assert json.loads(result.stdout)["added"] == [REPORT, REFRESH]


def test_apply_refuses_a_server_that_throws_work_away(flask, here):
    here.ledger.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "must be noeviction" in flask("schedules", "apply", code=1)
    finally:
        here.ledger.client.config_set("maxmemory-policy", "noeviction")
    assert here.ledger.client.dbsize() == 0


def test_schedules_are_listed(flask):
    assert "flask schedules apply" in flask("schedules", "list")
    flask("schedules", "apply")
    text = flask("schedules", "list")
    assert rows(text)[0] == ["NAME", "WHEN", "TIMEZONE", "NEXT", "LAST", "OWNER", "TASK"]
    assert "every 5 min" in text
    assert "Europe/Berlin" in text


def test_a_schedule_is_shown(flask, said):
    flask("schedules", "apply")
    text = flask("schedules", "show", REFRESH)
    assert "Every 5 minutes" in text
    assert f"code ({PACKAGE}" in text
    assert said("schedules", "show", REPORT)["cron"] == "0 7 * * mon-fri"


def test_a_schedule_that_is_not_there_is_told_apart(flask):
    assert "not stored yet. Run: flask schedules apply" in flask("schedules", "show", REFRESH, code=1)
    flask("schedules", "apply")
    assert f"Did you mean {REFRESH}?" in flask("schedules", "show", REFRESH[:-1], code=1)
    for words in (("run",), ("preview",), ("fires",)):
        assert "There is no schedule 'x'" in flask("schedules", *words, "x", code=1)


def test_a_schedule_runs_when_asked(flask, said):
    flask("schedules", "apply")
    answer = said("schedules", "run", REFRESH)
    [run] = answer["runs"]
    assert answer["schedule"] == run["task"] == REFRESH
    assert said("runs", "show", run["id"])["fire"]["schedule"] == REFRESH
    assert flask("schedules", "run", REPORT).splitlines()[1].endswith(REPORT)


def test_a_preview_tells_the_next_planned_times(flask, said):
    flask("schedules", "apply")
    answer = said("schedules", "preview", REPORT, "-n", "3")
    assert answer["description"].endswith("(Europe/Berlin)")
    assert len(answer["times"]) == 3
    assert all("T07:00:00+0" in time["local"] and time["at"].endswith(":00:00Z") for time in answer["times"])
    assert len(flask("schedules", "preview", REFRESH).splitlines()) == 2 + 1 + 10
    assert "'0' " in flask("schedules", "preview", REFRESH, "-n", "0", code=2) + " '0' "


def test_a_preview_minds_beginning_end_and_pause(flask, said, here):
    moment = now().replace(microsecond=0)
    bounds = {"starts_at": to_ms(moment + timedelta(hours=1)), "ends_at": to_ms(moment + timedelta(hours=3))}
    ms = to_ms(moment)
    hourly = Schedule(name="h", task="t", trigger={"every": 3600.0}, created=ms, cursor=ms, enabled=False, **bounds)
    here.ledger.run(save(here.layout, hourly, None))
    assert len(said("schedules", "preview", "h")["times"]) in (2, 3)
    assert "It is paused" in flask("schedules", "preview", "h")
    over = replace(hourly, starts_at=None, ends_at=ms - 1)
    here.ledger.run(save(here.layout, over, None))
    assert "no planned time any more" in flask("schedules", "preview", "h")


def test_fires_tell_what_became_of_planned_times(flask, said, here):
    flask("schedules", "apply")
    assert "No planned time has come yet." in flask("schedules", "fires", REFRESH)
    here.clockwork.tick(now() + timedelta(minutes=20))
    fired, skipped = said("schedules", "fires", REFRESH)
    assert (fired["state"], skipped["state"], skipped["count"]) == ("fired", "skipped", 3)
    text = flask("schedules", "fires", REFRESH)
    assert fired["run"] in text
    assert f"{skipped['from']} to {skipped['to']}, 3 times" in text
    assert len(said("schedules", "fires", REFRESH, "--limit", "1")) == 1
    assert "fired" in flask("schedules", "show", REFRESH)


