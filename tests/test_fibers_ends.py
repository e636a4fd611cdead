"""How what runs on a fiber ends: cancelled, abandoned, closed, or with its loop."""

import asyncio
import gc
import subprocess
import sys
from contextvars import ContextVar

import pytest
from fibering import SHORT, begin, later, result_of, until, value
from greenlet import GreenletExit, getcurrent

from core import fibers
from core.fibers import Fiber

var = ContextVar("var", default="unset")


def test_cancelled_before_the_first_step():
    begun = []

    async def never():
        begun.append(1)

    def cancel():
        [task] = [task for task in asyncio.all_tasks() if isinstance(task.get_coro(), fibers.Steps)]
        task.cancel()

    def work(fiber):
        asyncio.get_running_loop().call_soon(cancel)
        with pytest.raises(asyncio.CancelledError):
            fiber.complete(never())
        return fiber.complete(value("went on"))

    assert result_of(work) == "went on"
    assert begun == []


def test_cancelled_after_the_first_step_it_cleans_up_on_its_fiber():
    seen = []

    async def sleeper():
        asyncio.get_running_loop().call_later(SHORT, asyncio.current_task().cancel)
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            seen.append(getcurrent())

    def work(fiber):
        with pytest.raises(asyncio.CancelledError):
            fiber.complete(sleeper())
        return seen == [fiber]

    assert result_of(work)


def test_a_coroutine_may_swallow_its_cancellation():
    async def stubborn():
        asyncio.get_running_loop().call_later(SHORT, asyncio.current_task().cancel)
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return "stayed"

    assert result_of(lambda fiber: fiber.complete(stubborn())) == "stayed"


def test_a_fiber_that_raises_harms_nobody():
    async def main():
        told = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

        def fail():
            fibers.current().wait(later(1))
            raise ValueError("by itself")

        fiber = begin(fail)
        await until(lambda: fiber.dead, "it ended")
        assert [str(error) for error in told] == ["by itself"]

    asyncio.run(main())


@pytest.mark.parametrize("how", ["wait", "complete"])
def test_a_fiber_that_is_closed_cleans_up_and_its_coroutine_goes_on(how):
    async def main():
        seen = []

        async def slow():
            token = var.set("own")
            await asyncio.sleep(SHORT)
            seen.append((isinstance(getcurrent(), Fiber), var.get()))
            var.reset(token)
            await asyncio.sleep(0)
            seen.append("ended")

        def work():
            fiber = fibers.current()
            try:
                if how == "wait":
                    fiber.wait(later(None))
                fiber.complete(slow())
            except GreenletExit:
                seen.append("closed")
                raise
            seen.append("not reached")

        fiber = begin(work)
        await asyncio.sleep(0)
        fiber.throw(GreenletExit)
        assert fiber.dead
        await asyncio.sleep(3 * SHORT)
        assert seen == (["closed"] if how == "wait" else ["closed", (False, "own"), "ended"])

    asyncio.run(main())


def test_an_ended_coroutine_leaves_nothing_for_the_garbage_collector():
    class Big:
        pass

    async def hold():
        big = Big()
        await asyncio.sleep(0)
        return big is None

    def work(fiber):
        for _ in range(5):
            fiber.complete(hold())
        return sum(isinstance(found, StopIteration) for found in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        assert result_of(work) <= 1
    finally:
        gc.enable()


STOPPED = """
import asyncio, threading
from core import fibers
from core.loop import Loop
from core.threads import Threads

loop, begun, cleaned = Loop(), [], []
threads = Threads(1)

async def sleeper():
    begun.append(1)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0)
        cleaned.append(1)

def waits():
    begun.append(1)
    fibers.current().wait(asyncio.get_running_loop().create_future())

def steps():
    fibers.current().complete(sleeper())

def aside():
    fibers.current().aside(lambda: begun.append(1) or threading.Event().wait(0.5))

for work in (waits, steps, aside) * 5:
    loop.soon(lambda work=work: fibers.Fiber(work, threads, lambda: None).switch())
while len(begun) < 15:
    threading.Event().wait(0.01)
loop.stop()
print(len(cleaned), "cleaned up")
"""


def test_a_loop_that_stops_under_waiting_fibers_lets_the_process_end():
    ended = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout.split("\n")[0]) == (0, "5 cleaned up"), ended.stderr
