"""flask status and flask check, how commands end, and the command line as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from command_line import NOWHERE, PACKAGE, rows

from core.cli.command import newest
from core.ledger.alive import beat

pytest_plugins = ("command_line",)
REPOSITORY = Path(__file__).resolve().parent.parent


def test_status_ends_with_1_until_all_is_there(flask, said, here, placed):
    placed("order.lost", '{"order": 3}')
    assert "No worker spoke" in flask("status", code=1)
    assert said("status", code=1)["failing"] == ["workers", "sweeper", "beat"]
    for role in ("worker", "sweeper", "beat"):
        here.ledger.run(beat(here.keys, role, f"{role}-1", {"queues": ["default"]} if role == "worker" else {}))
    text = flask("status")
    assert text.splitlines()[0].split() == ["state", "ready"]
    assert ["worker", "worker-1", "now", "default"] in rows(text)
    view = said("status")
    assert view["ready"] is True
    assert view["counts"]["pending"] == 1
    assert {process["role"] for process in view["processes"]} == {"worker", "sweeper", "beat"}
    assert all(process["seen"].endswith("Z") and process["age"] < 10 for process in view["processes"])


def test_check_says_what_was_found(flask, said):
    line = "Configuration, handlers and schedules are fine: 3 handlers, 2 jobs, 1 task, 2 event types.\n"
    assert flask("check") == line
    assert said("check") == {"ok": True, "handlers": 3, "jobs": 2, "tasks": 1, "event_types": 2}


@pytest.mark.parametrize(
    "words",
    [
        "events emit shop.opened",
        "events list",
        "events show x",
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
def test_without_a_ledger_commands_end_with_69_and_one_line(stranded, words):
    result = stranded.test_cli_runner().invoke(args=words.split())
    assert result.exit_code == 69
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "did not answer" in result.stderr


def test_what_needs_no_ledger_works_without_it(stranded):
    for words in (["check"], ["events", "types"]):
        assert stranded.test_cli_runner().invoke(args=words).exit_code == 0


def test_every_command_speaks_json(app):
    ours = {name: app.cli.commands[name] for name in ("events", "runs", "schedules", "status", "check")}
    single = [one for group in ours.values() for one in getattr(group, "commands", {"": group}).values()]
    assert len(single) == 14
    for command in single:
        assert any("--json" in option.opts for option in command.params), command.name


def test_short_pages_are_put_together(here):
    def listing(page):
        [answer] = yield [("PING",)]
        assert answer
        start = page.before or 0
        return list(range(start, min(start + 2, 7)))[: page.limit], start + 2 if start < 5 else None

    assert newest(here.ledger, listing, 5) == [0, 1, 2, 3, 4]
    assert newest(here.ledger, listing, 50) == [0, 1, 2, 3, 4, 5, 6]


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


def test_a_process_hands_its_hints_on_and_keeps_log_lines_off_its_answer(url, folder, app):
    (folder / "own_main.py").write_text(
        "from core import Event, create_app\n"
        "from core.log import configure\n"
        "configure()\n"
        f"app = create_app(packages=({PACKAGE!r},))\n"
        "Event.signal.connect(lambda *_, **__: 1 / 0, weak=False)\n"
    )
    environ = {"REDIS_URL": url, "SECRET_KEY": "s", "API_TOKEN": "t", "PYTHONPATH": f"{REPOSITORY}:{folder}"}
    ended = started("--app", "own_main", "events", "emit", "shop.opened", "--json", cwd=folder, **environ)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["type"] == "shop.opened"
    assert "a listener raised" in ended.stderr
    with redis.Redis.from_url(url) as client:
        waiting = [key for key in client.scan_iter("carillon.default*") if client.type(key) == b"list"]
        assert sum(client.llen(key) for key in waiting) == 1
