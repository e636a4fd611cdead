"""flask events and flask runs against a real server: what each command prints, and how it ends."""

from datetime import UTC, datetime, timedelta

import click
import pytest
from command_line import HANDLERS, Line, rows
from waiting import wait_until

from core.cli.show import plain


@pytest.fixture
def line(make_app):
    return Line(make_app(HANDLERS))


def test_emit_prints_the_receipt(line):
    text = line("events", "emit", "order.placed", '{"order": 7}')
    assert "accepted" in text
    assert "everysec" in text
    assert "bells.send_receipt" in text
    assert "bells.archive" in text


def test_emit_gives_the_receipt_as_json(line):
    receipt = line.json("events", "emit", "order.placed", '{"order": 7}')
    assert receipt["type"] == "order.placed"
    assert receipt["duplicate"] is False
    assert [run["task"] for run in receipt["runs"]] == ["bells.archive", "bells.send_receipt"]


def test_emit_reads_data_from_standard_input(line):
    event = line.json("events", "emit", "order.placed", "-", input='{"order": 8}')["id"]
    assert line.json("events", "show", event)["data"] == {"order": 8}


def test_emit_hands_on_the_attributes(line):
    words = ("--id", "a-1", "--source", "/till", "--subject", "order 9")
    event = line.json("events", "emit", "order.placed", '{"order": 9}', *words)["id"]
    attributes = line.json("events", "show", event)["attributes"]
    assert attributes | {"id": "a-1", "source": "/till", "subject": "order 9"} == attributes


def test_the_same_id_is_accepted_once(line):
    words = ("events", "emit", "shop.opened", "{}", "--id", "a-1")
    line(*words)
    assert "accepted before" in line(*words)
    refused = line("events", "emit", "shop.opened", '{"other": 1}', "--id", "a-1", code=1)
    assert "used before" in refused


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("order.place", "{}"), "Did you mean order.placed"),
        (("order.placed", "{}"), "/data/order: Field required"),
        (("shop.opened", "[]"), "must be a JSON object"),
    ],
)
def test_emit_ends_with_1_where_the_house_refuses(line, words, why):
    text = line("events", "emit", *words, code=1)
    assert why in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("order.placed", "{order: 7}"), "not JSON"),
        (("order.placed", '{"order": NaN}'), "not JSON"),
        (("order.placed", '{"order": 1e999}'), "not JSON"),
        (("order.placed", '{"order": "\\ud800"}'), "not JSON"),
        (("order.placed", "[" * 99999), "not JSON"),
        (("shop.a\x1bb", "{}"), "is no event type"),
        (("order.placed", '{"order": 7}', "--id", "a\nb"), "printable"),
        (("order.placed", '{"order": 7}', "--subject", ""), "printable"),
        ((), "Missing argument"),
    ],
)
def test_emit_ends_with_2_where_it_is_used_wrongly(line, words, why):
    assert why in line("events", "emit", *words, code=2)


def test_emit_lets_runs_wait(line):
    run = line.emit("order.placed", '{"order": 7}', "--delay", "3600")
    assert line.json("runs", "show", run)["state"] == "scheduled"
    assert "in 59 min" in line("runs", "list")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    line.emit("order.placed", '{"order": 7}', "--at", tomorrow.isoformat())
    assert datetime.fromisoformat(line.json("runs", "list", "--limit", "1")[0]["due"]) == tomorrow
    assert "would wait longer, or less" in line("events", "emit", "shop.x", "--delay", "-1", code=1)
    assert "not together" in line("events", "emit", "shop.x", "--delay", "1", "--at", "2027-01-01", code=1)
    assert "wanted 2026-11-22T09:00:00Z" in line("events", "emit", "shop.x", "--at", "soon", code=2)


def test_replay(line):
    event = line.json("events", "emit", "order.lost", '{"order": 3}', "--subject", "s1")
    line.here.runner.execute(event["runs"][0]["id"])
    text = line("events", "replay", event["id"], "--only", "failed")
    assert ["replay", "of", event["id"]] in rows(text)
    assert "bells.search" in text
    again = line.json("events", "replay", event["id"], "--data", '{"order": 4}', "--task", "bells.search")
    assert again["replay_of"] == event["id"]
    shown = line.json("events", "show", again["id"])
    assert (shown["data"], shown["subject"], shown["replay_of"]) == ({"order": 4}, "s1", event["id"])
    run = again["runs"][0]["id"]
    assert f"event {event['id']}" in line("runs", "show", run)
    assert ["replay", "of", event["id"]] in rows(line("events", "show", again["id"]))
    assert line.json("events", "replay", event["id"], "--data", "-", input='{"order": 5}')["duplicate"] is False


@pytest.mark.parametrize(
    ("words", "why", "code"),
    [
        (("--only", "failed"), "has nothing failed", 1),
        (("--task", "bells.serch"), "Did you mean bells.search", 1),
        (("--data", "{}"), "/data/order: Field required", 1),
        (("--data", "{order"), "not JSON", 2),
    ],
)
def test_replays_that_are_refused(line, words, why, code):
    event = line.json("events", "emit", "order.lost", '{"order": 3}')["id"]
    text = line("events", "replay", event, *words, code=code)
    assert why in text
    assert len(text.splitlines()) == 1
    assert len(line.json("events", "list")) == 1
    assert "There is no event 'x'" in line("events", "replay", "x", code=1)


def test_a_table_fits_its_terminal(line, monkeypatch):
    line.here.runner.execute(line.emit("order.lost", '{"order": 3}'))
    assert "LookupError: order 3 is nowhere" in line("runs", "list")
    monkeypatch.setattr("core.cli.show._width", lambda: 115)
    assert max(map(len, line("runs", "list").splitlines())) == 115
    assert "…" in line("runs", "list")
    monkeypatch.setattr("core.cli.show._width", lambda: 20)
    assert "LookupError: order 3 is nowhere" in line("runs", "list")


def test_events_are_listed_newest_first(line):
    assert line("events", "list") == "No events.\n"
    line.emit("order.placed", '{"order": 1}')
    line.emit("order.lost", '{"order": 2}')
    head, first, second = rows(line("events", "list"))
    assert head == ["ID", "TYPE", "SOURCE", "SUBJECT", "ACCEPTED", "RUNS"]
    assert (first[1], second[1]) == ("order.lost", "order.placed")
    assert second[-2:] == ["2", "pending"]


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("--type", "shop.*"), ["shop.closed", "shop.opened"]),
        (("--type", "order.placed"), ["order.placed"]),
        (("--source", "/till"), ["shop.closed"]),
        (("--subject", "door"), ["shop.opened"]),
        (("--limit", "2"), ["shop.closed", "shop.opened"]),
    ],
)
def test_events_are_filtered(line, words, kinds):
    line.emit("order.placed", '{"order": 1}')
    line.emit("shop.opened", "--subject", "door")
    line.emit("shop.closed", "--source", "/till")
    assert [event["type"] for event in line.json("events", "list", *words)] == kinds


def test_an_event_is_shown_with_data_and_runs(line):
    receipt = line.json("events", "emit", "order.placed", '{"order": 7}', "--subject", "s1")
    text = line("events", "show", receipt["id"])
    assert '"order": 7' in text
    assert "now)" in text or "s ago)" in text
    assert all(run["id"] in text for run in receipt["runs"])
    assert "There is no event 'x'" in line("events", "show", "x", code=1)


def test_words_of_strangers_do_not_steer_the_terminal(line):
    event = line.json("events", "emit", "shop.opened", '{"name": "\\u009b31m\\u202e"}')["id"]
    text = line("events", "show", event)
    assert "\\x9b31m\\u202e" in text
    assert text.replace("\n", "").isprintable()
    assert plain("a\x1b[31mb\r\n") == "a\\x1b[31mb\\r\\n"


def test_event_types_are_listed_with_those_who_answer(line):
    known = {one["type"]: one for one in line.json("events", "types")}
    placed = known["order.placed"]
    assert placed["class"].endswith(".subject.OrderPlaced")
    assert placed["handlers"] == ["bells.send_receipt", "bells.archive"]
    assert placed["description"] == "A customer paid."
    assert known["order.lost"]["description"] == ""
    assert known["shop.*"]["class"] is None
    assert known["shop.*"]["handlers"] == ["bells.archive"]
    assert "A customer paid." in line("events", "types")


def test_runs_are_listed(line):
    assert line("runs", "list") == "No runs.\n"
    run = line.emit("order.lost", '{"order": 3}')
    line.here.runner.execute(run)
    head, row = rows(line("runs", "list"))
    assert head == ["ID", "STATE", "TASK", "CAUSE", "QUEUE", "ATTEMPT", "CREATED", "DUE", "TOOK", "ERROR"]
    assert row[:6] == [run, "dead", "bells.search", "order.lost", "default", "1"]
    assert "LookupError: order 3 is nowhere" in line("runs", "list")
    [view] = line.json("runs", "list")
    assert view["created"].endswith("Z")


@pytest.mark.parametrize(
    ("words", "tasks"),
    [
        (("--state", "failed"), ["search"]),
        (("--state", "dead,succeeded"), ["search"]),
        (("--state", "expired", "--state", "pending"), ["refresh", "send_receipt", "archive"]),
        (("--task", "bells.archive"), ["archive"]),
        (("--event", "order.placed"), ["send_receipt", "archive"]),
        (("--schedule", "bells.refresh"), ["refresh"]),
        (("--queue", "mail"), ["send_receipt"]),
        (("--limit", "1"), ["refresh"]),
    ],
)
def test_runs_are_filtered(line, words, tasks):
    line.here.runner.execute(line.emit("order.lost", '{"order": 3}'))
    line.emit("order.placed", '{"order": 4}')
    line("schedules", "apply")
    line("schedules", "run", "bells.refresh")
    assert [run["task"].rpartition(".")[2] for run in line.json("runs", "list", *words)] == tasks


def test_an_unknown_state_is_a_mistake_of_usage(line):
    assert "'lost' is no state. Wanted one of scheduled" in line("runs", "list", "--state", "lost", code=2)


def test_a_run_that_succeeded_is_shown_with_log_progress_and_result(line):
    runs = {run["task"]: run["id"] for run in line.json("events", "emit", "order.placed", '{"order": 7}')["runs"]}
    run = runs["bells.send_receipt"]
    line.here.runner.execute(run)
    wait_until(lambda: line.json("runs", "show", run)["log"], what="the log to be kept")
    text = line("runs", "show", run)
    assert "succeeded" in text
    assert "of type order.placed" in text
    assert "log:\n" in text
    assert "to order 7" in text
    assert "1 of 2" in text
    assert '"sent": 7' in text


def test_a_run_that_died_is_shown_with_its_traceback(line):
    run = line.emit("order.lost", '{"order": 3}')
    line.here.runner.execute(run)
    text = line("runs", "show", run)
    assert "Traceback (most recent call last):" in text
    assert "/subject.py" in text
    assert line.here.runner.worker in text
    [attempt] = line.json("runs", "show", run)["attempts"]
    assert attempt["outcome"] == "dead"
    assert "There is no run 'x'" in line("runs", "show", "x", code=1)


def test_states_are_coloured_on_a_terminal_only(line):
    line.here.runner.execute(line.emit("order.lost", '{"order": 3}'))
    assert click.style("dead ", fg="red")[:9] in line("runs", "list", color=True)
    assert "\x1b" not in line("runs", "list")
