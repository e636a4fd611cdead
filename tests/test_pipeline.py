"""The run pipeline: claim, call, finish, for every way in which a handler ends."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from piping import Pipe
from waiting import wait_until

from core import CoreError, calling, run
from core.catalog import BACKOFF


@pytest.fixture
def piped(make_app):
    pipes = []

    def make(source, **changes):
        pipes.append(Pipe(make_app(source, **changes)))
        return pipes[-1]

    yield make
    for pipe in pipes:
        pipe.hold()


ASKED = """
import asyncio, threading
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from pydantic import BaseModel
from core import Discard, Event, Retry, emit, on, run, task

class Asked(Event, type="asked"):
    value: Any = None

"""


@pytest.mark.parametrize(
    ("returned", "result", "said"),
    [
        ("None", None, ""),
        ("{'n': 1, 'when': datetime(2026, 1, 2)}", {"n": 1, "when": "2026-01-02T00:00:00"}, ""),
        ("[1.5, float('nan'), {3}]", [1.5, None, [3]], ""),
        ("False", False, ""),
        ("object()", None, "is not JSON"),
        ("b'\\xff'", None, "is not JSON"),
        ("10 ** 5000", None, "is not JSON"),
        ("'\\ud800'", None, "is not JSON"),
        ("'x' * 20_000", None, "20002 bytes"),
        ("{'x': 'y' * 50_000_000}", None, "the limit is 16384"),
    ],
)
@pytest.mark.parametrize("word", ["", "async "])
def test_what_a_handler_returns_is_kept_if_it_can_be(piped, word, returned, result, said):
    pipe = piped(ASKED + f"@on(Asked)\n{word}def answer(event):\n    return {returned}")
    view = pipe.tried()
    assert (view["state"], view["result"], view["error"], view["attempt"]) == ("succeeded", result, None, 1)
    assert said in "\n".join(view["log"])
    assert bool(view["log"]) == bool(said)


FAILS = (
    ASKED
    + """
@on(Asked, retries=2, backoff=(10, 100))
def fail(event):
    hush = event.value
    raise ValueError(f"connect to redis://:{hush}@host with password={hush}")
"""
)


def test_a_failure_is_retried_with_backoff_and_then_dead(piped):
    pipe = piped(FAILS)
    [ident] = pipe.emit(value="hunter2")
    for attempt, backoff in ((1, 10), (2, 100)):
        view = pipe.follow(ident)
        assert (view["state"], view["attempt"]) == ("retrying", attempt)
        wait = pipe.ledger.client.zscore(pipe.keys.due, ident) / 1000 - datetime.now(UTC).timestamp()
        assert backoff * 0.8 - 1 < wait <= backoff * 1.2
        assert pipe.runner.execute(ident) == "retrying"
        pipe.ripen(ident)
    view = pipe.follow(ident)
    assert (view["state"], view["attempt"], len(view["attempts"])) == ("dead", 3, 3)
    assert (view["error"]["type"], view["error"]["reason"]) == ("ValueError", "retries spent")
    assert "hunter2" not in str(view)
    assert "raise ValueError" in view["error"]["traceback"]


def test_jitter_spreads_the_retries(piped):
    pipe = piped(ASKED + "@on(Asked, backoff=100)\ndef fail(event):\n    raise ValueError")
    waits = []
    for _ in range(30):
        view = pipe.tried()
        waits.append((datetime.fromisoformat(view["due"]) - datetime.fromisoformat(view["finished"])).total_seconds())
    assert all(79 < wait < 121 for wait in waits)
    assert max(waits) - min(waits) > 10


@pytest.mark.parametrize(
    ("after", "low", "high"),
    [
        ("30", 30, 30),
        ("0", 0, 0),
        ("-5", 0, 0),
        ("timedelta(minutes=2)", 120, 120),
        ("1e12", 366 * 86400, 366 * 86400),
        ("float('inf')", 366 * 86400, 366 * 86400),
        ("float('nan')", BACKOFF[0] * 0.8, BACKOFF[0] * 1.2),
        ("'soon'", BACKOFF[0] * 0.8, BACKOFF[0] * 1.2),
        ("None", BACKOFF[0] * 0.8, BACKOFF[0] * 1.2),
    ],
)
def test_a_handler_may_say_when_to_retry(piped, after, low, high):
    pipe = piped(ASKED + f"@on(Asked)\ndef later(event):\n    raise Retry('busy', after={after})")
    view = pipe.tried()
    wait = (datetime.fromisoformat(view["due"]) - datetime.fromisoformat(view["finished"])).total_seconds()
    assert view["state"] == "retrying"
    assert low - 0.01 <= wait <= high + 0.01


def test_a_retry_that_is_asked_for_uses_up_retries(piped):
    pipe = piped(ASKED + "@on(Asked, retries=1)\nasync def later(event):\n    raise Retry('busy', after=0)")
    [ident] = pipe.emit()
    assert pipe.follow(ident)["state"] == "retrying"
    pipe.ripen(ident)
    assert pipe.follow(ident)["state"] == "dead"


@pytest.mark.parametrize("word", ["", "async "])
def test_discard_ends_the_run(piped, word):
    pipe = piped(ASKED + f"@on(Asked)\n{word}def drop(event):\n    raise Discard('nobody wants it')")
    view = pipe.tried()
    assert (view["state"], view["error"]["message"]) == ("discarded", "nobody wants it")


SLOW = (
    ASKED
    + """
begun, ended, may_end, cancelled = threading.Event(), threading.Event(), threading.Event(), threading.Event()

@on(Asked, timeout=0.05, retries=1)
{handler}
"""
)
SLOW_SYNC = """
def slow(event):
    begun.set()
    may_end.wait(10)
    run.progress(9, 9)
    ended.set()
    return "late"
"""
SLOW_ASYNC = """
async def slow(event):
    begun.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled.set()
        raise
"""
STUBBORN = """
async def slow(event):
    while not may_end.is_set():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            pass
    ended.set()
    return "late"
"""


def test_a_coroutine_is_cancelled_at_its_timeout(piped):
    pipe = piped(SLOW.format(handler=SLOW_ASYNC))
    view = pipe.tried()
    assert (view["state"], view["error"]["type"]) == ("retrying", "core.calling.HandlerTimeout")
    assert "0.05 s" in view["error"]["message"]
    assert pipe.subject["cancelled"].is_set()


@pytest.mark.parametrize("handler", [SLOW_SYNC, STUBBORN])
def test_what_cannot_be_stopped_is_left_behind_and_its_late_end_changes_nothing(piped, handler, monkeypatch):
    monkeypatch.setattr(calling, "LAST_CHANCE", 0.1)
    pipe = piped(SLOW.format(handler=handler))
    [ident] = pipe.emit()
    assert pipe.follow(ident)["error"]["type"] == "core.calling.HandlerTimeout"
    pipe.ripen(ident)
    assert pipe.follow(ident)["state"] == "dead"
    pipe.subject["may_end"].set()
    wait_until(pipe.subject["ended"].is_set)
    view = pipe.view(ident)
    assert (view["state"], view["result"]) == ("dead", None)
    assert pipe.runner.going == {}


@pytest.mark.parametrize("timeout", ["None", "5"])
@pytest.mark.parametrize("word", ["", "async "])
def test_a_timeout_error_of_the_handlers_own_is_a_plain_failure(piped, word, timeout):
    pipe = piped(ASKED + f"@on(Asked, timeout={timeout})\n{word}def fail(event):\n    raise TimeoutError('mine')")
    assert pipe.tried()["error"]["message"] == "mine"


def test_typed_and_pattern_handlers_get_the_same_event_their_own_way(piped):
    pipe = piped("""
        from datetime import datetime
        from core import Event, on, run

        class Placed(Event, type="order.placed"):
            when: datetime

        @on(Placed)
        def typed(event: Placed):
            assert type(event) is Placed
            return [event.when.year, run.cause.type, run.cause.subject]

        @on("order.*")
        async def wild(event: Event):
            assert not isinstance(event, Placed)
            return [event.type, event.data]

        @on(Placed, "order.*")
        def both(event):
            return type(event).__name__
    """)
    found = {v["task"].rpartition(".")[2]: v["result"] for v in map(pipe.follow, pipe.emit("order.placed", when=0))}
    when = "1970-01-01T00:00:00Z"
    assert found == {
        "typed": [1970, "order.placed", None],
        "wild": ["order.placed", {"when": when}],
        "both": "Placed",
    }
    [wild, both] = map(pipe.follow, pipe.emit("order.packed", n=1))
    assert (wild["result"], both["result"]) == (["order.packed", {"n": 1}], "AnyEvent")


def test_arguments_of_a_task_come_as_they_went(piped):
    pipe = piped(
        ASKED
        + """
class Place(BaseModel):
    at: datetime
    price: Decimal

got = {}

@task()
def keep(when: datetime, price: Decimal, place: Place, tags: set[str], *, note: str = "none", raw=None):
    got.update(locals())

@task()
async def keep_async(wait: timedelta, name: bytes = b""):
    got.update(locals())
"""
    )
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    place = pipe.subject["Place"](at=moment, price=Decimal("0.10"))
    given = {"when": moment, "price": Decimal("1.10"), "place": place, "tags": {"a", "b"}, "raw": {"k": [1, None]}}
    assert pipe.follow(pipe.enqueue("keep", **given))["state"] == "succeeded"
    assert pipe.subject["got"] == given | {"note": "none"}
    assert pipe.follow(pipe.enqueue("keep_async", wait="PT90S"))["state"] == "succeeded"
    assert pipe.subject["got"]["wait"].total_seconds() == 90


@pytest.mark.parametrize("word", ["", "async "])
def test_a_handler_speaks_of_its_run(piped, word):
    pipe = piped(
        ASKED
        + f"""
@on(Asked, timeout=5)
{word}def speak(event):
    run.progress(1234567, 2000000)
    run.progress(float("nan"), 1)
    for n in range(120):
        run.log(f"line {{n}} " + "x" * 2000)
    run.log("token=hunter2 \\ud800")
    return [run.id, run.attempt, run.cause.data["value"], repr(run)]
"""
    )
    [ident] = pipe.emit(value="v")
    view = pipe.follow(ident)
    assert view["result"] == [ident, 1, "v", f"<run {ident} of {view['task']}, attempt 1>"]
    assert view["progress"] == {"done": 1234567, "total": 2000000}
    assert (len(view["log"]), view["log"][0][:8], view["log"][-1]) == (100, "line 21 ", "token=*** ?")
    assert max(map(len, view["log"])) <= 1000


@pytest.mark.parametrize("use", [lambda: run.id, lambda: run.cause, lambda: run.log("x"), lambda: run.progress(1, 2)])
def test_there_is_no_run_outside_a_run(use):
    with pytest.raises(CoreError, match="inside a handler"):
        use()
    assert repr(run) == "<no run>"
