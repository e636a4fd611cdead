"""Whose beat is measured: ours as the Procfile starts it, and RedBeat in an environment of its own."""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import redis

from benchmarks.bench.systems import Ours, Peer, System
from core.ledger.keys import Keys

REDBEAT = "benchmarks.bench.peers.redbeat_app"
KEYS = Keys("carillon")
INTERVAL = 10.0  # seconds, of the punctual ones
Arrivals = list[tuple[str, float]]  # first argument of a message, when it came (s since the epoch)


class Beat(System, Protocol):
    """A system whose worker is a beat. *queue* is the broker's list of its messages."""

    queue: str

    def lates(self, client: redis.Redis, arrivals: Arrivals, count: int) -> list[float]:
        """Return how late messages came, in seconds, of entries s0 to s<count - 1>."""


def drifts(arrivals: Arrivals) -> list[float]:
    """Return how much later than its interval each came after the one before it of the same name."""
    times: dict[str, list[float]] = defaultdict(list)
    for name, at in arrivals:
        times[name].append(at)
    return [later - earlier - INTERVAL for found in times.values() for earlier, later in pairwise(found)]


@dataclass
class OurBeat(Ours):
    """Our beat; it knows the planned time of each run."""

    module: str = "benchmarks.bench.ours.schedules"
    queue: str = "carillon.default\x06\x164"  # as kombu names the list of the usual priority

    def worker(self, number: int) -> list[str]:  # noqa: ARG002 - there is one
        return ["sh", "-c", f"exec {self.lines['beat']}"]

    def lates(self, client: redis.Redis, arrivals: Arrivals, count: int) -> list[float]:
        planned: dict[str, float] = {}
        for n in range(count):
            rows: Any = client.zrange(KEYS.fires(f"s{n}"), 0, -1)
            for at, _, _, _, run, *_ in map(json.loads, rows):
                planned[run] = at / 1000
        return [at - planned[run] for run, at in arrivals]


@dataclass
class RedBeat(Peer):
    """RedBeat; it knows no planned times, so each fire is held against the one before it."""

    queue: str = "celery"

    def lates(self, client: redis.Redis, arrivals: Arrivals, count: int) -> list[float]:  # noqa: ARG002 - as of ours
        return drifts(arrivals)


OURS = OurBeat()
PEER = RedBeat("RedBeat", "redbeat", REDBEAT, f"celery -q -A {REDBEAT} beat --max-interval 1")
