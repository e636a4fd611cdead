"""What is done to the house: a seeded list of steps, and the hands that do them."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.adapters import Adapter
from benchmarks.chaos.fleet import Fleet, children
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.rabbit import Rabbit
from benchmarks.chaos.servers import Server


@dataclass(frozen=True)
class At:
    """Do *action* so many seconds after the load began."""

    at: float
    action: str
    value: float = 0.0


@dataclass(frozen=True)
class Each:
    """Do one of *actions* each so many seconds while the load goes on."""

    each: float
    actions: tuple[str, ...]
    first: float = 3.0
    value: float = 0.0


@dataclass(frozen=True)
class Done:
    """A fault that was done, and the processes it hit."""

    action: str
    target: str
    time: float
    pids: tuple[int, ...] = ()


def plan(faults: Sequence[At | Each], seconds: float, seed: int) -> list[At]:
    """Return all steps of a load of so many seconds, in order; the same for the same seed."""
    dice = random.Random(seed)
    steps = [fault for fault in faults if isinstance(fault, At)]
    for fault in faults:
        at = fault.first if isinstance(fault, Each) else seconds
        while isinstance(fault, Each) and at < seconds:
            steps.append(At(at, dice.choice(fault.actions), fault.value))
            at += fault.each * dice.uniform(0.8, 1.2)
    return sorted(steps, key=lambda step: step.at)


@dataclass
class Hands:
    """Does the steps. What was hit is in ``done`` and, line by line, in the file."""

    adapter: Adapter
    server: Server
    fleet: Fleet
    proxy: Proxy | None
    rabbit: Rabbit | None
    dice: random.Random
    log: Path
    done: list[Done] = field(default_factory=list)

    def act(self, action: str, value: float = 0.0) -> None:
        """Do one action by its name."""
        method: Callable[[float], tuple[str, Sequence[int]]] = getattr(self, action)
        at = time.monotonic()
        target, pids = method(value)
        done = Done(action, target, at, tuple(pids))
        self.done.append(done)
        with self.log.open("a") as log:
            log.write(json.dumps({"action": action, "target": target, "time": at, "pids": done.pids}) + "\n")

    def follow(self, steps: Sequence[At], begun: float, stopped: threading.Event) -> None:
        """Do all steps, each at its time, until told to stop."""
        for step in steps:
            if stopped.wait(max(0.0, begun + step.at - time.monotonic())):
                return
            self.act(step.action, step.value)

    # processes

    def kill_worker(self, _: float) -> tuple[str, Sequence[int]]:
        return self._kill(self._one("worker"))

    def kill_worker_alone(self, _: float) -> tuple[str, Sequence[int]]:
        """Kill a worker's parent, as the kernel does when memory is short."""
        name = self._one("worker")
        return name, self.fleet.behead(name)

    def kill_workers(self, _: float) -> tuple[str, Sequence[int]]:
        return "worker", [pid for name in self.fleet.names("worker") for pid in self.fleet.kill(name)]

    def kill_web(self, _: float) -> tuple[str, Sequence[int]]:
        return self._kill("web")

    def kill_beat(self, _: float) -> tuple[str, Sequence[int]]:
        return self._kill("beat") if "beat" in self.fleet.processes else ("", [])

    def kill_web_child(self, _: float) -> tuple[str, Sequence[int]]:
        return self._kill_child("web")

    def kill_pool_child(self, _: float) -> tuple[str, Sequence[int]]:
        return self._kill_child(self._one("worker"))

    def stop_worker(self, _: float) -> tuple[str, Sequence[int]]:
        """Stop a worker as Heroku does: SIGTERM to each of its processes."""
        name = self._one("worker")
        return name, self.fleet.send(name, signal.SIGTERM)

    def freeze_worker(self, _: float) -> tuple[str, Sequence[int]]:
        name = self._one("worker")
        return name, self.fleet.send(name, signal.SIGSTOP)

    def freeze_workers(self, _: float) -> tuple[str, Sequence[int]]:
        return "worker", [pid for name in self.fleet.names("worker") for pid in self.fleet.send(name, signal.SIGSTOP)]

    def thaw_workers(self, _: float) -> tuple[str, Sequence[int]]:
        return "worker", [pid for name in self.fleet.names("worker") for pid in self.fleet.send(name, signal.SIGCONT)]

    def hold_workers(self, _: float) -> tuple[str, Sequence[int]]:
        for name in self.fleet.names("worker"):
            self.fleet.hold(name)
        return "worker", []

    def release_workers(self, _: float) -> tuple[str, Sequence[int]]:
        for name in self.fleet.names("worker"):
            self.fleet.release(name)
        return "worker", []

    # the server

    def kill_server(self, _: float) -> tuple[str, Sequence[int]]:
        """Kill the server and start it again on its data."""
        self.server.kill()
        threading.Event().wait(0.5)
        self.server.start()
        return "server", []

    def server_down(self, _: float) -> tuple[str, Sequence[int]]:
        self.server.kill()
        return "server", []

    def server_up(self, _: float) -> tuple[str, Sequence[int]]:
        self.server.start()
        return "server", []

    def freeze_server(self, _: float) -> tuple[str, Sequence[int]]:
        self.server.signal(signal.SIGSTOP)
        return "server", []

    def thaw_server(self, _: float) -> tuple[str, Sequence[int]]:
        self.server.signal(signal.SIGCONT)
        return "server", []

    def limit_memory(self, value: float) -> tuple[str, Sequence[int]]:
        """Leave the server so many MB more than it uses now."""
        self.server.client.config_set("maxmemory", self.server.memory() + int(value * 1_000_000))
        return "server", []

    def delete_queue(self, _: float) -> tuple[str, Sequence[int]]:
        """Delete the broker's lists of messages."""
        keys = list(self.server.client.scan_iter(self.adapter.queues, count=1000, _type="LIST"))
        if keys:
            self.server.client.delete(*keys)
        return b" ".join(keys).decode(), []

    # the RabbitMQ node, where there is one

    def rabbit_down(self, _: float) -> tuple[str, Sequence[int]]:
        if self.rabbit is not None:
            self.rabbit.kill()
        return "rabbitmq", []

    def rabbit_up(self, _: float) -> tuple[str, Sequence[int]]:
        if self.rabbit is not None:
            self.rabbit.start()
        return "rabbitmq", []

    # the road to Redis

    def road_slow(self, value: float) -> tuple[str, Sequence[int]]:
        return self._road(latency=value)

    def road_black_hole(self, _: float) -> tuple[str, Sequence[int]]:
        return self._road(black_hole=True)

    def road_refuse(self, _: float) -> tuple[str, Sequence[int]]:
        self._road(refuse=True)
        return self.road_reset(0)

    def road_cut(self, value: float) -> tuple[str, Sequence[int]]:
        return self._road(cut=value)

    def road_fine(self, _: float) -> tuple[str, Sequence[int]]:
        return self._road()

    def road_reset(self, _: float) -> tuple[str, Sequence[int]]:
        if self.proxy is not None:
            self.proxy.reset()
        return "road", []

    def heal(self) -> None:
        """Take back whatever still holds anything up."""
        if self.proxy is not None:
            self._road()
        if self.server.process is None:
            self.server.start()
        if self.rabbit is not None and self.rabbit.process is None:
            self.rabbit.start()
        self.server.signal(signal.SIGCONT)
        self.thaw_workers(0)

    def _road(
        self, latency: float = 0, cut: float = 0, *, black_hole: bool = False, refuse: bool = False
    ) -> tuple[str, Sequence[int]]:
        if self.proxy is None:
            raise RuntimeError("this scenario has no proxy: give its shape one")
        road = self.proxy.road
        road.latency, road.cut, road.black_hole, road.refuse = latency, cut, black_hole, refuse
        return "road", []

    def _one(self, role: str) -> str:
        names = [name for name in self.fleet.names(role) if self.fleet.processes[name].popen is not None]
        return self.dice.choice(names or self.fleet.names(role))

    def _kill(self, name: str) -> tuple[str, Sequence[int]]:
        return name, self.fleet.kill(name)

    def _kill_child(self, name: str) -> tuple[str, Sequence[int]]:
        pids = self.fleet.pids(name)
        found = children(pids[0]) if pids else []
        if not found:
            return name, []
        pid = self.dice.choice(found)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return name, [pid]
