"""One real worker: async work by the thousand beside sync work on threads, and every odd end of both."""

import threading

import pytest
from pool_household import workplace
from waiting import wait_until

pytestmark = pytest.mark.processes

SOURCE = """
    import asyncio, os, threading
    from pathlib import Path
    from celery import current_task, shared_task
    from flask import current_app, g
    from core import Event, emit, emit_async, on, run, task

    here = Path(__file__).parent
    gate = here / "shut"

    class Napped(Event, type="napped"):
        n: int = 0

    class Woken(Event, type="woken"):
        n: int = 0
        late: bool = False

    class Worked(Event, type="worked"):
        n: int = 0

    class Odd(Event, type="odd"):
        n: int = 0
        what: str

    class Timed(Event, type="timed"):
        n: int = 0
        what: str

    class Noted(Event, type="noted"):
        n: int = 0

    class Stop(BaseException):
        pass

    napping: list[asyncio.Event] = []

    def write(file: str, line: str) -> None:
        with (here / file).open("a") as out:
            out.write(line + "\\n")

    @on(Napped, name="nap", queue="io")
    async def nap(event: Napped) -> int:
        napping.append(woken := asyncio.Event())
        await woken.wait()
        return event.n

    @on(Woken, name="wake", queue="io")
    async def wake(event: Woken) -> int:
        while event.late and not (here / "wake").exists():
            await asyncio.sleep(0.05)
        for one in napping:
            one.set()
        napping.clear()
        return event.n

    @on(Worked, name="work")
    def work(event: Worked) -> int:
        while gate.exists():
            threading.Event().wait(0.05)
        return event.n

    @on(Noted, name="note")
    def note(event: Noted) -> int:
        return event.n

    @on(Odd, name="odd.async", queue="io", retries=0)
    async def odd_async(event: Odd):
        await asyncio.sleep(0)
        return await ODD[event.what]()

    @on(Odd, name="odd.sync", retries=0)
    def odd_sync(event: Odd):
        return SYNC[event.what]() if event.what in SYNC else None

    def leave():
        raise SystemExit(3)

    def interrupt():
        raise KeyboardInterrupt

    def cancel():
        raise asyncio.CancelledError

    def stop():
        raise Stop("now")

    def close():
        raise GeneratorExit

    def first_of_none():
        return next(iter([]))

    def deep():
        return deep() + 1

    def steps():
        yield 1

    def speak():
        return emit(Noted(n=1)).type

    SYNC = {f.__name__: f for f in (leave, interrupt, cancel, stop, close, first_of_none, deep, steps, speak)}

    def as_async(function):
        async def call():
            return function()
        return call

    async def deep_async():
        return await deep_async() + 1

    async def refused():
        try:
            emit(Noted(n=2))
        except Exception as error:
            return str(error)

    async def speak_async():
        return (await emit_async(Noted(n=3))).type

    async def speak_from_thread():
        return await asyncio.to_thread(speak)

    async def steps_async():
        async def inner():
            yield 1
        return inner()

    async def own_cancel():
        asyncio.current_task().cancel()
        return "ended well"

    async def swallowed():
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return "stayed"

    ODD = {name: as_async(function) for name, function in SYNC.items() if name not in ("speak", "steps")}
    for one in (deep_async, refused, speak_async, speak_from_thread, steps_async, own_cancel, swallowed):
        ODD[one.__name__] = one

    @on(Timed, name="timed.async", queue="io", retries=0, timeout=0.5)
    async def timed_async(event: Timed) -> str:
        if event.what == "quick":
            return "in time"
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if event.what != "stubborn":
                raise
            await asyncio.sleep(7)
            write("late", "ended late")
            return "late"
        finally:
            await asyncio.sleep(0)
            write("cleaned", event.what)
        return ""

    @on(Timed, name="timed.sync", retries=0, timeout=0.5)
    def timed_sync(event: Timed) -> str:
        if event.what == "quick":
            return "in time"
        if event.what == "stubborn":
            threading.Event().wait(3)
        return "late"

    @on(Timed, name="timed.raises", retries=0, timeout=5)
    def timed_raises(event: Timed) -> None:
        next(iter([]))

    async def child(number: int) -> list:
        await asyncio.sleep(0)
        return [number == g.number, current_app.name, plain_async.request.id]

    @shared_task(bind=True, name="plain.async", ignore_result=False)
    async def plain_async(self, number: int, turns: int = 5) -> list:
        g.number = number
        seen = set()
        for turn in range(turns):
            await asyncio.sleep(0.001 * (number % 7 + turn))
            context = current_app._get_current_object().name
            seen.add((self.request.id, current_task.request.id, g.number, context, plain_async.request.id))
        [one] = seen
        same, name, ident = await asyncio.create_task(child(number))
        assert (same, name, ident) == (True, "carillon", self.request.id)
        return list(one)

    @shared_task(bind=True, name="plain.tell", ignore_result=False)
    async def plain_tell(self) -> str:
        self.update_state(state="PROGRESS", meta={"done": 1})
        await asyncio.sleep(0)
        found = self.AsyncResult(self.request.id).state
        return found

    def broken(number: int) -> float:
        return number / 0

    @shared_task(name="plain.fails", ignore_result=False)
    async def plain_fails() -> float:
        await asyncio.sleep(0)
        return broken(1)

    @shared_task(bind=True, name="plain.retries", ignore_result=False, max_retries=3)
    async def plain_retries(self) -> int:
        await asyncio.sleep(0)
        if self.request.retries < 2:
            raise self.retry(countdown=0, exc=ValueError("again"))
        return self.request.retries

    @shared_task(name="plain.sync", ignore_result=False)
    def plain_sync(number: int) -> list:
        return [number, current_task.name, current_app.name]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with workplace(tmp_path_factory.mktemp("pool"), "pool", SOURCE, "-c", "4", ASYNC_CONCURRENCY="1010") as made:
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
    threading.Event().wait(5)
    place.server.start()
    place.server.ready()
    place.until(before + 201, "succeeded", timeout=60)
    assert {(view["state"], view["attempt"]) for view in map(place.pipe.view, runs)} == {("succeeded", 1)}
    assert sorted(place.pipe.view(run)["result"] for run in runs) == list(range(200))
