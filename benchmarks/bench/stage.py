"""The stage of one cell: a fresh server, a folder for marks and logs, and processes that end with it."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.bench import marks
from benchmarks.bench.cost import descendants
from benchmarks.bench.http_load import load
from benchmarks.bench.systems import System
from benchmarks.chaos.servers import Server

PATIENCE = 60.0  # seconds that a process may take to begin


class Unplayable(RuntimeError):
    """A cell that could not be played to its end."""


class Stage:
    """Everything that one cell of one round needs; a ``with`` block ends it, and keeps its folder where it failed."""

    def __init__(self, folder: Path, system: System) -> None:
        self.folder, self.system = folder, system
        folder.mkdir(parents=True)
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.server = Server(folder)
        self.processes: list[subprocess.Popen[bytes]] = []
        url = f"redis://127.0.0.1:{self.server.port}/0"
        self.environment = dict(system.environment()) | {"REDIS_URL": url, marks.VARIABLE: str(self.marks)}

    def __enter__(self) -> Self:
        try:
            self.server.start()
        except BaseException:
            self.server.kill()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for process in self.processes:
            _end(process)
        self.server.kill()
        if kind is None:
            shutil.rmtree(self.folder)

    def call(self, function: str, count: int, limit: float = 600.0) -> Any:
        """Call a function of the system's module in a process of its own; returns what it returns."""
        words = ["python", "-m", "benchmarks.bench.call", self.system.module, function, str(count)]
        process = self.start("call", words, subprocess.PIPE)
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise Unplayable(f"{function} took more than {limit:.0f} s") from error
        if process.returncode:
            raise Unplayable(f"{function} failed: {self.last_words('call')}")
        return json.loads(said.splitlines()[-1])

    def start(self, name: str, words: list[str], output: int | None = None) -> subprocess.Popen[bytes]:
        """Start a process of the system; its log is in the stage's folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [shutil.which(words[0], path=self.environment["PATH"]) or words[0], *words[1:]],
                cwd=self.system.folder(),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output or log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def workers(self, number: int = 1) -> list[int]:
        """Start workers; returns their pids."""
        return [self.start(f"worker.{n}", self.system.worker(n)).pid for n in range(1, number + 1)]

    def until(self, reached: Callable[[marks.Tally], bool], idle: float = PATIENCE, pause: float = 0.02) -> marks.Tally:
        """Wait until the marks say so; fails when nothing moves for *idle* seconds or a process has ended."""
        before, moved = marks.Tally(), time.monotonic()
        while not reached(found := marks.tally(self.marks)):
            now = time.monotonic()
            if (found.starts, found.ends) != (before.starts, before.ends):
                before, moved = found, now
            if now - moved > idle:
                raise Unplayable(f"nothing moved for {idle:.0f} s: {found.starts} started, {found.ends} ended")
            gone = [process.args for process in self.processes if process.poll()]
            if gone:
                raise Unplayable(f"a process has ended: {self.last_words('worker.1')}")
            time.sleep(pause)
        return found

    def answering(self, port: int, asked: bytes) -> None:
        """Wait until a request to *port* is answered with a 2xx."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError):
                found = load(port, asked, connections=1, seconds=0.1)
                if found.statuses and not found.errors:
                    return
            time.sleep(0.1)
        raise Unplayable(f"no request is answered with a 2xx: {self.last_words('web')}")

    def last_words(self, name: str) -> str:
        """Return the last line that a process logged."""
        log = self.folder / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with all that it started; some children have groups of their own."""
    for pid in descendants(process.pid) if process.poll() is None else []:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
