"""flask schedules add, edit, remove, pause, resume, skip, run and backfill against a real server."""

import json
from datetime import timedelta

import pytest
from command_line import HANDLERS, NOWHERE, Line
from redbeat import RedBeatSchedulerEntry

from core.clock import now, rfc3339, to_ms
from core.config import celery_url
from core.entries import load
from core.ledger.fires import fires
from core.schedule import Pause
from core.scheduling import put
from core.testing import application, drain

CRON = ("--cron", "*/5 * * * *")


@pytest.fixture
def line(make_app):
    return Line(make_app(HANDLERS))


@pytest.fixture
def mine(line):
    line("schedules", "add", "mine", "--task", "bells.report", *CRON)
    return line


class TestAdd:
    def test_what_it_says(self, line):
        text = line("schedules", "add", "mine", "--task", "bells.report", *CRON)
        assert text.startswith("Added mine: ")
        assert "; next 20" in text
        found = line.json("schedules", "show", "mine")
        assert (found["owner"], found["cron"], found["task"]) == ("cli", "*/5 * * * *", "bells.report")

    def test_every_option(self, line):
        words = ["--event", "order.placed", "--data", '{"order": 7}', "--every", "90s", "--timezone", "Asia/Tokyo"]
        words += ["--catch-up", "all", "--catch-up-window", "2h", "--grace", "5min", "--jitter", "1.5"]
        words += ["--starts-at", "2999-01-01T00:00", "--ends-at", "2999-01-02T00:00:00Z", "--max-runs", "3"]
        found = line.json("schedules", "add", "a/b", *words, "--pause-after", "2", "--overlap", "allow")
        assert found == found | {
            "name": "a/b",
            "event": "order.placed",
            "data": {"order": 7},
            "every": 90.0,
            "timezone": "Asia/Tokyo",
            "catch_up": "all",
            "catch_up_window": 7200.0,
            "grace": 300.0,
            "jitter": 1.5,
            "starts_at": "2999-01-01T00:00:00Z",
            "ends_at": "2999-01-02T00:00:00Z",
            "max_runs": 3,
            "pause_after": 2,
        }

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (["x", "--task", "bells.report"], 1, "cron: Found none"),
            (["x", *CRON], 1, "task: name either a task or an event"),
            (["x", *CRON, "--task", "nobody"], 1, "no job or task has this name; known: "),
            (["x", *CRON, "--task", "tidy"], 1, "known: "),
            (["x", "--task", "bells.report", "--cron", "61 * * * *"], 1, "Found '61' as minute"),
            (["x", "--task", "bells.report", "--at", "2h"], 1, "at: never fires"),
            (["a b", "--task", "bells.report", *CRON], 1, "name: must be 1 to 128"),
            (["x", "--task", "bells.report", "--every", "soon"], 2, "wanted seconds, or a span"),
            (["x", "--task", "bells.report", *CRON, "--overlap", "wait"], 2, "'wait' is not one of"),
            (["x", "--task", "bells.report", *CRON, "--data", "{"], 2, "This is not JSON"),
            (["x", "--task", "bells.report", *CRON, "--data", '{"a": NaN}'], 2, "This is not JSON"),
            (["x", "--task", "bells.report", *CRON, "--data", "[]"], 1, "data: must be an object"),
            (["x", "--task", "bells.report", *CRON, "--max-runs", "1.5"], 2, "not a valid integer"),
            (["x", "--event", "order.placed", "--every", "60"], 1, "data/order: "),
            (["x", "--event", "order.placed", "--every", "60", "--overlap", "skip"], 1, "overlap: must be allow"),
            ([], 2, "Missing argument 'NAME'"),
        ],
    )
    def test_what_is_refused(self, line, words, code, said):
        text = line("schedules", "add", *words, code=code)
        assert said in text
        assert len(text.strip().splitlines()) == 1
        assert line.json("schedules", "list") == []

    def test_data_over_the_limit(self, line):
        data = json.dumps({"x": "é" * 200_000})
        text = line("schedules", "add", "x", "--event", "shop.x", *CRON, "--data", "-", input=data, code=1)
        assert "wanted at most 262,144" in text

    def test_a_name_that_is_taken(self, mine):
        assert "already" in mine("schedules", "add", "mine", "--task", "bells.report", *CRON, code=1)


class TestEdit:
    def test_what_is_said_is_changed(self, mine):
        assert mine("schedules", "edit", "mine", "--every", "1h").startswith("Changed mine: Every hour; next ")
        found = mine.json("schedules", "edit", "mine", "--jitter", "5", "--catch-up", "all")
        assert (found["every"], found["jitter"], found["catch_up"], "cron" in found) == (3600.0, 5.0, "all", False)
        found = mine.json("schedules", "edit", "mine", "--unset", "jitter", "--unset", "catch-up")
        assert (found["jitter"], found["catch_up"]) == (0.0, "latest")

    def test_what_is_refused(self, mine):
        assert "Say what to change" in mine("schedules", "edit", "mine", code=2)
        assert "is not known" in mine("schedules", "edit", "mine", "--unset", "jiter", code=1)
        assert "There is no schedule 'min'. Did you mean mine?" in mine("schedules", "edit", "min", *CRON, code=1)
        mine("schedules", "apply")
        text = mine("schedules", "edit", "bells.report", "--jitter", "5", code=1)
        assert "is declared by code at house_" in text
        assert mine("schedules", "edit", "bells.report", "--cron", "0 8 * * *").startswith("Changed bells.report")


class TestRemove:
    def test_it_is_gone(self, mine):
        assert mine("schedules", "remove", "mine") == "Removed mine.\n"
        assert "There is no schedule 'mine'" in mine("schedules", "remove", "mine", code=1)
        mine("schedules", "add", "mine", "--task", "bells.report", *CRON)
        assert mine.json("schedules", "remove", "mine") == {"schedule": "mine", "removed": True}

    def test_what_code_declares_stays(self, line):
        line("schedules", "apply")
        assert "is declared by code" in line("schedules", "remove", "bells.report", "--yes", code=1)

    def test_an_entry_that_nobody_can_read(self, line):
        client, layout = line.here.ledger.client, line.here.layout
        client.hset(layout.key("broken"), "definition", "{")
        client.zadd(layout.timetable, {layout.key("broken"): 1})
        line.here.clockwork.tick(now())
        assert "held" in line("schedules", "list")
        assert "cannot be read" in line("schedules", "show", "broken")
        assert "It can be shown, and removed" in line("schedules", "pause", "broken", code=1)
        assert line("schedules", "remove", "broken") == "Removed broken.\n"
        assert not client.exists(layout.key("broken"))


class TestPauseAndSkip:
    def test_pause_and_resume(self, mine):
        assert mine("schedules", "pause", "mine", "--note", "the move").endswith("; no next time.\n")
        assert "yes the move" in mine("schedules", "show", "mine")
        assert "paused" in mine("schedules", "list")
        assert mine("schedules", "resume", "mine").startswith("Resumed mine: ")
        assert mine.json("schedules", "resume", "mine")["paused"] is False
        until = rfc3339((now() + timedelta(days=2)).replace(microsecond=0))
        assert mine.json("schedules", "pause", "mine", "--until", until)["pause"]["until"] == until
        assert "paused, ends in 1 d" in mine("schedules", "list")

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (["--until", "2h"], 2, "lies before now"),
            (["--until", "soon"], 2, "wanted 2026-"),
            (["--note", "x" * 201], 2, "201 characters; wanted at most 200"),
        ],
    )
    def test_what_is_refused(self, mine, words, code, said):
        assert said in mine("schedules", "pause", "mine", *words, code=code)

    def test_skip(self, mine):
        answer = mine.json("schedules", "skip", "mine")
        assert mine.json("schedules", "show", "mine")["skips"] == [answer["skipped"]]
        assert answer["skipped"] in mine("schedules", "show", "mine")
        assert "mine will not fire at 2" in mine("schedules", "skip", "mine")
        text = mine("schedules", "skip", "mine", "--planned", "2999-01-01T00:00:01", code=1)
        assert "is not planned at 2999-01-01T00:00:01Z" in text

    @pytest.mark.parametrize("act", ["edit", "remove", "pause", "resume", "skip", "run", "backfill"])
    def test_one_that_is_not_there(self, line, act):
        more = {"edit": CRON, "backfill": ("--from", "2h")}.get(act, ())
        assert "There is no schedule 'x'" in line("schedules", act, "x", *more, code=1)


class TestBackfill:
    @pytest.fixture
    def hour(self, mine):
        """An hour in which ``mine``, which fires each minute, was not looked at."""
        begin = now().replace(second=0, microsecond=0) - timedelta(hours=1)
        mine("schedules", "edit", "mine", "--cron", "* * * * *")
        [entry] = mine.here.ledger.run(load(mine.here.layout, ["mine"]))
        schedule = mine.here.layout.read(entry)
        late = type(schedule)(**vars(schedule) | {"cursor": to_ms(begin)})
        mine.here.ledger.run(put(mine.here.layout, late, entry))
        mine.here.clockwork.tick(begin + timedelta(hours=1))
        return begin

    def test_what_did_not_fire(self, mine, hour):
        since, until = (rfc3339(hour + timedelta(minutes=n)) for n in (10, 12))
        text = mine("schedules", "backfill", "mine", "--from", since, "--to", until)
        assert text.splitlines()[-1] == "3 runs made for 3 planned times."
        assert text.splitlines()[1].startswith(since)
        again = mine.json("schedules", "backfill", "mine", "--from", since, "--to", until)
        assert again == {"schedule": "mine", "runs": [], "planned": 3}
        forced = mine.json("schedules", "backfill", "mine", "--from", since, "--to", since, "--force")
        assert [run["planned"] for run in forced["runs"]] == [since]
        rows = mine.here.ledger.run(fires(mine.here.keys, "mine", 500))
        assert sum(row.count for row in rows) == 61
        assert len(drain(mine.app)) == 2 + 3 + 1

    def test_until_now_by_default(self, mine, hour):
        assert len(mine.json("schedules", "backfill", "mine", "--from", "3h")["runs"]) >= 58

    def test_what_is_refused(self, mine, hour):
        assert "Missing option '--from'" in mine("schedules", "backfill", "mine", code=2)
        since = ("--from", "1h", "--to", "2h")
        assert "to: lies before from" in mine("schedules", "backfill", "mine", *since, code=1)
        assert "1,000 planned times" in mine("schedules", "backfill", "mine", "--from", "9d", code=1)


class TestPreview:
    def test_of_a_timing(self, line):
        found = line.json("schedules", "preview", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "-n", "2")
        assert len(found["times"]) == 2
        text = line("schedules", "preview", *CRON, "--from", "2027-01-01T00:00:00", "-n", "1")
        assert "2027-01-01T00:05:00Z" in text

    def test_of_a_rule(self, line):
        text = line(
            "schedules", "preview", "--rrule", "FREQ=MONTHLY;BYDAY=-1FR", "--from", "2027-01-01T00:00:00", "-n", "1"
        )
        assert "2027-01-29" in text
        line("schedules", "add", "mine", "--task", "bells.report", "--rrule", "FREQ=MONTHLY;BYDAY=-1FR")
        assert "FREQ=MONTHLY;BYDAY=-1FR" in line("schedules", "list")
        result = line.run("schedules", "export", "--redbeat")
        assert (result.stdout, "Left out: mine" in result.stderr) == ("[]\n", True)

    def test_what_is_refused(self, line):
        assert "Name a schedule, or say a timing" in line("schedules", "preview", code=2)
        assert "Name a schedule, or say a timing" in line("schedules", "preview", "x", *CRON, code=2)
        assert "cron: Found" in line("schedules", "preview", "--cron", "x", code=1)


class TestMoving:
    """export, and import into another house."""

    @pytest.fixture
    def other(self, make_app):
        return Line(make_app(HANDLERS))

    @pytest.fixture
    def full(self, mine):
        mine("schedules", "apply")
        words = ["--data", '{"order": 7}', "--every", "90", "--starts-at", "2999-01-01T00:00:00.123Z", "--grace", "9"]
        mine("schedules", "add", "event", "--event", "order.placed", *words)
        mine("schedules", "add", "paused", "--task", "bells.report", "--every", "5min", "--jitter", "3")
        mine("schedules", "pause", "paused")
        mine("schedules", "add", "resumed", "--task", "bells.report", *CRON)
        mine("schedules", "pause", "resumed")
        mine("schedules", "resume", "resumed")
        return mine

    def test_a_round_trip(self, full, other):
        text = full("schedules", "export")
        assert [one["name"] for one in json.loads(text)["schedules"]] == ["event", "mine", "paused", "resumed"]
        assert other("schedules", "import", "-", input=text) == "4 added, 0 changed, 0 refused.\n"
        assert other("schedules", "export") == text
        for name, paused in (("event", False), ("mine", False), ("paused", True), ("resumed", False)):
            before, after = (one.json("schedules", "show", name) for one in (full, other))
            same = set(before) - {"created", "etag", "owner", "pause", "next"}
            assert {key: after[key] for key in same} == {key: before[key] for key in same}
            assert (after["paused"], after["owner"]) == (paused, "import")

    def test_what_code_declares_too(self, full, other):
        full("schedules", "edit", "bells.report", "--cron", "0 8 * * *")
        text = full("schedules", "export", "--all")
        assert len(json.loads(text)["schedules"]) == 6
        other("schedules", "apply")
        done = other.json("schedules", "import", "-", "--replace", input=text)
        assert done["changed"] == ["bells.refresh", "bells.report"]
        found = other.json("schedules", "show", "bells.report")
        assert (found["cron"], found["owner"], found["timezone"]) == ("0 8 * * *", "code", "Europe/Berlin")
        assert "1 to leave as re-timed by hand" in other("schedules", "plan")

    def test_what_is_there_is_replaced_whole_or_not_at_all(self, full, other):
        text = full("schedules", "export")
        other("schedules", "add", "mine", "--task", "bells.refresh", "--every", "60", "--jitter", "9")
        other("schedules", "pause", "mine")
        before = other.json("schedules", "show", "mine")
        result = other.run("schedules", "import", "-", "--json", input=text)
        assert result.exit_code == 1
        assert "--replace changes it" in result.stderr
        done = json.loads(result.stdout)
        assert (done["added"], done["refused"]) == (["event", "paused", "resumed"], ["mine"])
        assert other.json("schedules", "show", "mine") == before
        done = other.json("schedules", "import", "-", "--replace", input=text)
        assert done == {"added": [], "changed": ["event", "mine", "paused", "resumed"], "refused": []}
        assert {one["name"]: one for one in json.loads(other("schedules", "export"))["schedules"]} == {
            one["name"]: one | ({"overlap": "skip"} if one["name"] == "paused" else {})
            for one in json.loads(text)["schedules"]
        }

    def test_what_cannot_work_here_is_refused_and_the_rest_is_stored(self, line):
        good = {"name": "good", "task": "bells.report", "cron": "0 0 * * *"}
        given = [
            {},
            good | {"name": "odd", "task": "nobody"},
            good,
            good | {"name": "past", "cron": None, "at": "2020"},
        ]
        result = line.run("schedules", "import", "-", input=json.dumps({"version": 1, "schedules": given}))
        assert (result.exit_code, result.stdout) == (1, "1 added, 0 changed, 3 refused.\n")
        assert result.stderr.count("Error: ") == 3

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", "5", '{"version": 1}', '{"version": 1, "schedules": 5}'])
    def test_files_that_are_none(self, line, text):
        assert "This is nothing that flask schedules export" in line("schedules", "import", "-", input=text, code=2)

    def test_files_of_another_release(self, line):
        text = '{"version": 2, "schedules": []}'
        assert "by another release" in line("schedules", "import", "-", input=text, code=2)
        text = '{"version": 1, "schedules": [5]}'
        assert "a schedule is no object" in line("schedules", "import", "-", input=text, code=2)
        text = '{"version": 1, "schedules": [{"x": NaN}]}'
        assert "This is nothing that" in line("schedules", "import", "-", input=text, code=2)

    def test_as_plain_redbeat_entries(self, full):
        full("schedules", "add", "zoned", "--task", "bells.report", *CRON, "--timezone", "Europe/Berlin")
        full("schedules", "add", "often", "--task", "bells.report", "--every", "90")
        result = full.run("schedules", "export", "--redbeat")
        assert result.exit_code == 0
        assert [one.split(":")[1].strip() for one in result.stderr.splitlines()] == ["event", "zoned"]
        entries = {one["name"]: one for one in json.loads(result.stdout)}
        assert list(entries) == ["mine", "often", "paused", "resumed"]
        assert entries["paused"]["enabled"] is False
        assert entries["mine"]["task"] == "bells.report"
        decode = RedBeatSchedulerEntry.decode_definition
        client, key = full.here.ledger.client, full.here.layout.key("as-redbeat")
        client.hset(key, "definition", json.dumps(entries["often"]))
        found = decode(client.hget(key, "definition"))
        assert (found["schedule"].run_every.total_seconds(), found["args"], found["kwargs"]) == (90, [], {})


class TestSynchronizing:
    def test_plan_says_what_apply_does(self, line):
        text = line("schedules", "plan")
        assert [row.split()[:2] for row in text.splitlines()[:2]] == [["+", "bells.refresh"], ["+", "bells.report"]]
        assert text.endswith("2 schedules declared: 2 to add.\n")
        assert line.json("schedules", "list") == []
        line("schedules", "apply")
        assert line("schedules", "plan") == "2 schedules declared: 0 to add, 2 to keep.\n"

    def test_drift_stays_until_it_is_reset(self, line):
        line("schedules", "apply")
        line("schedules", "edit", "bells.report", "--cron", "0 8 * * *")
        line("schedules", "pause", "bells.report", "--note", "holidays")
        text = line("schedules", "plan")
        assert "! bells.report  (house_" in text
        assert '"0 8 * * *"' in text
        assert "apply --reset undoes that" in text
        [found] = [one for one in line.json("schedules", "plan") if one["name"] == "bells.report"]
        assert (found["do"], set(found["changes"])) == ("drift", {"trigger"})
        assert line.json("schedules", "apply")["drifted"] == ["bells.report"]
        assert line.json("schedules", "show", "bells.report")["cron"] == "0 8 * * *"
        assert "~ bells.report" in line("schedules", "plan", "--reset")
        assert line.json("schedules", "apply", "--reset")["changed"] == ["bells.report"]
        found = line.json("schedules", "show", "bells.report")
        assert (found["cron"], found["pause"]["note"]) == ("0 7 * * mon-fri", "holidays")

    def test_what_code_has_changed_since_wins(self, line):
        line("schedules", "apply")
        line("schedules", "edit", "bells.report", "--cron", "0 8 * * *")
        catalog = line.here.catalog
        declared = catalog.schedules["bells.report"]
        later = {"cron": "0 9 * * *", "timezone": "Europe/Berlin"}
        catalog.schedules["bells.report"] = type(declared)(**vars(declared) | {"trigger": later})
        assert line.json("schedules", "apply")["changed"] == ["bells.report"]
        assert line.json("schedules", "show", "bells.report")["cron"] == "0 9 * * *"

    def test_a_deploy_that_changes_the_timing_counts_what_was_due(self, line):
        line("schedules", "apply")
        layout, ledger = line.here.layout, line.here.ledger
        [entry] = ledger.run(load(layout, ["bells.refresh"]))
        schedule = layout.read(entry)
        begin = to_ms(now().replace(minute=0, second=0, microsecond=0) - timedelta(days=10))
        changes = {"cursor": begin, "pause": Pause(since=begin + 86_400_000, note="long")}
        ledger.run(put(layout, type(schedule)(**vars(schedule) | changes), entry))
        declared = line.here.catalog.schedules["bells.refresh"]
        line.here.catalog.schedules["bells.refresh"] = type(declared)(
            **vars(declared) | {"trigger": {"every": 60.0, "timezone": "UTC"}}
        )
        line("schedules", "apply")
        held, late = ledger.run(fires(line.here.keys, "bells.refresh", 10))
        assert (late.cause, late.count) == ("edited before it fired", 287)
        assert held.cause == "paused: long"
        assert held.count >= 9 * 288


def test_the_ledger_is_away(package):
    house = package(subject=HANDLERS)
    with application(NOWHERE, packages=(house,), broker_url=celery_url(NOWHERE)) as app:
        away = Line(app)
        for words in (
            ["list"],
            ["show", "x"],
            ["add", "x", "--task", "bells.report", *CRON],
            ["edit", "x", *CRON],
            ["remove", "x"],
            ["pause", "x"],
            ["resume", "x"],
            ["skip", "x"],
            ["run", "x"],
            ["backfill", "x", "--from", "2h"],
            ["fires", "x"],
            ["preview", "x"],
            ["plan"],
            ["export"],
        ):
            away("schedules", *words, code=69)
        text = json.dumps({"version": 1, "schedules": [{"name": "x", "task": "bells.report", "cron": "* * * * *"}]})
        away("schedules", "import", "-", input=text, code=69)
