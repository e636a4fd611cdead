"""flask status and flask check, how commands end, and the command line as a process of its own."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from command_line import HANDLERS, NOWHERE, Line, rows

from core.cli.command import newest
from core.cli.wording import ago, duration, full, took
from core.ledger.alive import beat

REPOSITORY = Path(__file__).resolve().parent.parent


WORKER = {"queues": ["default"], "busy": 3, "concurrency": 32, "stuck": 1, "memory": 142 * 2**20}


@pytest.fixture
def line(make_app):
    return Line(make_app(HANDLERS))


def test_status_ends_with_1_until_all_is_there(line):
    line.emit("order.lost", '{"order": 3}')
    assert "No worker spoke" in line("status", code=1)
    assert line.json("status", code=1)["failing"] == ["workers", "sweeper", "beat"]
    for role in ("worker", "sweeper", "beat"):
        line.here.ledger.run(beat(line.here.keys, role, f"{role}-1", WORKER if role == "worker" else {}))
    text = line("status")
    assert text.splitlines()[0].split() == ["state", "ready"]
    assert ["worker", "worker-1", "now", "3", "of", "32", "142", "MB", "1", "default"] in rows(text)
    assert ["mail", "0", "0", "0", "0", "0", "0"] in rows(text)
    assert ["default", "1", "0", "0", "0", "0", "0", "s", "1"] in rows(text)
    view = line.json("status")
    assert view["ready"] is True
    assert view["counts"]["pending"] == 1
    assert {queue["queue"]: queue["pending"] for queue in view["queues"]} == {"default": 1, "mail": 0}
    assert {process["role"] for process in view["processes"]} == {"worker", "sweeper", "beat"}
    assert all(process["seen"].endswith("Z") and process["age"] < 10 for process in view["processes"])


def test_check_says_what_was_found(line):
    found = "3 handlers, 2 jobs, 1 task, 2 event types"
    assert line("check") == f"Configuration, handlers and schedules are fine: {found}.\n"
    assert line.json("check") == {"ok": True, "handlers": 3, "jobs": 2, "tasks": 1, "event_types": 2}


@pytest.mark.parametrize(
    "words",
    [
        "events emit shop.opened",
        "events list",
        "events show x",
        "events replay x",
        "runs list",
        "runs show x",
        "schedules list",
        "schedules show x",
        "schedules run x",
        "schedules apply",
        "schedules preview x",
        "schedules fires x",
        "status",
    ],
)
def test_without_a_ledger_commands_end_with_69_and_one_line(make_app, words):
    result = Line(make_app(HANDLERS, redis_url=NOWHERE)).run(*words.split())
    assert result.exit_code == 69
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "did not answer" in result.stderr


def test_what_needs_no_ledger_works_without_it(make_app):
    stranded = Line(make_app(HANDLERS, redis_url=NOWHERE))
    assert "are fine" in stranded("check")
    assert "order.placed" in stranded("events", "types")


def test_every_command_speaks_json(line):
    ours = {name: line.app.cli.commands[name] for name in ("events", "runs", "schedules", "status", "check")}
    single = [one for group in ours.values() for one in getattr(group, "commands", {"": group}).values()]
    assert len(single) == 28
    for command in single:
        # export prints nothing else
        assert command.name == "export" or any("--json" in option.opts for option in command.params), command.name


def test_short_pages_are_put_together(line):
    def listing(page):
        [answer] = yield [("PING",)]
        assert answer
        start = page.before or 0
        return list(range(start, min(start + 2, 7)))[: page.limit], start + 2 if start < 5 else None

    assert newest(line.here.ledger, listing, 5) == [0, 1, 2, 3, 4]
    assert newest(line.here.ledger, listing, 50) == [0, 1, 2, 3, 4, 5, 6]


def test_times_and_durations_are_worded_for_people():
    moment = datetime(2027, 3, 28, 9, tzinfo=UTC)
    assert ago("2027-03-28T09:00:00.400Z", moment) == "now"
    assert ago("2027-03-28T08:57:01Z", moment) == "2 min ago"
    assert ago("2027-04-02T08:00:00Z", moment) == "in 4 d"
    assert full("2027-03-28T08:59:30Z", moment) == "2027-03-28T08:59:30Z (30 s ago)"
    assert [duration(s) for s in (0.084, 1.24, 200, 7500, 86400)] == [
        "84 ms",
        "1.2 s",
        "3 min 20 s",
        "2 h 5 min",
        "1 d",
    ]
    started = {"started": "2027-03-28T08:59:48Z", "finished": None}
    assert [took(started | {"state": state}, moment) for state in ("running", "retrying")] == ["12 s so far", ""]
    ended = started | {"finished": "2027-03-28T08:59:49Z"}
    assert [took(ended | {"state": state}, moment) for state in ("dead", "cancelled")] == ["1.0 s", ""]


def started(*words, cwd, **environ):
    """Run ``flask`` as a process of its own, in an environment that holds nothing else."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "flask", *words]
    return subprocess.run(command, cwd=cwd, env=kept | environ, capture_output=True, text=True, timeout=60, check=False)


def test_the_real_application_says_that_its_ledger_is_away():
    ended = started("schedules", "list", cwd=REPOSITORY, REDIS_URL=NOWHERE, SECRET_KEY="s", API_TOKEN="t")
    assert ended.returncode == 69
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1


def test_the_real_application_says_what_its_configuration_lacks():
    ended = started("schedules", "list", cwd=REPOSITORY, REDIS_URL=NOWHERE, CARILLON_ENV="production", PORT="no")
    assert ended.returncode == 1
    assert "SECRET_KEY is not set" in ended.stderr
    assert "PORT is 'no'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_process_hands_its_hints_on_and_keeps_log_lines_off_its_answer(server_url, package, tmp_path):
    (tmp_path / "own_main.py").write_text(
        "from core import Event, create_app\n"
        "from core.log import configure\n"
        "configure()\n"
        f"app = create_app(packages=({package(subject=HANDLERS)!r},))\n"
        "Event.signal.connect(lambda *_, **__: 1 / 0, weak=False)\n"
    )
    environ = {"REDIS_URL": server_url, "SECRET_KEY": "s", "API_TOKEN": "t", "CARILLON_PREFIX": tmp_path.name[-32:]}
    path = f"{REPOSITORY}{os.pathsep}{tmp_path}"
    words = ("--app", "own_main", "events", "emit", "shop.opened", "--json")
    ended = started(*words, cwd=tmp_path, PYTHONPATH=path, **environ)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["type"] == "shop.opened"
    assert "a listener raised" in ended.stderr
    with redis.Redis.from_url(server_url) as client:
        queues = client.scan_iter(f"{environ['CARILLON_PREFIX']}.default*", _type="list")
        assert sum(client.llen(queue) for queue in queues) == 1
