"""How each work is played by one system's beat process; each returns the figures of one round."""

import json
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import cost
from benchmarks.bench.schedules.setups import Beat
from benchmarks.bench.stage import Stage, Unplayable
from benchmarks.chaos.check import quantile

Figures = dict[str, float]
Play = Callable[[Stage, Beat, float], Figures]

LOCK = "redbeat::lock"
PATIENCE = 120.0  # seconds
LATEST = 40  # second of a minute from which on a burst is for the minute after the next
SETTLE = 3.0  # seconds that a beat gets to begin, and to be idle


def burst(stage: Stage, beat: Beat, scale: float) -> Figures:
    """Have entries due at the same second, and a beat that leads; from the second to the last message at the broker."""
    count, client = max(100, round(10_000 * scale)), stage.server.client
    pid = stage.start("beat", beat.worker(1)).pid
    _until(stage, lambda: client.exists(LOCK) == 1, 0.05)
    if time.time() % 60 > LATEST:
        time.sleep(60.5 - time.time() % 60)
    second = time.time() // 60 * 60 + 60
    stage.call("burst", count)
    early = cost.seconds_of([pid]), cost.server_seconds(stage.server.port)
    if time.time() > second - SETTLE or _waiting(stage, beat):
        raise Unplayable("the entries took too long to be stored")
    time.sleep(second - time.time())
    _until(stage, lambda: _waiting(stage, beat) >= count, 0.005)
    seconds = time.time() - second
    late = cost.seconds_of([pid]), cost.server_seconds(stage.server.port)
    own, server = ((after - before) / count * cost.MICRO for before, after in zip(early, late, strict=True))
    return {"seconds": seconds, "own_us": own, "server_us": server}


def punctual(stage: Stage, beat: Beat, scale: float) -> Figures:
    """Fire entries one after the other, for a minute; how late the message is with the broker."""
    count, client = max(50, round(1_000 * scale)), stage.server.client
    stage.start("beat", beat.worker(1))
    time.sleep(SETTLE)
    stage.call("spread", count)
    arrivals: list[tuple[str, float]] = []
    end = time.monotonic() + 60 * max(0.3, min(1.0, scale * 10))
    while time.monotonic() < end:
        found: Any = client.execute_command(  # type: ignore[no-untyped-call]
            "BLMPOP", 0.5, 1, beat.queue, "RIGHT", "COUNT", 100
        )
        now = time.time()
        arrivals += [(_argument(message), now) for message in (found[1] if found else ())]
    lates = beat.lates(client, arrivals, count)
    if not lates:
        raise Unplayable(f"nothing fired: {stage.last_words('beat')}")
    return {
        "fires": len(lates),
        "p50_ms": quantile(lates, 0.5) * 1000,
        "p99_ms": quantile(lates, 0.99) * 1000,
        "max_ms": max(lates) * 1000,
    }


def idle(stage: Stage, beat: Beat, scale: float) -> Figures:
    """Have many entries that are not due; what a second, which is a tick of either, costs and what beat weighs."""
    count, seconds = max(100, round(100_000 * scale)), 10.0
    stage.call("idle", count)
    pid = stage.start("beat", beat.worker(1)).pid
    _until(stage, lambda: stage.server.client.exists(LOCK) == 1, 0.05)
    time.sleep(SETTLE)
    early = _nanoseconds(pid), cost.server_seconds(stage.server.port)
    time.sleep(seconds)
    late = _nanoseconds(pid), cost.server_seconds(stage.server.port)
    resident, proportional = cost.memory_of([pid])
    return {
        "tick_ms": (late[0] - early[0]) / seconds / 1e6,
        "server_ms": (late[1] - early[1]) / seconds * 1000,
        "rss_mb": resident,
        "pss_mb": proportional,
    }


def _argument(message: bytes) -> str:
    """Return the first argument of a Celery message: of a hint of ours, the run."""
    body = json.loads(b64decode(json.loads(message)["body"]))
    return str(body[0][0])


def _waiting(stage: Stage, beat: Beat) -> int:
    found: Any = stage.server.client.llen(beat.queue)
    return int(found)


def _until(stage: Stage, reached: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline or any(process.poll() for process in stage.processes):
            raise Unplayable(f"it did not come to its end: {stage.last_words('beat')}")
        time.sleep(pause)


def _nanoseconds(pid: int) -> int:
    """Return the processor time of a process's threads, finer than the system's ticks of 10 ms."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))
