"""One real worker: async work by the thousand beside sync work on threads, and every odd end of both."""

import threading

import pytest
from pool_household import workplace
from pool_subjects import HANDLERS, PLAIN
from waiting import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module", params=["", "1"], ids=["hints", "celery"])
def place(request, tmp_path_factory):
    """Runs are followed at once, or go through Celery's machinery, because something listens to its signals."""
    limits = {"ASYNC_CONCURRENCY": "1010", "TEST_LISTEN": request.param}
    with workplace(tmp_path_factory.mktemp("pool"), "pool", HANDLERS, "-c", "4", plain=PLAIN, **limits) as made:
        assert made.ask("noted", timeout=60)["result"] == 0
        yield made
        assert made.worker.poll() is None


def test_a_thousand_async_runs_sleep_at_once_and_others_run_beside_them(place):
    before = place.count("succeeded")
    place.emit("napped", 1000)
    place.until(1000, "running", timeout=60)
    place.emit("worked", 20)
    place.until(before + 20, "succeeded")
    (place.folder / "shut").touch()
    place.emit("worked", 8)  # four on the threads, four behind them
    place.until(1004, "running")
    assert place.ask("woken")["state"] == "succeeded"
    place.until(before + 1021, "succeeded", timeout=60)
    assert place.count("running") == 4
    (place.folder / "shut").unlink()
    place.until(before + 1029, "succeeded")


def test_each_step_of_a_plain_async_task_knows_its_own_call(place):
    calls = [place.celery.send_task("plain.async", (n,)) for n in range(100)]
    for n, call in enumerate(calls):
        assert call.get(timeout=30) == [call.id, call.id, n, "carillon", call.id]


def test_each_step_of_an_async_handler_knows_its_own_run(place):
    for n, run in enumerate(place.emit("named", 100)):
        assert place.ended(run)["result"] == [run, n, "carillon", run]


def test_results_errors_and_retries_of_plain_tasks_come_back(place):
    names = ("plain.tell", "plain.fails", "plain.retries")
    told, fails, retries = (place.celery.send_task(name) for name in names)
    sync = place.celery.send_task("plain.sync", (7,))
    assert told.get(timeout=30) == "PROGRESS"
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        fails.get(timeout=30)
    assert (fails.state, "return number / 0" in fails.traceback) == ("FAILURE", True)
    assert retries.get(timeout=30) == 2
    assert sync.get(timeout=30) == [7, "plain.sync", "carillon"]


FAILS = {
    "leave": "SystemExit",
    "interrupt": "KeyboardInterrupt",
    "cancel": "CancelledError",
    "stop": "Stop",
    "close": "GeneratorExit",
    "first_of_none": "",  # StopIteration, or what Python makes of it in a coroutine
    "deep": "RecursionError",
    "deep_async": "RecursionError",
    "steps": "TypeError",
    "steps_async": "TypeError",
}
WELL = {
    "refused": "await emit_async(",
    "speak": "noted",
    "speak_async": "noted",
    "speak_from_thread": "noted",
    "own_cancel": "ended well",
    "swallowed": "stayed",
}


def test_whatever_a_function_does_ends_its_run_and_no_more(place):
    source = place.pipe.subject
    runs = {}
    for what in FAILS | WELL:
        for run in place.emit("odd", what=what):
            task = place.pipe.view(run)["task"]
            if what in source["ODD" if task == "odd.async" else "SYNC"]:
                runs[what, task] = run
    found = {key: place.ended(run) for key, run in runs.items()}
    for (what, task), view in found.items():
        if what in WELL:
            assert (view["state"], WELL[what] in view["result"]) == ("succeeded", True), (what, task, view)
        else:
            assert view["state"] == "dead", (what, task, view)
            assert view["error"]["type"].endswith(FAILS[what]), (what, task, view["error"])
    assert place.worker.poll() is None
    assert place.ask("noted")["state"] == "succeeded"


def test_timeouts(place):
    runs = {what: place.emit("timed", what=what) for what in ("quick", "slow", "stubborn")}
    views = {(what, view["task"]): view for what, some in runs.items() for view in [place.ended(run) for run in some]}
    for task in ("timed.async", "timed.sync"):
        assert views["quick", task]["result"] == "in time"
    left = {what: views[what, "timed.async"] for what in ("slow", "stubborn")}
    assert {view["state"] for view in left.values()} == {"dead"}
    assert left["slow"]["error"]["message"].endswith("timeout of 0.5 s and was cancelled")
    assert left["stubborn"]["error"]["message"].endswith("it is left behind")
    assert views["stubborn", "timed.sync"]["error"]["message"].endswith("its thread is left behind")
    assert {views[what, "timed.raises"]["state"] for what in runs} == {"dead"}
    assert "timeout" not in views["slow", "timed.raises"]["error"]["message"]
    wait_until(lambda: place.lines("late"), what="the stubborn one ends, late")
    assert sorted(place.lines("cleaned")) == ["slow", "stubborn"]
    assert place.pipe.view(left["stubborn"]["id"])["state"] == "dead"


def test_the_ledger_is_away_while_runs_end(place):
    before = place.count("succeeded")
    runs = place.emit("napped", 200)
    place.emit("woken", late=True)
    place.until(201, "running")
    place.server.kill()
    (place.folder / "wake").touch()
    threading.Event().wait(3)
    place.server.start()
    place.server.ready()
    place.until(before + 201, "succeeded", timeout=60)
    assert {(view["state"], view["attempt"]) for view in map(place.pipe.view, runs)} == {("succeeded", 1)}
    assert sorted(place.pipe.view(run)["result"] for run in runs) == list(range(200))
