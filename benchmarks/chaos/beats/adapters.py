"""Who fires schedules: this project, and RedBeat with its defaults and as one would tune it."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

import redis

from benchmarks.bench.environments import environment
from benchmarks.chaos.adapters import REPOSITORY
from benchmarks.chaos.adapters.ours import TOKEN, Ours
from benchmarks.chaos.beats.entries import Entry, now
from benchmarks.chaos.evidence import VARIABLE
from benchmarks.chaos.fleet import Command
from benchmarks.chaos.shape import Shape
from core.clock import to_ms

APP = "benchmarks.chaos.beats.redbeat_app"


class Beats(Protocol):
    """One way of firing schedules."""

    name: str
    queues: str

    def prepare(self, folder: Path, shape: Shape, redis_port: int, evidence: Path) -> None:
        """Make what the processes need in *folder*."""

    def commands(self) -> Mapping[str, Command]:
        """Return the processes: beat.1, beat.2, worker.1..."""

    def make(self, entries: Sequence[Entry]) -> dict[str, int]:
        """Make *entries* while everything runs; returns when each was made, in ms."""

    def open(self, client: redis.Redis) -> int:
        """Return how many runs are recorded and not done."""


class OurBeats(Ours):
    """This project: one web process, one worker and two beats."""

    def commands(self) -> Mapping[str, Command]:
        found = {name: command for name, command in super().commands().items() if name != "beat"}
        beat = super().commands()["beat"]
        return found | {"beat.1": beat, "beat.2": beat}

    def make(self, entries: Sequence[Entry]) -> dict[str, int]:
        made = {}
        for entry in entries:
            answer = self.ask("POST", "/api/v1/schedules", entry.members)
            made[entry.name] = to_ms(datetime.fromisoformat(answer["created"]))
        return made

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what the API answers.

        Raises:
            RuntimeError: that is no 2xx.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {text[:300]!r}")
        return json.loads(text)


class RedBeat:
    """RedBeat 2.4.2 in an environment of its own; *loop* and *lock* are seconds, 0 for its defaults."""

    queues = "celery*"

    def __init__(self, name: str, loop: int = 0, lock: int = 0) -> None:
        self.name, self.loop, self.lock = name, loop, lock

    def prepare(self, folder: Path, shape: Shape, redis_port: int, evidence: Path) -> None:
        """Nothing has to be made but the environment."""
        self.folder = folder
        url = f"redis://127.0.0.1:{redis_port}/0"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "CELERY_"))},
            "PATH": f"{environment('redbeat')}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            "REDIS_URL": url,
            "BROKER_URL": shape.environment.get("CELERY_BROKER_URL", url),
            "REDBEAT_LOOP": str(self.loop),
            "REDBEAT_LOCK": str(self.lock),
            VARIABLE: str(evidence),
        }

    def commands(self) -> Mapping[str, Command]:
        beat = self._command(f"celery -q -A {APP}:celery beat --max-interval {self.loop or 300}")
        worker = self._command(f"celery -q -A {APP}:celery worker -c 2 --without-mingle --without-gossip -n 1@chaos")
        return {"worker.1": worker, "beat.1": beat, "beat.2": beat}

    def make(self, entries: Sequence[Entry]) -> dict[str, int]:
        begun = now()
        self._call("make", json.dumps({entry.name: entry.seconds for entry in entries}))
        return {entry.name: begun for entry in entries}

    def counted(self) -> int:
        """Return how many fires its entries claim."""
        return int(self._call("counted"))

    def open(self, client: redis.Redis) -> int:  # noqa: ARG002 - as of the others
        """Return 0: it keeps no record."""
        return 0

    def _call(self, *words: str) -> str:
        command = [f"{environment('redbeat')}/python", "-m", APP, *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, check=True, text=True, timeout=120
        )
        return done.stdout

    def _command(self, line: str) -> Command:
        return Command(tuple(line.split()), self.folder, self.environment)


WAYS: Mapping[str, Callable[[], Beats]] = {
    "redbeat": lambda: RedBeat("redbeat"),
    "redbeat-tuned": lambda: RedBeat("redbeat-tuned", loop=1, lock=5),
    "ours": OurBeats,
}
