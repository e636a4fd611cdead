"""The parts of the chaos of schedules: what is due, what became of it, hostile entries, criteria."""

import json
import random
import time
from dataclasses import replace

import pytest
import redis

from benchmarks.chaos.beats import hostile
from benchmarks.chaos.beats.account import KEYS, account, gaps, ticks_of
from benchmarks.chaos.beats.criteria import catches_up, exact, held_with_reasons, never_idle, nobody_exits, punctual
from benchmarks.chaos.beats.entries import WALL, Entry, several
from benchmarks.chaos.beats.report import Row, markdown, merged
from benchmarks.chaos.beats.scenario import Outcome, Story
from benchmarks.chaos.beats.scenarios import STORIES
from benchmarks.chaos.evidence import Line
from benchmarks.chaos.faults import plan
from benchmarks.chaos.fleet import Exit

BEGIN = 1_700_000_000_000  # ms


@pytest.fixture
def client(server_url):
    with redis.Redis.from_url(server_url) as client:
        yield client
        client.flushdb()


def line(name, planned, what="end", run="", late=0.0):
    return Line(run or f"{name}{planned}", f"{name}@{planned}", "tick", 1, 1, what, planned / 1000 - WALL + late)


def rows(client, name, *found):
    for row in found:
        client.zadd(KEYS.fires(name), {json.dumps(row): row[0]})
        client.hincrby(KEYS.counts, row[1], row[6] if len(row) > 5 else 1)


def test_what_is_due_is_counted_from_the_epoch():
    assert Entry("e", 2).due(BEGIN, BEGIN + 5000) == [BEGIN + 2000, BEGIN + 4000]
    assert Entry("e", 2).due(BEGIN + 1, BEGIN + 2000) == [BEGIN + 2000]
    assert Entry("e", 0, once=BEGIN).due(BEGIN - 1, BEGIN) == [BEGIN]
    assert Entry("e", 0, once=BEGIN).due(BEGIN, BEGIN + 1) == []


def test_the_account_tells_what_is_lost_odd_doubled_and_not_done(client):
    at = [BEGIN + 1000 * n for n in range(1, 8)]
    rows(
        client,
        "e0",
        (at[0], "fired", "on time", 0.1, "r0"),
        (at[1], "fired", "on time", 0.1, "r1"),
        (at[2], "missed", "down", None, None, at[3], 2),
        (at[3], "skipped", "twice", None, None),
        (at[6], "fired", "beyond the end", 0.0, "r6"),
    )
    lines = [line("e0", at[0], what) for what in ("start", "end")] + [line("e0", at[5], "start")]
    found = account(client, [Entry("e0", 1)], {"e0": BEGIN}, at[5], lines)
    assert (found.due, len(found.fired), len(found.missed), len(found.skipped)) == (6, 2, 2, 1)
    assert found.lost == [("e0", at[4]), ("e0", at[5])]
    assert found.doubled == [("e0", at[3])]
    assert found.undone == [("e0", at[1])]
    assert found.odd == [("e0", at[5])]
    assert found.counts == ""
    client.hincrby(KEYS.counts, "fired", 1)
    assert (
        account(client, [Entry("e0", 1)], {"e0": BEGIN}, at[5], lines).counts
        == "the ledger counted 4 fired, its rows 3"
    )
    assert ticks_of(client, "e0") == [at[0] + 100, at[1] + 100, at[6]]


def test_a_gap_is_what_exceeds_the_interval_up_to_the_end():
    lines = [line("e0", BEGIN + after, "start") for after in (0, 1000, 4000)]
    assert [round(gap) for gap in gaps({"e0": 1}, lines, BEGIN + 9000)] == [0, 2, 4]


def outcome(client, story, *found, lines=(), down=(), **more):
    entry = story.entries[0]
    rows(client, entry.name, *found)
    counted = account(client, story.entries, {entry.name: BEGIN}, BEGIN + 4000, lines)
    return Outcome(story, "ours", None, counted, lines, [], more.pop("exits", []), 0, down, **more)


@pytest.mark.parametrize(
    ("policy", "fired", "verdict"), [("all", 4, ""), ("all", 3, "e0: 3 of 4"), ("skip", 4, "e0: 4")]
)
def test_criteria_tell_what_is_wrong(client, policy, fired, verdict):
    story = Story("C24", "", several(1, (1,), catch_up=policy), 4, ())
    at = [BEGIN + 1000 * n for n in range(1, 5)]
    both = [line("e0", planned, what, late=0.5) for planned in at[:fired] for what in ("start", "end")]
    kept = [(planned, "fired", "late", 0.0, f"r{planned}") for planned in at[:fired]]
    found = outcome(client, story, *kept, lines=both, down=[(BEGIN, BEGIN + 4000)], exits=[Exit("beat.1", 73, 0.0)])
    assert catches_up(found).startswith(verdict)
    assert bool(catches_up(found)) == bool(verdict)
    assert bool(exact(found)) == (fired < 4)
    assert nobody_exits(found) == "exits: beat.1 with 73, 1 times"
    assert never_idle(5)(found) == ""
    assert never_idle(-2)(found)
    assert (punctual(1)(found), bool(punctual(0.4)(found))) == ("", True)


def test_hostile_entries_are_of_all_kinds_and_are_told_when_they_are_not_held(client):
    sealed = b'2 abcd0123 mac\n{"name":"e0","task":"tick"}\n{"cursor":1}'
    client.hset("redbeat:victim0", mapping={"carillon": sealed})
    names = hostile.write(client, 200, 1, sealed, ["victim0"])
    assert len(names) == len(set(names)) == 190
    assert client.zcard(hostile.TIMETABLE) >= 200
    assert len({client.type(hostile.PREFIX + name) for name in names}) == 6
    found = outcome(client, Story("C26", "", several(1, (1,)), 4, ()), wild=names, held=dict.fromkeys(names[1:], "why"))
    assert held_with_reasons(found) == f"1 of 190 are not held (e.g. {names[0]})"
    found = replace(found, held=dict.fromkeys(names, "why"), lines=[line("forbidden", 0, "start")])
    assert held_with_reasons(found) == "1 hostile targets ran (e.g. forbidden@0)"


def test_a_kind_of_hostile_entry_is_the_same_for_the_same_seed():
    for kind in hostile.KINDS:
        first, again = (kind(random.Random(3), 1, b"2 k m\n{}\n{}") for _ in range(2))
        assert first == again, kind.__name__


@pytest.mark.parametrize("scale", [0.01, 0.3, 1])
def test_every_scenario_counts_each_planned_time(scale):
    for name, made in STORIES.items():
        story = made(scale)
        assert story.name == name
        assert exact in story.criteria
        assert nobody_exits in story.criteria
        steps = plan(story.faults, story.seconds - 4, 1)
        assert max((step.at for step in steps), default=0.0) < story.seconds


def test_the_table_says_what_failed():
    row = Row(
        scenario="C22", title="kills", adapter="ours", entries=200, seconds=300, due=10, fired=9, skipped=0, missed=0,
        lost=1, doubled=0, undone=0, late=(0.1, 0.2, 0.3), standstill=4.0, kills=3, exits=0, complaints=["1 lost"],
    )  # fmt: skip
    newer = replace(row, lost=0, complaints=[])
    assert merged([row, replace(row, adapter="redbeat")], [newer]) == [newer, replace(row, adapter="redbeat")]
    facts = {"date": "", "cores": 2, "system": "", "python": "", "seed": 1, "load": [0.0]}
    text = markdown(facts, [row])
    assert "| C22 | ours | 10 | 9 | 0 | 0 | 1 | 0 | 0 | 0.10 / 0.20 / 0.30 | 4.0 | 3 | 0 | FAIL: 1 lost |" in text


def test_the_walls_clock_is_the_evidences():
    assert abs(time.monotonic() + WALL - time.time()) < 0.05
