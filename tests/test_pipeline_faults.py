"""The run pipeline when something is wrong: with the handler, the record, the release or the worker."""

import threading

import pytest
from piping import Pipe
from waiting import wait_until

from core import moments
from core.ledger.keys import cause_of

ASKED = """
import asyncio, functools, sys, threading
from typing import Any
from core import Event, emit, on, run, task

class Asked(Event, type="asked"):
    value: Any = None

class Stop(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")

calls, begun, may_end = [], threading.Event(), threading.Event()

"""


@pytest.fixture
def piped(make_app):
    pipes = []

    def make(source, field="value: Any = None", **changes):
        pipes.append(Pipe(make_app(ASKED.replace("value: Any = None", field) + source, **changes)))
        return pipes[-1]

    yield make
    for pipe in pipes:
        pipe.hold()
        assert pipe.runner.going == {}


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("sys.exit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise Stop('now')", "subject.Stop"),
        ("raise asyncio.CancelledError", "CancelledError"),
        ("raise StopIteration", ""),
        ("raise Mute", "subject.Mute"),
        ("raise ValueError('\\ud800' + 'é' * 10**6)", "ValueError"),
        ("raise ValueError('a-' * 500_000)", "ValueError"),
        ("raise ExceptionGroup('many', [ValueError('x' * 100)] * 500)", "ExceptionGroup"),
        ("return (lambda f: f(f))(lambda f: f(f))", "RecursionError"),
        ("emit(Asked(), delay=-1)", ""),
    ],
)
@pytest.mark.parametrize("word", ["", "async "])
@pytest.mark.parametrize("timeout", ["None", "5"])
def test_whatever_a_handler_raises_ends_its_attempt_and_no_more(piped, word, timeout, statement, shown):
    pipe = piped(f"""
@on(Asked, timeout={timeout})
{word}def fail(event):
    {statement}

@task()
{word}def fine():
    return "fine"
""")
    view = pipe.tried()
    assert view["state"] == "retrying"
    assert view["error"]["type"].endswith(shown)
    client = pipe.ledger.client
    assert max(len(entry) for entry in client.lrange(pipe.keys.attempts(view["id"]), 0, -1)) < 4096 + 100
    assert pipe.follow(pipe.enqueue("fine"))["result"] == "fine"


@pytest.mark.parametrize("timeout", ["None", "5"])
def test_a_decorator_may_hide_that_a_handler_is_async(piped, timeout):
    pipe = piped(f"""
def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@on(Asked, timeout={timeout})
@traced
async def answer(event):
    await asyncio.sleep(0)
    return run.id
""")
    view = pipe.tried()
    assert view["result"] == view["id"]


@pytest.mark.parametrize("word", ["", "async "])
def test_a_generator_is_no_success(piped, word):
    pipe = piped(f"""
def steps(event):
    {word}def inner():
        yield 1
    return inner()

on(Asked)(steps)
""")
    view = pipe.tried()
    assert (view["state"], view["error"]["type"]) == ("retrying", "TypeError")


def test_a_listener_that_raises_holds_nothing_up(piped):
    pipe = piped("@on(Asked)\ndef answer(event):\n    return 1")

    def bad(_, **said):
        raise RuntimeError("listener")

    heard = [moments.started, moments.succeeded, moments.refused, moments.trouble, moments.listener_failed]
    for moment in heard:
        moment.connect(bad, sender=pipe.app)
    view = pipe.tried()
    assert view["state"] == "succeeded"
    assert pipe.runner.execute(view["id"]) == "succeeded"
    for moment in heard:
        moment.disconnect(bad, sender=pipe.app)


def test_an_error_of_a_teardown_does_not_undo_done_work(piped):
    pipe = piped("@on(Asked)\ndef answer(event):\n    return 1")

    @pipe.app.teardown_appcontext
    def bad(_):
        if pipe.runner.going:
            raise RuntimeError("teardown")

    assert pipe.tried()["result"] == 1


def put(pipe, run, change):
    """Change the bytes of a run's record."""
    key = pipe.keys.record(cause_of(run))
    record = pipe.ledger.client.get(key)
    changed = change(record)
    assert changed != record
    pipe.ledger.client.set(key, changed)


TAMPERED = {
    "data": lambda record: record.replace(b'"v1"', b'"v2"'),
    "header": lambda record: record.replace(b'"source":"/api"', b'"source":"/ap1"'),
    "mac": lambda record: record[:12] + bytes([record[12] ^ 1]) + record[13:],
    "cut": lambda record: record[:-1],
    "longer": lambda record: record + b" ",
    "no mac": lambda record: b"1\n" + record.partition(b"\n")[2],
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_record_is_never_run(piped, change):
    pipe = piped("@on(Asked)\ndef answer(event):\n    calls.append(event)")
    [ident] = pipe.emit(value="v1")
    put(pipe, ident, change)
    view = pipe.follow(ident)
    assert (view["state"], view["error"]["reason"]) == ("dead", "tampered")
    assert pipe.subject["calls"] == []


def test_a_record_of_an_unknown_key_is_held_until_the_key_is_known(piped):
    source = "@on(Asked, name='answer')\ndef answer(event):\n    return event.value"
    old = piped(source, keys=("old",))
    without = piped(source, keys=("new",), prefix=old.keys.prefix)
    after = piped(source, keys=("new", "old"), prefix=old.keys.prefix)
    [ident] = old.emit(value="v1")
    for _ in range(3):
        assert without.runner.execute(ident) == "held"
        view = without.view(ident)
        assert (view["state"], view["attempt"], view["attempts"]) == ("retrying", 0, [])
        assert 55 < without.ledger.client.zscore(without.keys.due, ident) / 1000 - now(without) <= 61
        without.ripen(ident)
    view = after.follow(ident)
    assert (view["state"], view["attempt"], view["result"]) == ("succeeded", 1, "v1")


def now(pipe):
    return pipe.ledger.client.time()[0]


def test_a_run_of_an_unknown_task_waits_uncounted_for_an_hour(piped):
    newer = piped("@on(Asked, name='new')\ndef answer(event):\n    return 1")
    older = piped("@on(Asked, name='old')\ndef answer(event):\n    return 1", prefix=newer.keys.prefix)
    [first, second] = newer.emit() + newer.emit()
    client, place = newer.ledger.client, (now(newer) - 7200) * 1000
    for ident in (first, second):
        client.hset(newer.keys.run(ident), "due", place)
        for _ in range(3):
            assert older.runner.execute(ident) == "held"
            older.ripen(ident)
        assert older.view(ident)["attempt"] == 0
    assert newer.follow(first)["state"] == "succeeded"
    client.hset(newer.keys.run(second), "held", (now(newer) - 3601) * 1000)
    view = older.follow(second)
    assert (view["state"], view["error"]["reason"]) == ("dead", "unknown_handler")


def test_a_run_finds_its_task_by_an_alias(piped):
    older = piped("@on(Asked, name='old')\ndef answer(event):\n    return 1")
    newer = piped("@on(Asked, name='new', aliases=['old'])\ndef answer(event):\n    return 2", prefix=older.keys.prefix)
    assert newer.follow(older.emit()[0])["result"] == 2


def test_what_does_not_fit_the_type_any_more_is_dead(piped):
    older = piped("@on(Asked, name='a')\ndef a(event): ...\n@task(name='t')\ndef t(n): ...")
    newer = piped(
        "@on(Asked, name='a')\ndef a(event): calls.append(event)\n@task(name='t')\ndef t(n: int): calls.append(n)",
        prefix=older.keys.prefix,
        field="value: int",
    )
    for ident in (*older.emit(value="one"), *older.emit(), older.enqueue("t", n="one")):
        view = newer.follow(ident)
        assert (view["state"], view["error"]["reason"], view["attempt"]) == ("dead", "schema_mismatch", 1)
    [ident] = older.emit(value=3)
    assert newer.follow(ident)["state"] == "succeeded"
    assert newer.follow(older.enqueue("t", n=3))["state"] == "succeeded"
    assert (newer.subject["calls"][0].value, newer.subject["calls"][1]) == (3, 3)


def test_what_still_runs_is_given_back_uncounted_and_its_late_end_counts(piped):
    pipe = piped("""
@on(Asked)
def slow(event):
    begun.set()
    may_end.wait(10)
    return "late"
""")
    [ident] = pipe.emit()
    [waiting] = pipe.emit()
    thread = threading.Thread(target=pipe.runner.execute, args=(ident,))
    thread.start()
    wait_until(pipe.subject["begun"].is_set)
    assert pipe.runner.release_all() == 1
    assert (pipe.view(ident)["state"], pipe.view(ident)["attempt"]) == ("pending", 0)
    assert pipe.runner.execute(waiting) == "released"
    assert (pipe.view(waiting)["state"], pipe.view(waiting)["attempt"]) == ("pending", 0)
    pipe.subject["may_end"].set()
    thread.join()
    view = pipe.view(ident)
    assert (view["state"], view["attempt"], view["result"]) == ("succeeded", 1, "late")
