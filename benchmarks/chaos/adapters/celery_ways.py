"""Adapters A and B: plain Celery, and Celery as its guides tune it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from benchmarks.chaos.adapters import REPOSITORY
from benchmarks.chaos.evidence import VARIABLE
from benchmarks.chaos.fleet import Command
from benchmarks.chaos.load import Target
from benchmarks.chaos.rabbit import messages
from benchmarks.chaos.servers import free_port
from benchmarks.chaos.shape import Shape

APP = "benchmarks.chaos.adapters.celery_app"


class CeleryWay:
    """Flask and Celery without a ledger."""

    queues = "celery*"

    def __init__(self, name: str, idle: float, **environment: str) -> None:
        self.name, self.idle, self.extra = name, idle, environment
        self.port = free_port()

    def prepare(self, folder: Path, shape: Shape, redis_port: int, evidence: Path, broker: str = "") -> None:
        """Nothing has to be made but the environment."""
        self.folder, self.shape, self.broker = folder, shape, broker
        redis_url = f"redis://127.0.0.1:{redis_port}/0"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "CELERY_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            "CHAOS_BROKER": broker or redis_url,
            VARIABLE: str(evidence),
            **self.extra,
        }

    def commands(self) -> Mapping[str, Command]:
        web = f"granian --interface wsgi --host 127.0.0.1 --port {self.port} --workers {self.shape.webs}"
        web += f" --blocking-threads 8 --respawn-failed-workers --no-ws --workers-kill-timeout 10 {APP}:web"
        worker = f"celery -A {APP}:celery worker -c {self.shape.children} --without-mingle --without-gossip"
        workers = {f"worker.{n}": f"{worker} -n {n}@chaos" for n in range(1, self.shape.workers + 1)}
        return {
            name: Command(tuple(words.split()), self.folder, self.environment)
            for name, words in ({"web": web} | workers).items()
        }

    def target(self) -> Target:
        return Target(self.port, {})

    def open(self, client: redis.Redis) -> int:
        """Return how many messages wait; on Redis also those that are with a worker, or with one that is dead."""
        if self.broker:
            return messages(self.broker, "celery")
        waiting: Any = client.llen("celery")
        taken: Any = client.hlen("unacked")
        return int(waiting) + int(taken)


def plain() -> CeleryWay:
    """Return Celery with its defaults."""
    return CeleryWay("plain", 20)


def tuned() -> CeleryWay:
    """Return Celery with everything its guides advise."""
    return CeleryWay("tuned", 50, CHAOS_TUNED="1", REMAP_SIGTERM="SIGQUIT")
