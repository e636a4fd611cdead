"""flask events and flask runs against a real server: what each command prints, and how it ends."""

import click
import pytest
from command_line import PACKAGE, REFRESH, rows
from waiting import wait_until

from core.cli.command import newest
from core.cli.show import plain

pytest_plugins = ("command_line",)


def test_emit_prints_the_receipt(flask):
    text = flask("events", "emit", "order.placed", '{"order": 7}')
    assert "accepted" in text
    assert "everysec" in text
    assert f"{PACKAGE}.send_receipt" in text
    assert f"{PACKAGE}.archive" in text


def test_emit_gives_the_receipt_as_json(said):
    receipt = said("events", "emit", "order.placed", '{"order": 7}')
    assert receipt["type"] == "order.placed"
    assert receipt["duplicate"] is False
    assert [run["task"] for run in receipt["runs"]] == [f"{PACKAGE}.archive", f"{PACKAGE}.send_receipt"]


def test_emit_reads_data_from_standard_input(said):
    event = said("events", "emit", "order.placed", "-", input='{"order": 8}')["id"]
    assert said("events", "show", event)["data"] == {"order": 8}


def test_emit_hands_on_the_attributes(said):
    words = ("--id", "a-1", "--source", "/till", "--subject", "order 9")
    event = said("events", "emit", "order.placed", '{"order": 9}', *words)["id"]
    attributes = said("events", "show", event)["attributes"]
    assert attributes | {"id": "a-1", "source": "/till", "subject": "order 9"} == attributes


def test_the_same_id_is_accepted_once(flask):
    words = ("events", "emit", "shop.opened", "{}", "--id", "a-1")
    flask(*words)
    assert "accepted before" in flask(*words)
    refused = flask("events", "emit", "shop.opened", '{"other": 1}', "--id", "a-1", code=1)
    assert "used before" in refused


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("order.place", "{}"), "Did you mean order.placed"),
        (("order.placed", "{}"), "/data/order: Field required"),
        (("shop.opened", "[]"), "must be a JSON object"),
    ],
)
def test_emit_ends_with_1_where_the_house_refuses(flask, words, why):
    text = flask("events", "emit", *words, code=1)
    assert why in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("order.placed", "{order: 7}"), "not JSON"),
        (("order.placed", '{"order": NaN}'), "NaN"),
        (("shop.a\x1bb", "{}"), "is no event type"),
        (("order.placed", '{"order": 7}', "--id", "a\nb"), "printable"),
        (("order.placed", '{"order": 7}', "--subject", ""), "printable"),
        ((), "Missing argument"),
    ],
)
def test_emit_ends_with_2_where_it_is_used_wrongly(flask, words, why):
    assert why in flask("events", "emit", *words, code=2)


def test_events_are_listed_newest_first(flask, placed):
    assert flask("events", "list") == "No events.\n"
    placed("order.placed", '{"order": 1}')
    placed("order.lost", '{"order": 2}')
    head, first, second = rows(flask("events", "list"))
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
def test_events_are_filtered(said, placed, words, kinds):
    placed("order.placed", '{"order": 1}')
    placed("shop.opened", "--subject", "door")
    placed("shop.closed", "--source", "/till")
    assert [event["type"] for event in said("events", "list", *words)] == kinds


def test_an_event_is_shown_with_data_and_runs(flask, said):
    receipt = said("events", "emit", "order.placed", '{"order": 7}', "--subject", "s1")
    text = flask("events", "show", receipt["id"])
    assert '"order": 7' in text
    assert "now)" in text or "s ago)" in text
    assert all(run["id"] in text for run in receipt["runs"])
    assert "There is no event 'x'" in flask("events", "show", "x", code=1)


def test_words_of_strangers_do_not_steer_the_terminal(flask, said):
    event = said("events", "emit", "shop.opened", '{"name": "\\u009b31m\\u202e"}')["id"]
    text = flask("events", "show", event)
    assert "\\x9b31m\\u202e" in text
    assert text.replace("\n", "").isprintable()
    assert plain("a\x1b[31mb\r\n") == "a\\x1b[31mb\\r\\n"


def test_event_types_are_listed_with_those_who_answer(flask, said):
    known = {one["type"]: one for one in said("events", "types")}
    assert known["order.placed"] == {
        "type": "order.placed",
        "class": f"{PACKAGE}.OrderPlaced",
        "handlers": [f"{PACKAGE}.send_receipt", f"{PACKAGE}.archive"],
        "description": "A customer paid.",
    }
    assert known["order.lost"]["description"] == ""
    assert known["shop.*"]["class"] is None
    assert known["shop.*"]["handlers"] == [f"{PACKAGE}.archive"]
    assert "A customer paid." in flask("events", "types")


def test_runs_are_listed(flask, said, here, placed):
    assert flask("runs", "list") == "No runs.\n"
    run = placed("order.lost", '{"order": 3}')
    here.runner.execute(run)
    head, row = rows(flask("runs", "list"))
    assert head == ["ID", "STATE", "TASK", "CAUSE", "QUEUE", "ATTEMPT", "CREATED", "TOOK", "ERROR"]
    assert row[:6] == [run, "dead", f"{PACKAGE}.search", "order.lost", "default", "1"]
    assert "LookupError: order 3 is nowhere" in flask("runs", "list")
    [view] = said("runs", "list")
    assert view["created"].endswith("Z")


@pytest.mark.parametrize(
    ("words", "tasks"),
    [
        (("--state", "failed"), ["search"]),
        (("--state", "dead,succeeded"), ["search"]),
        (("--state", "expired", "--state", "pending"), ["refresh", "send_receipt", "archive"]),
        (("--task", f"{PACKAGE}.archive"), ["archive"]),
        (("--event", "order.placed"), ["send_receipt", "archive"]),
        (("--schedule", REFRESH), ["refresh"]),
        (("--queue", "mail"), ["send_receipt"]),
        (("--limit", "1"), ["refresh"]),
    ],
)
def test_runs_are_filtered(flask, said, here, placed, words, tasks):
    here.runner.execute(placed("order.lost", '{"order": 3}'))
    placed("order.placed", '{"order": 4}')
    flask("schedules", "apply")
    flask("schedules", "run", REFRESH)
    assert [run["task"].rpartition(".")[2] for run in said("runs", "list", *words)] == tasks


def test_an_unknown_state_is_a_mistake_of_usage(flask):
    assert "'lost' is no state. Wanted one of scheduled" in flask("runs", "list", "--state", "lost", code=2)


def test_a_run_that_succeeded_is_shown_with_log_progress_and_result(flask, said, here):
    runs = {run["task"]: run["id"] for run in said("events", "emit", "order.placed", '{"order": 7}')["runs"]}
    run = runs[f"{PACKAGE}.send_receipt"]
    here.runner.execute(run)
    wait_until(lambda: said("runs", "show", run)["log"], what="the log to be kept")
    text = flask("runs", "show", run)
    assert "succeeded" in text
    assert "of type order.placed" in text
    assert "log:\n" in text
    assert "to order 7" in text
    assert "1 of 2" in text
    assert '"sent": 7' in text


def test_a_run_that_died_is_shown_with_its_traceback(flask, said, here, placed):
    run = placed("order.lost", '{"order": 3}')
    here.runner.execute(run)
    text = flask("runs", "show", run)
    assert "Traceback (most recent call last):" in text
    assert f"{PACKAGE}/__init__.py" in text
    assert here.runner.worker in text
    [attempt] = said("runs", "show", run)["attempts"]
    assert attempt["outcome"] == "dead"
    assert "There is no run 'x'" in flask("runs", "show", "x", code=1)


def test_states_are_coloured_on_a_terminal_only(flask, here, placed):
    here.runner.execute(placed("order.lost", '{"order": 3}'))
    assert click.style("dead ", fg="red")[:9] in flask("runs", "list", color=True)
    assert "\x1b" not in flask("runs", "list")


