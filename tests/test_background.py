"""The background thread and the event loop outlive whatever runs on them."""

import asyncio
import threading

import pytest

from core.background import Background
from core.loop import Loop


def test_items_come_in_order_and_in_batches():
    done, gate = [], threading.Event()

    def work(items):
        gate.wait(5)
        done.append(list(items))

    background = Background("b", work, lambda *_: None)
    for n in range(1200):
        background.put([n])
    gate.set()
    assert background.flush(5)
    assert [item for batch in done for item in batch] == list(range(1200))
    assert max(map(len, done)) <= 500


def test_an_error_drops_its_batch_and_stops_nothing_even_if_telling_it_fails():
    done, told = [], []

    def work(items):
        if "bad" in items:
            raise ValueError("bad")
        done.extend(items)

    def trouble(count, error):
        told.append((count, str(error)))
        raise RuntimeError("a listener raised")

    background = Background("b", work, trouble)
    for item in ("bad", "good", "bad", "fine"):
        background.put([item])
        assert background.flush(5)
    assert (done, told) == (["good", "fine"], [(1, "bad")] * 2)


def test_beyond_its_capacity_the_oldest_are_dropped():
    done, gate = [], threading.Event()

    def work(items):
        gate.wait(5)
        done.extend(items)

    background = Background("b", work, lambda *_: None, capacity=10)
    background.put(["first"])
    background.put(range(100))
    gate.set()
    assert background.flush(5)
    assert done[-10:] == list(range(90, 100))
    assert len(done) <= 11


@pytest.mark.parametrize("quit_", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_the_loop_outlives_what_its_coroutines_raise(quit_):
    loop = Loop()

    async def leave():
        raise quit_

    async def leave_alone():
        task = asyncio.get_running_loop().create_task(leave())
        await asyncio.wait([task])
        return type(task.exception()) if not task.cancelled() else None

    async def stay(begun):
        begun.set()
        await asyncio.sleep(0.05)
        return "stayed"

    begun = threading.Event()
    staying = loop.submit(stay(begun))
    assert begun.wait(5)
    with pytest.raises(quit_):
        loop.run(leave())
    assert loop.run(leave_alone()) is quit_
    assert staying.result(5) == "stayed"
    loop.stop()
