"""Which system does which work, and which pairs make a ratio."""

from collections.abc import Collection
from dataclasses import dataclass

from benchmarks.bench import plays, setups
from benchmarks.bench.plays import Play, draining, sending, waiting
from benchmarks.bench.systems import System


@dataclass(frozen=True)
class Cell:
    """One work done by one system; ``long`` ones are played on demand only."""

    work: str
    system: System
    play: Play
    long: bool = False

    @property
    def name(self) -> str:
        return f"{self.work} / {self.system.name}"


@dataclass(frozen=True)
class Row:
    """A ratio that is looked at: *ours* against *theirs*, both names of cells; *wanted* 0 is no goal."""

    work: str
    against: str
    ours: str
    theirs: str
    wanted: float = 0.0


WORKS = {
    "emit": "emit, one handler",
    "ten": "emit, ten handlers",
    "many": "emit_many, 1,000 events",
    "http": "POST /api/v1/events",
    "drain": "drain of no-op handlers, one worker process",
    "drain2": "drain of no-op handlers, two worker processes",
    "io": "5,000 handlers of 100 ms I/O, one worker process",
    "latency": "from emit to start, idle system, one each 20 ms",
    "asleep": "10,000 async handlers asleep at once in one worker",
    "backlog": "drain out of a backlog",
}


def _row(work: str, against: str, system: System, wanted: float = 0.0, ours: System = setups.OURS) -> Row:
    return Row(WORKS[work], against, f"{work} / {ours.name}", f"{work} / {system.name}", wanted)


CELLS = (
    Cell("emit", setups.OURS, sending("emit_one", 5_000)),
    Cell("emit", setups.DELAY, sending("emit_one", 5_000)),
    Cell("emit", setups.RESULTS, sending("emit_one", 5_000)),
    Cell("emit", setups.HELD, sending("emit_held", 5_000)),
    Cell("ten", setups.OURS, sending("emit_ten", 1_000)),
    Cell("ten", setups.DELAY, sending("emit_ten", 1_000)),
    Cell("many", setups.OURS, sending("emit_many", 20_000, 1_000)),
    Cell("many", setups.HELD, sending("emit_many", 20_000, 1_000)),
    Cell("http", setups.OURS, plays.serving),
    Cell("http", setups.FLASK, plays.serving),
    Cell("http", setups.FASTAPI, plays.serving),
    Cell("drain", setups.OURS, draining("fill_noop", 10_000)),
    Cell("drain", setups.ASYNC, draining("fill_noop_async", 10_000)),
    Cell("drain", setups.PREFORK, draining("fill_noop", 10_000, processes=2)),
    Cell("drain2", setups.OURS, draining("fill_noop", 20_000, workers=2, processes=2)),
    Cell("drain2", setups.DRAMATIQ, draining("fill_noop", 20_000, processes=2)),
    Cell("io", setups.OURS, waiting("fill_nap", 5_000)),
    Cell("io", setups.THREADS, waiting("fill_nap", 5_000)),
    Cell("io", setups.ARQ, waiting("fill_nap", 5_000)),
    Cell("io", setups.SAQ, waiting("fill_nap", 5_000)),
    Cell("io", setups.TASKIQ, waiting("fill_nap", 5_000)),
    Cell("latency", setups.OURS, plays.responding),
    Cell("latency", setups.PREFORK, plays.responding),
    Cell("asleep", setups.ROOMY, plays.sleeping),
    Cell("backlog", setups.SHORT, draining("fill_noop", 10_000), long=True),
    Cell("backlog", setups.LONG, draining("fill_noop", 1_000_000, patience=3600.0), long=True),
)

ROWS = (
    _row("emit", "Celery delay()", setups.DELAY, 2.0),
    _row("emit", "the same, results kept", setups.RESULTS),
    _row("emit", "the same, results ignored, one held producer", setups.HELD),
    _row("ten", "ten Celery delay()", setups.DELAY, 10.0),
    _row("many", "kombu Producer.batch(100)", setups.HELD, 3.0),
    _row("http", "stock Flask async view + delay(), gunicorn gthread 2x8", setups.FLASK, 5.0),
    _row("http", "FastAPI + Celery delay(), uvicorn x2", setups.FASTAPI, 1.3),
    _row("drain", "Celery prefork -c2, acks_late, results ignored", setups.PREFORK, 2.5),
    _row("drain", "the same, ours async def", setups.PREFORK, ours=setups.ASYNC),
    _row("drain2", "Dramatiq 2x8", setups.DRAMATIQ, 1.2),
    _row("io", "Celery threads -c100, results ignored", setups.THREADS, 3.0),
    _row("io", "arq, 1,000 jobs", setups.ARQ, 1.5),
    _row("io", "saq, 1,000 jobs", setups.SAQ, 1.5),
    _row("io", "taskiq, one worker, 1,000 tasks", setups.TASKIQ, 0.9),
    _row("backlog", "a backlog of 1,000,000 against one of 10,000", setups.SHORT, ours=setups.LONG),
)


def chosen(only: Collection[str], *, long: bool) -> list[Cell]:
    """Return the cells of the works *only*, or of all of them.

    Raises:
        SystemExit: there is no such work.
    """
    if unknown := set(only) - set(WORKS):
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}. There is {', '.join(WORKS)}.")
    return [cell for cell in CELLS if (not only or cell.work in only) and (long or not cell.long)]
