"""Adapter C: a clone of this project, its processes as the Procfile starts them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from benchmarks.chaos.adapters import REPOSITORY
from benchmarks.chaos.evidence import VARIABLE
from benchmarks.chaos.fleet import Command
from benchmarks.chaos.load import Target
from benchmarks.chaos.servers import free_port
from benchmarks.chaos.shape import Shape
from benchmarks.clone import clone
from core.ledger.keys import Keys

TOKEN = "chaos-token"  # noqa: S105 - of processes that live as long as a scenario
HANDLERS = Path(__file__).with_name("our_handlers.py")
CLOCKS = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")
PROCESSES = ("web", "worker", "beat")


class Ours:
    """This project, with the handlers of chaos."""

    name = "ours"
    queues = "carillon.*"
    idle = 60.0

    def __init__(self) -> None:
        self.port = free_port()

    def prepare(self, folder: Path, shape: Shape, redis_port: int, evidence: Path, broker: str = "") -> None:
        """Clone the project, and its previous commit where both run side by side."""
        self.shape = shape
        self.folders = {"new": folder / "house"}
        clone(REPOSITORY, self.folders["new"], HANDLERS, "chaos.py")
        if shape.mixed:
            self.folders["old"] = folder / "house.old"
            clone(_previous(folder / "previous"), self.folders["old"], HANDLERS, "chaos.py")
        self.environment = {
            **{n: value for n, value in os.environ.items() if not n.startswith(("CARILLON_", "FLASK_", "CELERY_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PORT": str(self.port),
            "CARILLON_HOST": "127.0.0.1",
            "WEB_CONCURRENCY": str(shape.webs),
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "SECRET_KEY": "chaos-key",
            "API_TOKEN": TOKEN,
            "FLASK_APP": "core.main",
            VARIABLE: str(evidence),
            **({"CELERY_BROKER_URL": broker} if broker else {}),
            **shape.environment,
        }

    def commands(self) -> Mapping[str, Command]:
        lines = dict(line.split(": ", 1) for line in (self.folders["new"] / "Procfile").read_text().splitlines())
        if self.shape.prefork:  # Celery takes -P prefork for the default, which the setting overrules
            self.environment["FLASK_CELERY__worker_pool"] = "prefork"
        commands = {name: self._command(lines[name]) for name in PROCESSES if name != "worker"}
        extra = f" -P prefork -c {self.shape.children}" if self.shape.prefork else ""
        extra += f" -c {self.shape.threads}" if self.shape.threads else ""
        for n in range(1, self.shape.workers + 1):
            odd = n == 1
            commands[f"worker.{n}"] = self._command(
                f"{lines['worker']} -n {n}@chaos{extra}",
                version="old" if odd and self.shape.mixed else "new",
                skewed=self.shape.skewed if odd else 0,
            )
        return commands

    def target(self) -> Target:
        return Target(self.port, {"Authorization": f"Bearer {TOKEN}"})

    def open(self, client: redis.Redis) -> int:
        """Return how many runs are not terminal."""
        found: Any = client.zcard(Keys("carillon").due)
        return int(found)

    def _command(self, line: str, version: str = "new", skewed: int = 0) -> Command:
        folder = self.folders[version]
        environment = self.environment | {"PYTHONPATH": f"{folder}:{REPOSITORY}"}
        if skewed:
            environment |= {"LD_PRELOAD": clock_library(), "FAKETIME": f"{skewed:+d}s"}
            environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}
        return Command(("sh", "-c", f"exec {line}"), folder, environment)


def clock_library() -> str:
    """Return the path of libfaketime, or '' where this machine has none; CHAOS_FAKETIME may name it."""
    named = [Path(path) for path in [os.environ.get("CHAOS_FAKETIME", "")] if path]
    found = named or [path for folder in CLOCKS for path in Path(folder).glob("**/libfaketimeMT.so.1")]
    return str(found[0]) if found else ""


def _previous(folder: Path) -> Path:
    """Check out into *folder* what this repository was before core changed last, or CHAOS_OLD; returns the folder."""
    folder.mkdir()
    git = ["git", "-C", str(REPOSITORY)]
    last = subprocess.run([*git, "rev-list", "-1", "HEAD", "core"], capture_output=True, check=True, text=True)
    old = os.environ.get("CHAOS_OLD") or f"{last.stdout.strip()}~1"
    with subprocess.Popen([*git, "archive", "--format=tar", old], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
    return folder
