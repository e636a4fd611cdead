"""The handlers of a clone of this project under chaos; the adapter copies this file into it."""

from benchmarks.chaos.evidence import write
from benchmarks.chaos.work import perform
from core import Event, on, run, task


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


@task(name="tick")
def tick() -> None:
    """Note a fire of a schedule."""
    planned = run.cause.planned
    event = f"{run.cause.schedule}@{round(planned.timestamp() * 1000) if planned else 0}"
    for what in ("start", "end"):
        write(run.id, event, "tick", run.attempt, what)


@task(name="forbidden")
def forbidden() -> None:
    """Note what must never run: no schedule of ours names it."""
    write(run.id, "forbidden@0", "forbidden", run.attempt, "start")
