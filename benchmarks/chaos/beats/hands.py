"""What is done to beats, beside what is done to any house."""

import json
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos.beats.account import KEYS, ticks_of
from benchmarks.chaos.beats.entries import WALL, now
from benchmarks.chaos.faults import Hands

RETURN = 60.0  # seconds that beats may take to come back
STOP = 10.0  # seconds that they may take to stop


@dataclass
class BeatHands(Hands):
    """Does the steps. ``down`` are the times (ms) in which no beat was alive, ``asked`` the schedules made meanwhile.

    *witness* is the entry whose fires tell when a beat came back.
    """

    down: list[tuple[int, int]] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    witness: str = ""

    def kill_a_beat(self, _: float) -> tuple[str, Sequence[int]]:
        return self._kill(self._one("beat"))

    def hold_beats(self, _: float) -> tuple[str, Sequence[int]]:
        """Kill all beats and let none come back."""
        for name in self.fleet.names("beat"):
            self.fleet.hold(name)
        self.down.append((now(), 0))
        return "beat", []

    def release_beats(self, _: float) -> tuple[str, Sequence[int]]:
        """Let beats come back; the time without one ends with the first tick, whose time the first late fire tells."""
        since = self.down[-1][0]
        for name in self.fleet.names("beat"):
            self.fleet.release(name)
        deadline, ticks = time.monotonic() + RETURN, list[int]()
        while not ticks:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no beat fired {RETURN:.0f} s after they were let back")
            threading.Event().wait(0.1)
            ticks = [tick for tick in ticks_of(self.server.client, self.witness) if tick > since]
        self.down[-1] = since, min(ticks)
        return "beat", []

    def stop_leader(self, _: float) -> tuple[str, Sequence[int]]:
        """Stop the beat that leads as a platform does, with SIGTERM."""
        holder: Any = self.server.client.get("redbeat::lock")
        said: Any = holder and self.server.client.get(KEYS.process(f"beat:{holder.decode()}"))
        leader = json.loads(said)["pid"] if said else 0
        for name in self.fleet.names("beat"):
            if leader in self.fleet.pids(name):
                return name, self.fleet.send(name, signal.SIGTERM)
        return "", []

    def make_schedule(self, value: float) -> tuple[str, Sequence[int]]:
        """Make a schedule over the API that is due once, so many seconds from now."""
        name, planned = f"asked{len(self.asked)}", now() + round(value * 1000)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(planned / 1000)) + f".{planned % 1000:03}Z"
        ask: Any = self.adapter
        ask.ask("POST", "/api/v1/schedules", {"name": name, "task": "tick", "overlap": "allow", "at": at})
        self.asked.append((name, planned))
        return name, []

    def heal(self) -> None:
        """Take back whatever still holds anything up."""
        super().heal()
        for name in self.fleet.names("beat"):
            if self.fleet.processes[name].held:
                self.fleet.release(name)

    def rest(self) -> None:
        """Stop all beats for good, in an orderly way: what fires from now on would blur the count."""
        names = [name for name in self.fleet.names("beat") if not self.fleet.processes[name].held]
        for name in names:
            self.fleet.processes[name].held = True
            self.fleet.send(name, signal.SIGTERM)
        deadline = time.monotonic() + STOP
        while any(self.fleet.processes[name].popen for name in names) and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        for name in names:
            self.fleet.hold(name)


def wall(monotonic: float) -> int:
    """Return the time of the wall, in ms, at a time of the machine's monotonic clock."""
    return round((monotonic + WALL) * 1000)
