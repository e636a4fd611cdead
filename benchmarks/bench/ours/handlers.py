"""The handlers of a clone of this project under measurement; the harness copies this file into it."""

import asyncio
from collections.abc import Callable

from benchmarks.bench.marks import ended, lagged, started
from benchmarks.bench.offers import LONG_NAP, NAP
from core import Event, on, task


class Order(Event):
    """What every system is given."""

    order_id: int
    email: str
    total: str
    currency: str
    note: str


class One(Order, type="bench.one"):
    """One handler answers it."""


class OneAsync(Order, type="bench.one-async"):
    """One handler answers it, an async one."""


class Ten(Order, type="bench.ten"):
    """Ten handlers answer it."""


class Nap(Order, type="bench.nap"):
    """Its handler waits as for another service."""


class LongNap(Order, type="bench.long-nap"):
    """Its handler waits until all others wait too."""


class Timed(Order, type="bench.timed"):
    """Its handler tells how long it took to start."""

    sent: float


@on(One)
def noop(_event: One) -> None:
    """Do nothing but count."""
    ended()


@on(OneAsync)
async def noop_async(_event: OneAsync) -> None:
    """Do nothing but count, on the loop."""
    ended()


@on(Nap)
async def nap(_event: Nap) -> None:
    """Wait as for another service."""
    started()
    await asyncio.sleep(NAP)
    ended()


@on(LongNap)
async def long_nap(_event: LongNap) -> None:
    """Wait for long."""
    started()
    await asyncio.sleep(LONG_NAP)
    ended()


@on(Timed)
def timed(event: Timed) -> None:
    """Tell how long it took from emit() to here."""
    lagged(event.sent)


@task(name="nothing")
def nothing() -> None:
    """Do nothing, for schedules."""


def _hand(n: int) -> Callable[[Ten], None]:
    @on(Ten, name=f"bench.ten.{n}")
    def hand(_event: Ten) -> None:
        ended()

    return hand


h0, h1, h2, h3, h4, h5, h6, h7, h8, h9 = map(_hand, range(10))
