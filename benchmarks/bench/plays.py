"""How cells are played: each takes a stage and returns the figures of one round."""

import json
import time
from collections.abc import Callable

from benchmarks.bench import cost, marks
from benchmarks.bench.http_load import load, request
from benchmarks.bench.offers import EVENT
from benchmarks.bench.stage import Stage, Unplayable
from benchmarks.chaos.check import quantile
from benchmarks.chaos.servers import free_port

Figures = dict[str, float]
Play = Callable[[Stage, float], Figures | None]

CONNECTIONS = 32
LOAD_SECONDS, WARM_SECONDS = 5.0, 1.0
FIRST = 20_000  # of a long backlog that are measured
SETTLE = 2.0  # seconds that an idle system gets to be idle


def sending(function: str, count: int, step: int = 1) -> Play:
    """Send *count* items from one process; *step* keeps a smaller number whole."""

    def play(stage: Stage, scale: float) -> Figures | None:
        items = scaled(count, scale, step)
        found: Figures | None = stage.call(function, items)
        return found

    return play


def draining(fill: str, count: int, workers: int = 1, processes: int = 1, patience: float = 600.0) -> Play:
    """Fill the queue, then start workers; the clock runs from when each of their *processes* has ended a handler."""

    def play(stage: Stage, scale: float) -> Figures:
        items = scaled(count, scale, 100)
        wanted = min(items, FIRST)
        stage.call(fill, items, limit=patience)
        pids = stage.workers(workers)
        begun = stage.until(lambda found: found.busy >= processes or found.ends >= wanted, pause=0.002)
        early = _seconds(stage, pids)
        if begun.ends >= wanted:
            raise Unplayable(f"all was done before {processes} processes were at work: it takes more items")
        found = stage.until(lambda found: found.ends >= wanted)
        done = found.ends - begun.ends
        return _drained(stage, pids, done, done / (found.last_end - begun.time), early)

    return play


def waiting(fill: str, count: int) -> Play:
    """Fill the queue with what waits for I/O, then start a worker; the clock runs from the first start to the last end.

    From the first end, who begins a thousand at once would be given the first thousand.
    """

    def play(stage: Stage, scale: float) -> Figures:
        items = scaled(count, scale, 100)
        stage.call(fill, items)
        pids = stage.workers()
        stage.until(lambda found: found.starts > 0, pause=0.002)
        early = _seconds(stage, pids)
        found = stage.until(lambda found: found.ends >= items)
        return _drained(stage, pids, items, found.ends / (found.last_end - found.first_start), early)

    return play


def serving(stage: Stage, scale: float) -> Figures:
    """Post events over keep-alive connections; no worker runs, what is accepted stays in the queue."""
    port = free_port()
    web = stage.start("web", stage.system.web(port))
    asked = request("/api/v1/events", json.dumps(EVENT).encode(), stage.system.headers())
    stage.answering(port, asked)
    warmed = load(port, asked, CONNECTIONS, WARM_SECONDS)
    early, own = _seconds(stage, [web.pid]), time.process_time()
    found = load(port, asked, CONNECTIONS, max(0.5, LOAD_SECONDS * scale))
    late, own = _seconds(stage, [web.pid]), time.process_time() - own
    answered = sum(found.statuses.values())
    if warmed.errors or found.errors or not answered:
        raise Unplayable(f"answers that are no 2xx: {dict(warmed.statuses + found.statuses)}, {found.broken} broken")
    _all_there(stage, answered + sum(warmed.statuses.values()))
    return {
        "rate": answered / found.seconds,
        "p50_ms": quantile(found.waits, 0.5) * 1000,
        "p99_ms": quantile(found.waits, 0.99) * 1000,
        "own_us": (late[0] - early[0]) / answered * cost.MICRO,
        "server_us": (late[1] - early[1]) / answered * cost.MICRO,
        "load_us": own / answered * cost.MICRO,
        "pss_mb": _memory([web.pid])[1],
    }


def responding(stage: Stage, scale: float) -> Figures:
    """Offer one task each 20 ms to an idle worker; from the offer to the start."""
    count = scaled(500, scale, 10)
    stage.workers()
    stage.call("latency", count)
    stage.until(lambda _: len(marks.lags(stage.marks)) >= count, idle=10.0)
    found = marks.lags(stage.marks)
    return {
        "p50_ms": quantile(found, 0.5) * 1000,
        "p99_ms": quantile(found, 0.99) * 1000,
        "max_ms": max(found) * 1000,
    }


def sleeping(stage: Stage, scale: float) -> Figures:
    """Have handlers asleep at once in one worker, and weigh it."""
    count = scaled(10_000, scale, 100)
    pids = stage.workers()
    stage.call("fill_noop", 1)
    stage.until(lambda found: found.ends == 1)
    time.sleep(SETTLE)
    idle = _memory(pids)
    stage.call("fill_long_nap", count)
    found = stage.until(lambda found: found.starts >= count, idle=20.0)
    resident, proportional = _memory(pids)
    if found.ends > 1:
        raise Unplayable(f"{found.ends - 1} woke before all were asleep")
    return {"asleep": count, "idle_pss_mb": idle[1], "rss_mb": resident, "pss_mb": proportional}


def scaled(count: int, scale: float, step: int = 1) -> int:
    """Return *count* times *scale*, a multiple of *step* and at least one."""
    return max(step, round(count * scale / step) * step)


def _drained(stage: Stage, pids: list[int], done: int, rate: float, early: tuple[float, float]) -> Figures:
    late = _seconds(stage, pids)
    own, server = ((after - before) / done * cost.MICRO for before, after in zip(early, late, strict=True))
    return {"rate": rate, "own_us": own, "server_us": server, "pss_mb": _memory(pids)[1]}


def _seconds(stage: Stage, pids: list[int]) -> tuple[float, float]:
    """Return the processor seconds that processes, with all below them, and the server have used."""
    below = [below for pid in pids for below in cost.descendants(pid)]
    return cost.seconds_of(below), cost.server_seconds(stage.server.port)


def _memory(pids: list[int]) -> tuple[float, float]:
    return cost.memory_of([below for pid in pids for below in cost.descendants(pid)])


def _all_there(stage: Stage, accepted: int) -> None:
    """Check that what was answered 2xx is recorded; what was under way when the load ended may be there too."""
    deadline = time.monotonic() + 10
    while (there := stage.system.waiting(stage.server.client)) < accepted:
        if time.monotonic() > deadline:
            raise Unplayable(f"{accepted} were accepted, {there} are recorded")
        time.sleep(0.05)
