"""Reading ahead: what is due soon is known, and made where it is much; what has changed since is fired as it is now."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from celery import signals

from core import moments
from core.clock import to_ms
from core.entries import load_one
from core.foresight import AHEAD, Foresight
from core.house import house
from core.ledger.fires import fires
from core.ledger.firing import SLICE, Stored
from core.ledger.flow import source
from core.ledger.ready import LATEST
from core.planning import ON_TIME
from core.schedule import Pause, Schedule
from core.scheduling import change, put
from core.testing import drain, runs

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DUE = NOON + timedelta(seconds=5)
NAMES = [f"s{n:02}" for n in range(SLICE)]


@pytest.fixture
def here(make_app):
    found = house(make_app('from core import task\n\n@task(name="t")\ndef t() -> None: ...'))
    found.clockwork.tick(NOON - timedelta(seconds=1))
    return found


def add(here, *names, seconds=5.0, **changes):
    for name in names:
        at = {"at": f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}", "timezone": "UTC"}
        plain = {
            "name": name,
            "task": "t",
            "data": {},
            "trigger": at,
            "created": to_ms(NOON),
            "cursor": to_ms(NOON) - 1,
        }
        made = Schedule(**plain | changes)
        assert here.ledger.run(put(here.layout, made, Stored(here.layout.key(name), b"", b"", b"")))


def known(here):
    return sorted(one.name for one in here.layout._known.values())


def foreseen(here, now=NOON, idle=5.0):
    """Read ahead; returns the names of the schedules whose fires are made."""
    here.clockwork.foresight.look(now, idle, here.clockwork._held)
    return sorted(move.name for made in here.clockwork.foresight._made for move in made.moves)


def rows(here, name):
    return [(row.state, row.cause, row.late) for row in here.ledger.run(fires(here.keys, name, 9))]


@pytest.fixture
def advanced(here, monkeypatch):
    """The names of what is fired without having been made."""
    found, advance = [], type(here.clockwork).advance

    def hear(self, entries, now, gap=None):
        found.extend(here.layout.name(one.key) for one in entries)
        advance(self, entries, now, gap)

    monkeypatch.setattr(type(here.clockwork), "advance", hear)
    return found


def test_what_is_due_soon_is_read_once(here, monkeypatch):
    for name, seconds in (("soon", AHEAD - 1), ("later", AHEAD + 1), ("far", 60)):
        add(here, name, seconds=seconds)
    foresight, asked = here.clockwork.foresight, []
    foresight.look(NOON, 1.0)
    assert known(here) == ["soon"]

    def nothing(keys):
        asked.extend(here.layout.name(key) for key in keys)
        yield from ()
        return []

    monkeypatch.setattr("core.foresight.load_keys", nothing)
    foresight.look(NOON + timedelta(seconds=1), 1.0)
    assert asked == ["later"]


def test_a_beat_that_has_something_to_do_does_not_read_ahead(here):
    add(here, "soon", seconds=1)
    here.clockwork.foresight.look(NOON, 0.1)
    assert known(here) == []


def test_a_tick_reads_ahead_and_its_wait_is_shorter_by_that(here):
    add(here, "soon", seconds=2)
    assert 0 < here.clockwork.tick(NOON) <= 1.0
    assert known(here) == ["soon"]


def test_what_many_fire_at_one_time_is_made_before_it_and_sent_then(here, advanced):
    add(here, *NAMES)
    assert foreseen(here) == NAMES
    here.clockwork.tick(DUE - timedelta(seconds=1))
    assert runs(here.app) == []
    here.clockwork.tick(DUE + timedelta(milliseconds=12))
    assert advanced == []
    assert {name: rows(here, name) for name in NAMES} == {one: [("fired", "on time", 0.012)] for one in NAMES}
    assert {run["state"] for run in drain(here.app)} == {"succeeded"}
    assert here.ledger.client.zcard(here.layout.timetable) == 0
    assert foreseen(here, DUE) == []


def test_few_are_not_made(here):
    add(here, *NAMES[1:])
    assert foreseen(here) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "e", "task": ""},
        {"jitter": 2.0},
        {"pause_after": 2},
        {"grace": ON_TIME - 1},
        {"pause": Pause(since=to_ms(NOON))},
        {"skips": (to_ms(DUE),)},
        {"trigger": {"every": 5.0, "timezone": "UTC"}, "cursor": to_ms(NOON) - 1},
        {"trigger": {"every": 300.0, "starts_at": "2026-11-22T11:00:05Z"}, "cursor": to_ms(NOON) - 3_000_000},
    ],
    ids=str,
)
def test_what_needs_a_look_at_its_moment_is_not_made(here, changes):
    add(here, *NAMES[1:])
    add(here, NAMES[0], **changes)
    here.ledger.client.zadd(here.layout.timetable, {here.layout.key(NAMES[0]): DUE.timestamp()})
    assert foreseen(here) == NAMES[1:]


def test_what_no_longer_can_be_planned_keeps_no_other_from_being_made(here):
    add(here, *NAMES)
    broken = replace(here.ledger.run(load_one(here.layout, "s03")), trigger={"cron": "nonsense"})
    here.ledger.client.hset(here.layout.key("s03"), "carillon", here.layout.ours(broken))
    assert foreseen(here) == [name for name in NAMES if name != "s03"]


def test_where_all_need_a_look_nothing_is_made(here):
    add(here, *NAMES, event="e", task="")
    assert foreseen(here) == []
    assert here.clockwork.foresight._made == []


def test_what_is_held_is_not_made(here):
    add(here, *NAMES, "s99")
    here.clockwork._held.add(NAMES[3])
    here.clockwork.tick(NOON)
    made = here.clockwork.foresight._made
    assert NAMES[3] not in [move.name for one in made for move in one.moves]
    assert made


def test_what_was_made_is_handed_out_once_and_kept_no_longer_than_its_moment(here):
    add(here, *NAMES)
    foresight = here.clockwork.foresight
    assert foreseen(here) == NAMES
    assert (len(foresight.due(DUE)), foresight.due(DUE)) == (1, [])
    add(here, *(f"t{n:02}" for n in range(SLICE)), seconds=6)
    assert len(foreseen(here)) == SLICE
    assert foreseen(here, DUE + timedelta(seconds=2)) == []
    assert foresight._seen == {}


def test_the_server_knows_the_script_before_the_moment(here):
    add(here, *NAMES)
    here.ledger.client.script_flush()
    assert foreseen(here) == NAMES
    assert here.ledger.client.script_exists(source("fire")[1]) == [True]


def test_who_listens_to_messages_is_told_when_they_go_out(here):
    add(here, *NAMES)

    def hear(**_):
        """Do nothing."""

    signals.before_task_publish.connect(hear)
    try:
        assert foreseen(here) == []
    finally:
        signals.before_task_publish.disconnect(hear)


def test_an_edit_in_between_counts(here, advanced):
    add(here, *NAMES)
    assert foreseen(here) == NAMES
    here.ledger.run(change(here.layout, "s03", lambda one: replace(one, pause=Pause(since=to_ms(NOON))), NOON))
    here.ledger.run(change(here.layout, "s05", lambda one: replace(one, grace=30.0), NOON))
    here.ledger.client.delete(here.layout.key("s07"))
    here.clockwork.tick(DUE)
    assert advanced == ["s05"]
    fired = Counter(run["fire"]["schedule"] for run in runs(here.app))
    assert fired == Counter(set(NAMES) - {"s03", "s07"})
    assert here.ledger.run(load_one(here.layout, "s05")).grace == 30.0


def test_two_beats_that_made_the_same_fire_once_and_one_tells(here):
    add(here, *NAMES)
    assert foreseen(here) == NAMES
    told = []

    def hear(_, **said):
        told.append(said["schedule"])

    moments.fired.connect(hear, here.app)
    other = Foresight(here.layout, here.ledger, here.mover)
    other.look(NOON, 5.0)
    for foresight in (here.clockwork.foresight, other):
        here.clockwork._fire_ready(foresight.due(DUE), DUE)
    assert len(runs(here.app)) == SLICE
    assert {len(rows(here, name)) for name in NAMES} == {1}
    assert told == NAMES


def test_what_was_made_is_forgotten_when_it_would_not_be_punctual(here, advanced):
    assert ON_TIME < LATEST
    add(here, *NAMES)
    here.clockwork.tick(NOON)
    assert foreseen(here) == NAMES
    here.clockwork.tick(DUE + timedelta(seconds=ON_TIME))
    assert sorted(advanced) == NAMES
    assert rows(here, "s00") == [("fired", "late", ON_TIME)]
    assert foreseen(here, DUE + timedelta(seconds=ON_TIME)) == []


def test_after_a_time_without_a_scheduler_policies_decide(here, advanced):
    add(here, *NAMES, catch_up="skip")
    here.clockwork.tick(NOON - timedelta(seconds=8))
    assert foreseen(here) == NAMES
    here.clockwork.tick(DUE)
    assert {rows(here, name)[0][0] for name in NAMES} == {"missed"}
    assert runs(here.app) == []


def test_a_last_run_that_goes_on_is_seen_at_the_moment(here):
    every = {"every": 5.0, "timezone": "UTC"}
    add(here, *NAMES, trigger=every, overlap="skip", cursor=to_ms(NOON))
    here.clockwork.tick(DUE)
    assert foreseen(here, DUE + timedelta(seconds=1)) == NAMES
    here.clockwork.tick(DUE + timedelta(seconds=5))
    assert {tuple(state for state, _, _ in rows(here, name)) for name in NAMES} == {("skipped", "fired")}


def test_a_server_that_forgot_its_scripts_is_told_again(here, advanced):
    add(here, *NAMES)
    assert foreseen(here) == NAMES
    here.ledger.client.script_flush()
    here.clockwork.tick(DUE)
    assert (advanced, len(runs(here.app))) == ([], SLICE)


def test_what_cannot_be_recorded_keeps_only_its_slice_from_being_made(here, advanced):
    add(here, *NAMES, *(f"t{n:02}" for n in range(SLICE - 1)))
    add(here, "t99" + "x" * 5000)
    assert foreseen(here) == NAMES
    here.clockwork.tick(DUE)
    assert len(runs(here.app)) == 2 * SLICE - 1


@pytest.mark.parametrize(("verdict", "hints"), [(b"OK", 2), (b"SKIPPED", 1), (b"STALE", 0)])
def test_only_hints_of_what_was_accepted_are_published(here, verdict, hints):
    published = []
    object.__setattr__(here.mover, "outgoing", None)
    object.__setattr__(here.clockwork, "publish", published.extend)
    add(here, *NAMES)
    assert foreseen(here) == NAMES
    move = here.clockwork.foresight._made[0].moves[0]
    here.clockwork._publish([move._replace(told=move.accepted)], [(verdict, b"")])
    assert len(published) == hints


def test_where_hints_go_to_another_broker_each_is_published_once(here, monkeypatch):
    published = []
    monkeypatch.setattr("core.clockwork.TOGETHER", 1)
    object.__setattr__(here.mover, "outgoing", None)
    object.__setattr__(here.clockwork, "publish", published.extend)
    add(here, *NAMES, *(f"t{n:02}" for n in range(SLICE)))
    assert len(foreseen(here)) == 2 * SLICE
    other = Foresight(here.layout, here.ledger, here.mover)
    other.look(NOON, 5.0)
    for foresight in (here.clockwork.foresight, other):
        here.clockwork._fire_ready(foresight.due(DUE), DUE)
    assert len(published) == 2 * SLICE
    assert {hint.run for hint in published} == {run["id"] for run in runs(here.app)}


def test_what_there_was_no_time_for_is_made_at_the_next_look(here, monkeypatch):
    add(here, *NAMES, *(f"t{n:02}" for n in range(SLICE)))
    times = iter([0.0, 0.0, 0.0, 9.0])
    with monkeypatch.context() as patched:
        patched.setattr("core.foresight.monotonic", lambda: next(times))
        assert foreseen(here) == NAMES
    assert len(foreseen(here, NOON + timedelta(seconds=1))) == 2 * SLICE
