"""What operators tell processes: the orders in the ledger, over HTTP and on the command line."""

import pytest
from command_line import Line, rows

from core.house import house
from core.ledger.alive import alive, beat, gone

HANDLERS = """
    from core import *

    @on("order.*", name="send", queue="mail")
    def send(event: Event) -> None: ...
"""
SAID = {"queues": ["default", "mail"], "busy": 0, "concurrency": 32, "quiet": False, "stopping": False}


def say(app, ident, role="worker", **said):
    """Send a heartbeat; returns the order that waits."""
    here = house(app)
    return here.ledger.run(beat(here.keys, role, ident, SAID | said if role == "worker" else said))


def known(app):
    here = house(app)
    return {one.member: one for one in here.ledger.run(alive(here.keys))}


def test_an_order_is_met_by_the_next_heartbeat_and_the_last_word_counts(app, api):
    assert say(app, "a") == ""
    assert say(app, "b") == ""
    answer = api.send("/workers/a/quiet")
    assert (answer["id"], answer["role"], answer["quiet"], answer["ordered"]) == ("a", "worker", False, "quiet")
    assert (say(app, "a"), say(app, "b")) == ("quiet", "")
    api.send("/workers/a/resume")
    assert say(app, "a") == "resume"


@pytest.mark.parametrize(
    ("word", "before", "after"),
    [
        ("quiet", {}, {"quiet": True}),
        ("resume", {"quiet": True}, {"quiet": False}),
        ("stop", {}, {"stopping": True}),
    ],
)
def test_it_is_told_as_ordered_until_it_is_done(app, api, word, before, after):
    say(app, "a", **before)
    assert api.get("/workers")["items"][0]["ordered"] is None
    api.send(f"/workers/a/{word}")
    assert api.get("/workers")["items"][0]["ordered"] == word
    say(app, "a", **after)
    assert api.get("/workers")["items"][0]["ordered"] is None


def test_it_is_forgotten_after_a_minute_and_with_its_process(app, api):
    say(app, "a")
    api.send("/workers/a/stop")
    here = house(app)
    key = here.keys.order("worker:a")
    assert 50_000 < here.ledger.client.pttl(key) <= 60_000
    here.ledger.run(gone(here.keys, "worker", "a"))
    assert not here.ledger.client.exists(key)


def test_an_order_needs_no_room_on_a_full_server(app, api):
    say(app, "a")
    client = house(app).ledger.client
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", 1)
    try:
        assert api.send("/workers/a/stop")["ordered"] == "stop"
        assert say(app, "a") == "stop"
    finally:
        client.config_set("maxmemory", before)


def test_all_workers_at_once_and_no_beat(app, api):
    assert api.send("/workers/stop") == {"items": [], "next": None}
    say(app, "a"), say(app, "b"), say(app, "c", role="beat"), say(app, "a", role="sweeper")
    for word in ("quiet", "resume", "stop"):
        assert {row["id"] for row in api.send(f"/workers/{word}")["items"]} == {"a", "b"}
        orders = {member: one.order for member, one in known(app).items()}
        assert orders == {"worker:a": word, "worker:b": word, "beat:c": "", "sweeper:a": ""}


def test_what_is_refused(app, api):
    say(app, "a"), say(app, "c", role="beat")
    api.refused(404, "not-found", "/workers/nobody/stop")
    assert api.refused(409, "state-conflict", "/workers/c/quiet")["state"] == "beat"
    api.refused(422, "invalid-request", "/workers/a/quiet", {"for": 5})
    api.refused(404, "not-found", "/workers/a/explode")
    assert api.send("/workers/c/stop")["ordered"] == "stop"
    assert app.test_client().post("/api/v1/workers/a/stop").status_code == 401
    assert known(app)["worker:a"].order == ""


def test_quiet_workers_serve_no_queue(app, api):
    say(app, "a"), say(app, "b", quiet=True), say(app, "d", stopping=True)
    found = {row["queue"]: row for row in api.get("/queues")["items"]}["mail"]
    assert (found["workers"], found["quiet"], found["slots"]) == (1, 2, 32)


def test_on_the_command_line(app):
    line = Line(app)
    assert "No worker and no beat" in line("workers", "list")
    say(app, "a"), say(app, "b", quiet=True), say(app, "c", role="beat", leader=True)
    assert ["worker", "a", "now", "0", "of", "32", "default,", "mail"] in rows(line("workers", "list"))
    assert ["worker", "b", "now", "0", "of", "32", "quiet", "default,", "mail"] in rows(line("status", code=1))
    assert "Told a to be quiet." in line("workers", "quiet", "a")
    assert {row["id"]: row["ordered"] for row in line.json("workers", "list")}["a"] == "quiet"
    assert "quiet ordered" in line("workers", "list")
    assert "Told 2 workers to stop." in line("workers", "stop", "--all")
    assert [row["ordered"] for row in line.json("workers", "stop", "c")] == ["stop"]
    assert "Told a, b to resume." in line("workers", "resume", "a", "b")
    refused = line("workers", "quiet", "a", "nobody", "c", code=1)
    assert "No worker or beat 'nobody' spoke" in refused
    assert "c is a beat" in refused
    assert "Name ids, or say --all" in line("workers", "stop", code=2)
    line("workers", "stop", "a", "--all", code=2)
