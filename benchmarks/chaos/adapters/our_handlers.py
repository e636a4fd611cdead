"""The handlers of a clone of this project under chaos; the adapter copies this file into it."""

from benchmarks.chaos.work import perform
from core import Event, on, run


class Chaos(Event, type="chaos"):
    """What the driver offers."""

    n: int
    milliseconds: int
    how: str


@on(Chaos, name="first")
def first(event: Chaos) -> None:
    """Do the work of the first handler."""
    perform(run.id, run.cause.id, "first", run.attempt, event.milliseconds, event.how)


@on(Chaos, name="second")
def second(event: Chaos) -> None:
    """Do the work of the second handler."""
    perform(run.id, run.cause.id, "second", run.attempt, event.milliseconds, event.how)
