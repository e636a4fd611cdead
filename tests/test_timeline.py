"""The timeline of a run: what it did and waited for, and how that is drawn."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from core.dashboard.timeline import LATE, bars, ending, sentence, spans

NOW = datetime(2026, 11, 24, 14, 41, 20, tzinfo=UTC)
RAISED = {"type": "ConnectionResetError", "message": "no", "traceback": ""}


def at(seconds):
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def attempt(number, begin, end, outcome="retrying", error=RAISED):
    finished = None if end is None else at(end)
    return {"number": number, "started": at(begin), "finished": finished, "worker": f"w{number}"} | {
        "outcome": outcome,
        "error": error,
    }


def run(state, *attempts, created=-400, due=None, finished=None):
    moments = {"due": due and at(due), "finished": finished and at(finished)}
    return {"state": state, "created": at(created), "attempts": list(attempts)} | moments


THREE = run(
    "succeeded",
    attempt(1, -399.9, -388),
    attempt(2, -368, -308, error=RAISED | {"type": "core.calling.HandlerTimeout"}),
    attempt(3, -248, -200, "succeeded", None),
    finished=-200,
)


def told(view):
    return [(span.attempt, span.word, round(span.seconds, 1)) for span in spans(view, NOW)]


def test_attempts_and_what_lay_between_them():
    assert told(THREE) == [
        (1, "raised", 11.9),
        (0, "waiting, backoff", 20.0),
        (2, "timed out", 60.0),
        (0, "waiting, backoff", 60.0),
        (3, "succeeded", 48.0),
    ]


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        (run("pending", created=-5), [(0, "waiting", 5.0)]),
        (run("scheduled", created=-5, due=60), [(0, "waiting for its time", 5.0)]),
        (run("scheduled", created=0, due=60), []),
        (run("running", attempt(1, -395, None, "running", None)), [(0, "waiting", 5.0), (1, "running", 395.0)]),
        (run("retrying", attempt(1, -400, -390), due=60), [(1, "raised", 10.0), (0, "waiting, backoff", 390.0)]),
        (run("cancelled", finished=-300, due=900), [(0, "waiting for its time", 100.0)]),
        (run("dead", attempt(1, -400, -390, "dead"), finished=-390), [(1, "raised", 10.0)]),
        (
            run("pending", attempt(1, -400, -390, "lost", None), attempt(2, -380, -370, "crashed", None)),
            [
                (1, "lost with its worker", 10.0),
                (0, "waiting, its worker was lost", 10.0),
                (2, "its process died", 10.0),
                (0, "waiting, its process had died", 370.0),
            ],
        ),
        (
            run("succeeded", attempt(1, -400, -390, "dead"), attempt(2, -100, -99, "succeeded", None), finished=-99),
            [(1, "raised", 10.0), (0, "ended, until somebody retried it", 290.0), (2, "succeeded", 1.0)],
        ),
        # clocks that disagree, and attempts of which the oldest are gone
        (run("succeeded", attempt(1, -500, -390, "succeeded", None), finished=-390), [(1, "succeeded", 10.0)]),
        (run("succeeded", attempt(9, -300, -310, "succeeded", None), created=-300.5), [(9, "succeeded", 0.0)]),
    ],
)
def test_what_a_run_did(view, wanted):
    assert told(view) == wanted


def test_how_an_attempt_ended_in_a_word_and_a_mark():
    assert ending({"outcome": "lost", "error": None}) == ("lost with its worker", "expired")
    assert ending({"outcome": "dead", "error": RAISED}) == ("raised", "dead")
    assert ending({"outcome": "discarded", "error": RAISED}) == ("discarded", "discarded")


def test_bars_stand_on_one_axis_and_have_words_where_there_is_room():
    drawn = bars(spans(THREE, NOW))
    assert [(bar.number, bar.label) for bar in drawn] == [
        ("1", ""),
        ("", ""),
        ("2", "timed out"),
        ("", "1 min"),
        ("3", "succeeded"),
    ]
    assert [bar.css for bar in drawn if bar.span.attempt] == ["b-hole", "b-hole", "b-ok"]
    assert drawn[0].x == 0
    assert drawn[-1].end == pytest.approx(100)
    assert all(bar.x >= before.x for before, bar in itertools.pairwise(drawn))


def test_very_many_attempts_stay_within_the_axis_and_do_not_write_over_each_other():
    tries = [attempt(n, -400 + 15 * n, -399.9 + 15 * n) for n in range(25)]
    drawn = bars(spans(run("dead", *tries, finished=-39.9), NOW))
    assert max(bar.end for bar in drawn) <= 100
    numbered = [bar for bar in drawn if bar.number]
    assert all(b.x - a.x >= 4 for a, b in itertools.pairwise(numbered))
    assert any(bar.x > LATE for bar in drawn)


def test_nothing_is_drawn_of_nothing_and_an_instant_is_something():
    assert bars([]) == []
    instant = spans(run("succeeded", attempt(1, -1, -1, "succeeded", None), created=-1, finished=-1), NOW)
    assert bars(instant)[0].width >= 0.4
    assert sentence(instant) == "1 attempt, of 0 ms; the last one: succeeded."


def test_the_chart_is_a_sentence_too():
    assert sentence(spans(THREE, NOW)) == (
        "3 attempts, of 12 s, 1 min, 48 s; 1 min 20 s of waiting; the last one: succeeded."
    )
