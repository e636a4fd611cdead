"""What policies make of planned times: pure, so time is what the test says."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import to_ms
from core.planning import (
    MOST,
    Outage,
    due_times,
    jitter,
    next_fire,
    next_score,
    outage,
    step,
    stepped,
)
from core.schedule import Pause, Schedule

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EACH = {"every": 60.0, "timezone": "UTC"}


def at(minutes, seconds=0.0):
    return NOON + timedelta(minutes=minutes, seconds=seconds)


def ms(minutes, seconds=0.0):
    return to_ms(at(minutes, seconds))


def schedule(**changes):
    plain = {"name": "s", "task": "t", "trigger": EACH, "created": ms(0), "cursor": ms(0)}
    return Schedule(**plain | changes)


def story(one, now, gap=None):
    """Take *one* through all its steps at *now*; returns what became of its planned times, and where it stands."""
    told = []
    for _ in range(10_000):
        taken = step(one, now, gap)
        if taken is None:
            return told, one
        told += [(minute(row.planned), row.state, row.count) for row in taken.rows]
        if taken.fires:
            told.append((minute(taken.fires), "fired", 1))
        before = one.cursor
        one = stepped(one, taken, "run" if taken.fires else None)
        assert one.cursor > before, "it goes in circles"
    raise AssertionError("it does not end")


def minute(planned):
    return round((planned - NOON).total_seconds() / 60, 3)


def counted(told):
    return sum(count for *_, count in told)


def test_nothing_is_due_before_its_time():
    assert step(schedule(), at(0, 59.9)) is None
    assert step(schedule(), at(1)).fires == at(1)


class TestCatchUp:
    gap = Outage(at(0.5), at(10.25))

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [
            ("skip", [(1, "missed", 10)]),
            ("latest", [(1, "skipped", 9), (10, "fired", 1)]),
            ("all", [(n, "fired", 1) for n in range(1, 11)]),
        ],
    )
    def test_ten_minutes_without_a_scheduler(self, policy, expected):
        told, after = story(schedule(catch_up=policy), at(10.25), self.gap)
        assert (told, after.cursor) == (expected, ms(10))

    @pytest.mark.parametrize("policy", ["skip", "latest", "all"])
    def test_a_short_pause_of_the_scheduler_loses_and_coalesces_nothing(self, policy):
        one = schedule(catch_up=policy, trigger={"every": 2.0, "timezone": "UTC"})
        told, _ = story(one, at(0, 9), outage(at(0, 0.5), at(0, 9)))
        assert [state for _, state, _ in told] == ["fired"] * 4

    def test_an_outage_is_more_than_ten_seconds_without_a_tick(self):
        assert outage(None, at(5)) is None
        assert outage(at(0), at(0, 10)) is None
        assert outage(at(0), at(0, 10.1)) == Outage(at(0), at(0, 10.1))
        assert str(self.gap) == "no scheduler was alive from 2026-11-22T12:00:30Z to 2026-11-22T12:10:15Z"

    def test_the_window_ends_what_is_caught_up(self):
        one = schedule(catch_up="all", catch_up_window=180)
        assert story(one, at(10.25), self.gap)[0] == [
            (1, "missed", 7),
            (8, "fired", 1),
            (9, "fired", 1),
            (10, "fired", 1),
        ]
        told, _ = story(schedule(catch_up_window=180), at(10.25), self.gap)
        assert told == [(1, "missed", 7), (8, "skipped", 2), (10, "fired", 1)]
        told, _ = story(schedule(catch_up_window=10), at(10.25), self.gap)
        assert told == [(1, "missed", 10)]

    def test_a_grace_says_how_late_is_late(self):
        daily = {"trigger": {"cron": "5 12 * * *", "timezone": "UTC"}, "catch_up": "skip"}
        gap = Outage(at(0), at(5.5))
        assert story(schedule(**daily), at(5.5), gap)[0] == [(5, "missed", 1)]
        assert story(schedule(**daily, grace=60), at(5.5), gap)[0] == [(5, "fired", 1)]
        assert story(schedule(**daily, grace=20), at(5.5), gap)[0] == [(5, "missed", 1)]

    def test_without_an_outage_a_minute_is_the_limit(self):
        one = schedule(catch_up="skip", trigger={"cron": "5 12 * * *", "timezone": "UTC"})
        assert story(one, at(5, 59))[0] == [(5, "fired", 1)]
        assert story(one, at(6, 1))[0] == [(5, "missed", 1)]

    def test_punctual_times_follow_late_ones(self):
        told, _ = story(schedule(), at(12.25), Outage(at(0.5), at(10.25)))
        assert told == [(1, "skipped", 11), (12, "fired", 1)]

    @pytest.mark.parametrize("policy", ["skip", "latest", "all"])
    def test_a_year_of_seconds_is_passed_over_at_once(self, policy):
        one = schedule(catch_up=policy, trigger={"every": 1.0, "timezone": "UTC"})
        year = NOON + timedelta(days=365)
        told, after = story(one, year, Outage(NOON, year))
        assert counted(told) == 365 * 86_400
        assert after.cursor == to_ms(year)
        assert len(told) == {"skip": 1, "latest": 3, "all": 3602}[policy]

    def test_the_cause_tells_of_the_outage(self):
        taken = step(schedule(), at(10.25), self.gap)
        assert taken.cause == f"late: {self.gap}"
        assert taken.overdue == at(1)
        assert step(schedule(), at(1, 7)).cause == "late"
        assert step(schedule(jitter=60.0), at(2)).cause == "on time"

    def test_what_is_late_within_its_grace_is_not_overdue(self):
        assert step(schedule(), at(1, 59)).overdue is None
        assert step(schedule(grace=5), at(1, 6)).overdue == at(1)


class TestPause:
    def test_what_was_due_before_still_fires(self):
        one = schedule(pause=Pause(since=ms(1.5)))
        assert story(one, at(30))[0] == [(1, "fired", 1)]
        assert next_score(one) == at(1).timestamp()
        assert next_score(stepped(one, step(one, at(1)), "r")) is None

    def test_after_it_the_times_in_between_are_skipped(self):
        told, after = story(schedule(pause=Pause(since=ms(1.5), until=ms(4), note="tea")), at(5))
        assert told == [(1, "fired", 1), (2, "skipped", 2), (4, "fired", 1), (5, "fired", 1)]
        assert step(schedule(pause=Pause(since=ms(0.5), until=ms(2), note="tea")), at(2)).rows[0].cause == "paused: tea"
        assert after.count == 3

    def test_it_is_looked_at_when_it_ends(self):
        assert next_score(schedule(pause=Pause(since=ms(0), until=ms(3.5)))) == at(3.5).timestamp()
        assert next_score(schedule(pause=Pause(since=ms(0), until=ms(0.5)))) == at(1).timestamp()
        assert next_fire(schedule(pause=Pause(since=ms(0), until=ms(3.5)))) == at(4)
        assert next_fire(schedule(pause=Pause(since=ms(0)))) is None

    def test_a_long_one_is_one_row(self):
        days = 30
        one = schedule(trigger={"every": 1.0, "timezone": "UTC"}, pause=Pause(since=ms(0), until=ms(days * 1440)))
        told, _ = story(one, at(days * 1440))
        assert told == [(round(1 / 60, 3), "skipped", days * 86_400 - 1), (days * 1440, "fired", 1)]

    def test_paused_within_a_pause_nothing_moves(self):
        assert step(schedule(pause=Pause(since=ms(0))), at(MOST * 2)) is None


class TestSkips:
    def test_asked_times_are_left_out(self):
        told, after = story(schedule(skips=(ms(2), ms(3))), at(4))
        assert told == [(1, "fired", 1), (2, "skipped", 2), (4, "fired", 1)]
        assert after.skips == ()

    def test_those_to_come_are_remembered(self):
        _, after = story(schedule(skips=(ms(1), ms(9))), at(2))
        assert after.skips == (ms(9),)
        assert next_fire(schedule(skips=(ms(1),))) == at(2)


class TestBounds:
    def test_it_begins_and_ends(self):
        one = schedule(starts_at=ms(3), ends_at=ms(5))
        assert story(one, at(5.5))[0] == [(3, "skipped", 2), (5, "fired", 1)]
        assert due_times(one, at(20)) == [at(3), at(4), at(5)]
        assert next_fire(one) == at(3)
        assert next_fire(schedule(starts_at=ms(3), ends_at=ms(5), cursor=ms(5))) is None
        assert next_score(schedule(ends_at=ms(0.5))) is None

    def test_it_ends_after_so_many_fires(self):
        told, after = story(schedule(max_runs=2, catch_up="all"), at(9))
        assert told == [(1, "fired", 1), (2, "fired", 1)]
        assert (next_score(after), next_fire(after)) == (None, None)


class TestJitter:
    def test_it_is_the_same_each_time_and_below_its_limit(self):
        one = schedule(jitter=30.0)
        late = [jitter(one, at(n)) for n in range(200)]
        assert late == [jitter(one, at(n)) for n in range(200)]
        assert timedelta(0) <= min(late) < timedelta(seconds=5)
        assert timedelta(seconds=25) < max(late) <= timedelta(seconds=30)
        assert jitter(schedule(jitter=30.0, name="other"), at(1)) != jitter(one, at(1))

    def test_no_time_overtakes_another(self):
        one = schedule(trigger={"every": 1.0, "timezone": "UTC"}, jitter=10.0, catch_up="all")
        fired = []
        for n in range(60):
            told, one = story(one, at(0, n))
            fired += [planned for planned, *_ in told]
        assert fired == sorted(fired)
        assert fired == [round(n / 60, 3) for n in range(1, len(fired) + 1)]
        assert len(fired) >= 48


@pytest.mark.parametrize("policy", ["skip", "latest", "all"])
@pytest.mark.parametrize("seed", range(20))
def test_every_planned_time_is_told_once(policy, seed):
    """Whatever happens: due = fired + skipped + missed."""
    dice = random.Random(seed)
    one = schedule(
        catch_up=policy,
        trigger={"every": float(dice.choice([1, 7, 60])), "timezone": "UTC"},
        jitter=dice.choice([0.0, 5.0]),
        catch_up_window=dice.choice([30.0, 3600.0]),
        grace=dice.choice([None, 3.0]),
    )
    due = {to_ms(planned) for planned in one.timing.between(at(0), at(30), 10_000)}
    now, told, last = at(0), [], at(0)
    while now < at(30):
        if dice.random() < 0.1:
            one = replace(one, pause=Pause(since=to_ms(now)))
        elif one.pause and one.pause.until is None and dice.random() < 0.5:
            one = replace(one, pause=Pause(since=one.pause.since, until=to_ms(now)))
        if dice.random() < 0.1 and (planned := next_fire(one, now)):
            one = replace(one, skips=(*one.skips, to_ms(planned)))
        found, one = story(one, now, outage(last, now))
        told += found
        last, now = now, now + timedelta(seconds=dice.choice([0.5, 1, 2, 30, 200]))
    if one.pause and one.pause.until is None:
        one = replace(one, pause=Pause(since=one.pause.since, until=ms(31)))
    found, one = story(replace(one, ends_at=ms(30)), at(60), outage(last, at(60)))
    assert counted(told + found) == len(due)
