"""Code against store, while others change what is stored; entries that nobody can read."""

import pytest
from command_line import HANDLERS, Line

from core.clock import now
from core.entries import load_one
from core.ledger.flow import Script
from core.scheduling import pause
from core.syncing import apply


@pytest.fixture
def line(make_app):
    return Line(make_app(HANDLERS))


def in_steps(ledger, flow, between):
    """Run *flow*; *between* sees its commands before they go out."""

    def step(commands):
        return (yield commands)

    answers = None
    while True:
        try:
            commands = flow.send(answers)
        except StopIteration as done:
            return done.value
        between(commands)
        answers = ledger.run(step(commands))


def test_what_was_done_before_others_came_in_between_is_told(line):
    """A deploy that meets a change starts over; its first half is not told as kept."""
    layout, ledger = line.here.layout, line.here.ledger
    disturbed = []

    def others(commands):
        stores = [one for one in commands if isinstance(one, Script) and one.name == "store"]
        if any(layout.key("bells.report") in one.keys for one in stores) and not disturbed:
            disturbed.append(True)
            ledger.run(apply(layout, line.here.catalog, now()))
            ledger.run(pause(layout, "bells.report", now(), note="somebody"))

    found = in_steps(ledger, apply(layout, line.here.catalog, now()), others)
    assert disturbed
    assert [(one.name, one.did) for one in found] == [("bells.refresh", "add"), ("bells.report", "keep")]
    assert ledger.run(load_one(layout, "bells.report")).pause.note == "somebody"


def test_an_entry_of_code_that_was_spoilt_is_mended(line):
    layout, ledger = line.here.layout, line.here.ledger
    line("schedules", "apply")
    key = layout.key("bells.refresh")
    ledger.client.hset(key, "carillon", b"2 x\n{}\n{}")
    ledger.client.zadd(layout.timetable, {key: 1})
    line.here.clockwork.tick(now())
    assert "not sealed" in line.json("schedules", "show", "bells.refresh")["held"]
    assert line.json("schedules", "apply")["added"] == ["bells.refresh"]
    found = line.json("schedules", "show", "bells.refresh")
    assert (found["held"], found["owner"], found["every"]) == (None, "code", 300.0)
