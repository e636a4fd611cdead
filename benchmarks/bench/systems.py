"""Who is measured: this project in a clone of its own, and each peer in an environment of its own."""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import redis

from benchmarks.bench.environments import REPOSITORY, environment
from benchmarks.clone import clone
from core.ledger.keys import Keys

TOKEN = "bench-token"  # noqa: S105 - of processes that live as long as a cell
FORGOTTEN = ("CARILLON_", "FLASK_", "CELERY_", "ASYNC_", "WEB_", "DURABILITY", "HISTORY_", "dramatiq_")
GIGABYTES = "8gb"  # so that the long backlog fits; the server itself has no limit
HANDLERS = Path(__file__).with_name("ours") / "handlers.py"


class System(Protocol):
    """One way of doing the work. ``module`` holds the functions that send and fill."""

    name: str
    module: str

    def prepare(self, folder: Path) -> None:
        """Make what its processes need, if need be in *folder*.

        Raises:
            Unavailable: it cannot be had here.
        """

    def folder(self) -> Path:
        """Return where its processes run."""

    def environment(self) -> Mapping[str, str]:
        """Return what its processes find in the environment, beside what the cell says."""

    def worker(self, number: int) -> list[str]:
        """Return the command of its *number*-th worker."""

    def web(self, port: int) -> list[str]:
        """Return the command that serves HTTP on *port* of 127.0.0.1."""

    def headers(self) -> Mapping[str, str]:
        """Return what a request has to say."""

    def waiting(self, client: "redis.Redis") -> int:
        """Return how much is recorded and not begun."""


@dataclass
class Peer:
    """A peer: its requirements, its module, its commands as its guide gives them."""

    name: str
    requirements: str
    module: str
    work: str = ""
    serve: str = ""
    way: str = ""
    bin: Path = field(default=Path(), init=False)

    def prepare(self, folder: Path) -> None:  # noqa: ARG002 - the environment is kept
        self.bin = environment(self.requirements)

    def folder(self) -> Path:
        return REPOSITORY

    def environment(self) -> Mapping[str, str]:
        return _surroundings(self.bin) | {"PYTHONPATH": str(REPOSITORY), "BENCH_WAY": self.way}

    def worker(self, number: int) -> list[str]:
        return shlex.split(self.work.format(number=number))

    def web(self, port: int) -> list[str]:
        return shlex.split(self.serve.format(port=port))

    def headers(self) -> Mapping[str, str]:
        return {}

    def waiting(self, client: "redis.Redis") -> int:
        return int(str(client.llen("celery")))


@dataclass
class Ours:
    """This project, its processes as the Procfile starts them, with *settings* in the environment beside its needs."""

    name: str = "ours"
    settings: Mapping[str, str] = field(default_factory=dict)
    module: str = "benchmarks.bench.ours.sending"
    house: Path = field(default=Path(), init=False)

    def prepare(self, folder: Path) -> None:
        self.house = folder / "house"
        if not self.house.exists():
            clone(REPOSITORY, self.house, HANDLERS, "bench.py")
        lines = (self.house / "Procfile").read_text().splitlines()
        self.lines = dict(line.split(": ", 1) for line in lines)

    def folder(self) -> Path:
        return self.house

    def environment(self) -> Mapping[str, str]:
        return _surroundings(Path(sys.executable).parent) | {
            "PYTHONPATH": f"{self.house}{os.pathsep}{REPOSITORY}",
            "CARILLON_HOST": "127.0.0.1",
            "FLASK_APP": "core.main",
            "SECRET_KEY": "bench-key",
            "API_TOKEN": TOKEN,
            "LEDGER_MEMORY": GIGABYTES,
            "BACKLOG_LIMIT": "2000000",
            **self.settings,
        }

    def worker(self, number: int) -> list[str]:
        return ["sh", "-c", f"exec {self.lines['worker']} -n {number}@bench"]

    def web(self, port: int) -> list[str]:
        return ["sh", "-c", f"export PORT={port}; exec {self.lines['web']}"]

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}

    def waiting(self, client: "redis.Redis") -> int:
        return int(str(client.zcard(Keys("carillon").state("pending"))))


def _surroundings(programs: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FORGOTTEN)}
    return kept | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
