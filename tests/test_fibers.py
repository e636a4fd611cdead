"""Fibers: code that waits on the loop's thread while the loop goes on, and coroutines that step on it."""

import asyncio
import gc
import threading
import traceback
from contextvars import ContextVar, copy_context

import pytest
from fibering import SHORT, later, on_fiber, result_of, value
from greenlet import getcurrent

from core.errors import CoreError

var = ContextVar("var", default="unset")


def test_it_waits_for_futures():
    def work(fiber):
        done = asyncio.get_running_loop().create_future()
        done.set_result("done")
        failing = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(failing.set_exception, ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            fiber.wait(failing)
        return fiber.wait(done), fiber.wait(later("late"))

    assert result_of(work) == ("done", "late")


def test_the_loop_goes_on_meanwhile():
    async def main():
        return await asyncio.gather(*(on_fiber(lambda fiber, n=n: fiber.wait(later(n))) for n in range(100)))

    assert asyncio.run(main()) == list(range(100))


def test_each_step_of_a_coroutine_runs_on_its_fiber():
    seen = []

    async def steps():
        for _ in range(3):
            seen.append(getcurrent())
            await asyncio.sleep(0)
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        assert await asyncio.gather(value(1), value(2, pauses=3)) == [1, 2]
        seen.append(getcurrent())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT):
                await asyncio.sleep(10)
        seen.append(getcurrent())
        return asyncio.current_task() is not None

    def work(fiber):
        assert fiber.complete(steps())
        return set(seen) == {fiber}

    assert result_of(work)


def test_what_a_coroutine_raises_comes_back_with_its_traceback():
    async def fail():
        await asyncio.sleep(0)
        raise ValueError("from inside")

    def work(fiber):
        fiber.complete(fail())

    with pytest.raises(ValueError, match="from inside") as found:
        result_of(work)
    assert "fail" in [frame.name for frame in traceback.extract_tb(found.value.__traceback__)]


def test_a_thread_has_the_fibers_context():
    def work(fiber):
        var.set("fiber's")
        return fiber.aside(var.get), fiber.aside(threading.get_ident)

    found, thread = result_of(work)
    assert found == "fiber's"
    assert thread != threading.get_ident()


def test_a_wake_up_that_comes_too_late_wakes_nothing_else():
    """A wait is broken off; what it waited for comes while the fiber waits for something else."""

    def work(fiber):
        loop = asyncio.get_running_loop()
        for second in (lambda: fiber.wait(later("second")), lambda: fiber.complete(value("second", pauses=20))):
            first = loop.create_future()
            loop.call_soon(fiber.throw, KeyError)
            with pytest.raises(KeyError):
                fiber.wait(first)
            first.set_result("first")
            assert second() == "second"
        return True

    assert result_of(work)


def test_the_contexts_of_many_fibers_stay_apart():
    async def steps(n):
        inherited = var.get()
        for turn in range(20):
            var.set(f"{n}.{turn}")
            await asyncio.sleep(0)
            assert var.get() == f"{n}.{turn}"
            child = asyncio.create_task(value(None, pauses=2))
            assert child.get_coro() is not None
            assert await asyncio.create_task(read()) == f"{n}.{turn}"
            await child
        return inherited

    async def read():
        await asyncio.sleep(0)
        return var.get()

    def work(fiber, n):
        before = var.get()
        var.set(n)
        for _ in range(3):
            assert fiber.complete(steps(n)) == n
            assert var.get() == n
            assert fiber.wait(later(n, 0)) == n
        return before

    async def main():
        var.set("main")
        return await asyncio.gather(*(on_fiber(lambda fiber, n=n: work(fiber, n)) for n in range(100)))

    found = copy_context().run(asyncio.run, main())
    assert set(found) == {"unset"}
    assert var.get() == "unset"


def test_a_step_must_not_wait():
    async def wrong(fiber):
        waits = [lambda: fiber.wait(later(1)), lambda: fiber.complete(value(1)), lambda: fiber.aside(int)]
        for wait in waits:
            with pytest.raises(CoreError, match="Use await"):
                wait()
        return await value("fine")

    assert result_of(lambda fiber: fiber.complete(wrong(fiber))) == "fine"
    gc.collect()  # a coroutine that nobody awaited would be told of here
