"""Who is put under load: plain Celery, Celery as its guides tune it, and this project."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import redis

from benchmarks.chaos.fleet import Command
from benchmarks.chaos.load import Target
from benchmarks.chaos.shape import Shape

REPOSITORY = Path(__file__).resolve().parents[3]


class Adapter(Protocol):
    """One way of doing the work. ``idle`` is how many seconds without any evidence mean that no more will come."""

    name: str
    idle: float
    queues: str  # a pattern for the broker's keys that hold messages

    def prepare(self, folder: Path, shape: Shape, redis_port: int, evidence: Path, broker: str = "") -> None:
        """Make what the processes need in *folder*; *broker* is the URL of one that is not the Redis server."""

    def commands(self) -> Mapping[str, Command]:
        """Return the processes: web, beat, worker.1..."""

    def target(self) -> Target:
        """Return where events go."""

    def open(self, client: redis.Redis) -> int:
        """Return how many runs are recorded and not done."""


def adapter(name: str) -> Adapter:
    """Return a new adapter."""
    from benchmarks.chaos.adapters.celery_ways import plain, tuned
    from benchmarks.chaos.adapters.ours import Ours

    ways: dict[str, Callable[[], Adapter]] = {"plain": plain, "tuned": tuned, "ours": Ours}
    return ways[name]()
