"""The processes of an adapter, and who starts them again: a dyno manager that pauses and then does it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PAUSE = 0.5  # seconds between a process's end and its new start


@dataclass(frozen=True)
class Command:
    """How one process is started."""

    words: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)


@dataclass
class Process:
    """One place of the fleet and the process that fills it at the moment."""

    name: str
    command: Command
    popen: subprocess.Popen[bytes] | None = None
    held: bool = False  # it is not to be started again
    doomed: bool = False  # its end is our doing
    frozen: bool = False
    due: float = 0.0


@dataclass(frozen=True)
class Exit:
    """A process ended by itself."""

    name: str
    code: int
    time: float


class Fleet:
    """Keeps processes running, each in a session of its own with a log of its own."""

    def __init__(self, folder: Path, commands: Mapping[str, Command]) -> None:
        self.folder = folder
        self.processes = {name: Process(name, command) for name, command in commands.items()}
        self.exits: list[Exit] = []
        self.closed = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._keep, name="fleet", daemon=True)

    def start(self) -> None:
        for process in self.processes.values():
            self._start(process)
        self._thread.start()

    def names(self, role: str) -> list[str]:
        """Return the places of a role (``worker``: worker.1, worker.2), those that run first."""
        found = [p for name, p in self.processes.items() if name.partition(".")[0] == role]
        return [p.name for p in sorted(found, key=lambda p: (p.popen is None, p.name))]

    def pids(self, name: str) -> list[int]:
        """Return the pids of a process and of all its children, the parent first."""
        popen = self.processes[name].popen
        return [popen.pid, *_below(popen.pid)] if popen else []

    def kill(self, name: str) -> list[int]:
        """Kill a process with all its children; returns their pids."""
        with self._lock:
            process, pids = self.processes[name], self.pids(name)
            if process.popen is not None:
                process.doomed, process.frozen = True, False
                for pid in pids:  # some children have groups of their own
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                with suppress(ProcessLookupError):
                    os.killpg(process.popen.pid, signal.SIGKILL)
                process.popen.wait()
        return pids

    def behead(self, name: str) -> list[int]:
        """Kill the parent of a process alone; what is left of its group is killed when that is noticed."""
        with self._lock:
            process = self.processes[name]
            if process.popen is None:
                return []
            process.doomed, process.frozen = True, False
            process.popen.kill()
            return [process.popen.pid]

    def send(self, name: str, word: signal.Signals) -> list[int]:
        """Send a signal to a process and all its children, as Heroku does; returns their pids."""
        with self._lock:
            process, pids = self.processes[name], self.pids(name)
            process.frozen = word == signal.SIGSTOP or (process.frozen and word != signal.SIGCONT)
            process.doomed = process.doomed or word == signal.SIGTERM
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, word)
        return pids

    def hold(self, name: str) -> None:
        """Kill a process and leave its place empty."""
        with self._lock:
            self.processes[name].held = True
            self.kill(name)

    def release(self, name: str) -> None:
        """Let a held place be filled again, at once."""
        with self._lock:
            self.processes[name].held, self.processes[name].due = False, 0.0

    def close(self) -> None:
        """End everything."""
        self.closed.set()
        if self._thread.is_alive():
            self._thread.join()
        for name in self.processes:
            self.kill(name)

    def resident(self) -> dict[str, int]:
        """Return the resident memory of each process with its children, in KB."""
        return {name: sum(_resident(pid) for pid in self.pids(name)) for name in self.processes}

    def _start(self, process: Process) -> None:
        command = process.command
        with (self.folder / f"{process.name}.log").open("ab") as log:
            process.popen = subprocess.Popen(
                command.words,
                cwd=command.folder,
                env=dict(command.environment),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        process.doomed = False

    def _keep(self) -> None:
        while not self.closed.wait(0.05):
            with self._lock:
                for process in self.processes.values():
                    self._look(process, time.monotonic())

    def _look(self, process: Process, now: float) -> None:
        popen = process.popen
        if popen is not None and popen.poll() is not None:
            with suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)  # children that outlived it
            if not process.doomed:
                self.exits.append(Exit(process.name, popen.returncode, now))
            process.popen, process.due = None, now + PAUSE
        elif popen is None and not process.held and now >= process.due and not self.closed.is_set():
            self._start(process)


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _below(pid: int) -> list[int]:
    found = children(pid)
    return found + [below for child in found for below in _below(child)]


def _resident(pid: int) -> int:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])
    return 0
