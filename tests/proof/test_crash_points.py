"""Every flow fails at every call it makes, before and after; then everything comes to its end all the same."""

from contextlib import suppress

import pytest
from fragile import KINDS, Fragile, Point
from stories import STORIES
from without import without
from world import Crash, World

from core.ledger import flow
from core.testing import server


@pytest.fixture(scope="module")
def ledger():
    with server() as url:
        ledger = Fragile(url)
        for name in scripts():
            ledger.client.script_load(flow.source(name)[0])
        yield ledger
        ledger.close()


def scripts():
    return {path.stem for path in flow.LUA.glob("*.lua")} - {"basics", "common", "acceptance", "counting"}


def told(ledger, name, point=None, *, again=True):
    """Tell a story to its end; returns its calls, what was fired and what is wrong."""
    world, story = World(ledger, again=again), STORIES[name]
    try:
        for move in story.before:
            move(world)
        ledger.arm(point)
        with suppress(Crash):
            story.act(world)
        calls = ledger.calls
        ledger.disarm()
        fired = world.drain()
        return calls, fired, world.wrong()
    finally:
        world.close()


def wrong_in(ledger, name):
    """Return what goes wrong in a story, wherever it fails."""
    calls, fired, found = told(ledger, name)
    found += [] if calls else ["nothing was asked of the server"]
    for point in (Point(call, kind) for call in range(calls) for kind in KINDS):
        for again in (True, False) if point.kind != "twice" else (True,):
            _, fired_then, wrong = told(ledger, name, point, again=again)
            wrong += [] if fired_then == fired else [f"it fired {fired_then} and not {fired}"]
            found += [f"{point}, {'again' if again else 'and it dies'}: {one}" for one in wrong]
    return found


@pytest.mark.parametrize("name", STORIES)
def test_it_comes_to_its_end_wherever_it_fails(ledger, name):
    assert wrong_in(ledger, name) == []


def test_every_script_is_part_of_a_story(ledger, monkeypatch):
    seen, send = set(), Fragile._send

    def hear(self, wanted):
        commands = list(wanted)
        told = [command.split(b"\r\n") if isinstance(command, bytes) else command for command in commands]
        seen.update(words[4].decode() for words in told if words[2:3] == [b"EVALSHA"])
        seen.update(words[1] for words in told if words[0] == "EVALSHA")
        return send(self, commands)

    monkeypatch.setattr(Fragile, "_send", hear)
    for name in STORIES:
        told(ledger, name)
    assert {name for name in scripts() if flow.source(name)[1] not in seen} == set()


@pytest.mark.parametrize(
    ("script", "guard", "name"),
    [
        ("acceptance", "one id, one set of runs", "accept what runs already"),
        ("acceptance", "one id, one set of runs", "accept with hints"),
        ("claim", "the same token claims once, however often it is sent", "claim"),
        ("claim", "only a pending run may start", "claim what runs"),
        ("common", "a run stands under one state", "sweep a retry"),
        ("common", "what goes on is in due, what has ended is not", "sweep what waited"),
        ("finish", "a stale worker's completion cannot overwrite a newer attempt", "finish late, taken since"),
        ("fire", "whoever read the same entry and was faster has fired it", "fire, edited meanwhile"),
        ("release", "it is given back once, however often that is sent", "release"),
        ("recover", "a delay that is over ends", "sweep what waited"),
    ],
)
def test_what_is_taken_out_of_a_script_is_noticed(ledger, script, guard, name):
    with without(script, guard):
        assert wrong_in(ledger, name)
