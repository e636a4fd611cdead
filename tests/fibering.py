"""Fibers for tests: work that runs on one, and patience on the loop."""

import asyncio
from concurrent.futures import Future

from core import fibers
from core.fibers import Fiber
from core.threads import Threads

SHORT = 0.05  # seconds


async def on_fiber(work):
    """Run *work* on a fiber, which it is given; returns what it returns, raises what it raises."""
    ended = Future()

    def outermost():
        try:
            ended.set_result(work(fibers.current()))
        except BaseException as error:
            ended.set_exception(error)

    begin(outermost)
    await until(ended.done, "the fiber ended")
    return ended.result(0)


def begin(work):
    """Begin *work* on a fiber; returns it."""
    fiber = Fiber(work, Threads(1), lambda: None)
    fiber.switch()
    return fiber


async def until(found, what, seconds=10):
    try:
        async with asyncio.timeout(seconds):
            while not found():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s for {what}") from None


def result_of(work):
    return asyncio.run(on_fiber(work))


async def value(found, pauses=1):
    for _ in range(pauses):
        await asyncio.sleep(0)
    return found


def later(found, seconds=SHORT):
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, future.set_result, found)
    return future
