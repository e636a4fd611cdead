"""Plays one scenario of schedules with one adapter: build, make the entries, faults, drain, count."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from benchmarks.chaos.beats import hostile
from benchmarks.chaos.beats.account import KEYS, Account, account, account_of_peer
from benchmarks.chaos.beats.adapters import WAYS, Beats, OurBeats, RedBeat
from benchmarks.chaos.beats.criteria import struck
from benchmarks.chaos.beats.entries import FIRST, Entry, now, several
from benchmarks.chaos.beats.hands import BeatHands
from benchmarks.chaos.beats.scenario import Outcome, Story
from benchmarks.chaos.evidence import Reader
from benchmarks.chaos.faults import plan
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.servers import Server
from benchmarks.chaos.shape import Shape

START = 60.0  # seconds until the first fire is done
SETTLE = 1.0  # seconds after the last planned time that counts
BACKLOG = 5.0  # seconds without any evidence after which the worker of a peer, whose beats rest, has no more to do
LOST = 60.0  # seconds without any evidence after which nothing will come any more
HOUR = 3600  # seconds
VICTIMS = 11  # schedules of ours among the hostile entries
Tell = Callable[[str], None]


def play(story: Story, name: str, seed: int, folder: Path, tell: Tell) -> Outcome:
    """Play *story* with the adapter *name* in *folder*; *tell* is given a line each moment."""
    folder.mkdir(parents=True)
    tower = Tower(story, WAYS[name](), seed, folder, tell)
    try:
        tower.build()
        return tower.play()
    finally:
        tower.close()


@dataclass
class Tower:
    """All the parts of one scenario while it is played."""

    story: Story
    adapter: Beats
    seed: int
    folder: Path
    tell: Tell
    proxy: Proxy | None = None
    fleet: Fleet | None = None
    broker: Server | None = None
    made: dict[str, int] = field(default_factory=dict)
    wild: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = Server(self.folder)
        self.evidence = Reader(self.folder / "evidence.csv")

    def build(self) -> None:
        """Start everything, and wait until a first fire has gone all the way."""
        self.server.start()
        environment = {"REDBEAT_TASKS": hostile.ALLOWED}
        if self.story.apart:
            (self.folder / "broker").mkdir()
            self.broker = Server(self.folder / "broker")
            self.broker.start()
            self.proxy = Proxy(self.broker.port, self.seed).start()
            environment["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{self.proxy.port}/0"
        shape = Shape(workers=1, webs=1, environment=environment)
        self.adapter.prepare(self.folder, shape, self.server.port, self.evidence.path)
        if not self._ours:
            self.made |= self.adapter.make([FIRST])  # a RedBeat that knows of nothing sleeps for five minutes
        self.fleet = Fleet(self.folder, self.adapter.commands())
        self.fleet.start()
        dice = random.Random(self.seed)
        where: Any = self.adapter
        self.hands = BeatHands(where, self.server, self.fleet, self.proxy, None, dice, self.folder / "faults.jsonl")
        self._first_fire()

    def play(self) -> Outcome:
        """Do what the scenario says, and judge."""
        story, stopped = self.story, threading.Event()
        self.made |= self.adapter.make(story.entries)
        if story.hostile:
            self._let_in_the_wild()
        self.hands.witness = next((one.name for one in story.entries if one.catch_up == "latest"), "")
        begun = time.monotonic()
        steps = plan(story.faults, story.seconds - 4, self.seed)
        faults = threading.Thread(target=self.hands.follow, args=(steps, begun, stopped), name="faults")
        faults.start()
        while time.monotonic() - begun < story.seconds:
            self._tick()
            threading.Event().wait(0.2)
        stopped.set()
        faults.join()
        self.hands.heal()
        until = now()
        self._drain(until)
        held = self._held() if story.hostile else {}
        return self._judge(until, held)

    def close(self) -> None:
        if self.fleet is not None:
            self.fleet.close()
        for server in (self.server, self.broker):
            if server is not None:
                server.kill()
        if self.proxy is not None:
            self.proxy.stop()

    def _first_fire(self) -> None:
        deadline = time.monotonic() + START
        while not self.evidence.lines:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.adapter.name} did not fire within {START:.0f} s; see {self.folder}")
            if not self.made:
                with suppress(OSError, RuntimeError):  # its web process is not there yet
                    self.made |= self.adapter.make([FIRST])
            self.evidence.read()
            threading.Event().wait(0.1)

    def _let_in_the_wild(self) -> None:
        victims = several(VICTIMS, (HOUR,), "victim")
        self.adapter.make(victims)
        name = self.story.entries[0].name
        sealed: Any = self.server.client.hget(hostile.PREFIX + name, "carillon")
        names = [entry.name for entry in victims]
        self.wild = hostile.write(self.server.client, self.story.hostile, self.seed, sealed, names)

    def _drain(self, until: int) -> None:
        """Wait until beat is past *until* and all runs are done, or nothing moves any more."""
        begun = moved = time.monotonic()
        past = False
        while time.monotonic() - begun < self.story.drain:
            if self.evidence.read():
                moved = time.monotonic()
            if past := past or self._ticked() > until + SETTLE * 1000:
                self.hands.rest()
            if past and (self._open() == 0 if self._ours else time.monotonic() - moved > BACKLOG):
                return
            if time.monotonic() - moved > LOST:
                return
            self._tick(f" drains {time.monotonic() - begun:.0f} s")
            threading.Event().wait(0.1)

    def _ticked(self) -> int:
        """Return up to when all that was due has been fired, in ms; of a peer nobody knows."""
        found: Any = self.server.client.get(KEYS.ticked) if self._ours else now()
        return int(found or 0)

    def _held(self) -> dict[str, str]:
        """Return what the API shows to be held, with the reason."""
        assert isinstance(self.adapter, OurBeats)
        found, path = dict[str, str](), "/api/v1/schedules?limit=100"
        while path:
            page = self.adapter.ask("GET", path)
            found |= {one["name"]: one["held"] for one in page["items"] if one.get("held")}
            path = f"/api/v1/schedules?limit=100&cursor={page['next']}" if page["next"] else ""
        return found

    def _judge(self, until: int, held: dict[str, str]) -> Outcome:
        assert self.fleet is not None
        self.evidence.read()
        outcome = Outcome(
            scenario=self.story,
            adapter=self.adapter.name,
            folder=self.folder,
            account=self._account(until),
            lines=self.evidence.lines,
            faults=self.hands.done,
            exits=list(self.fleet.exits),
            stuck=self._open(),
            down=self.hands.down,
            asked=self.hands.asked,
            wild=self.wild,
            held=held,
        )
        outcome.complaints = [said for criterion in (struck, *self.story.criteria) if (said := criterion(outcome))]
        return outcome

    def _account(self, until: int) -> Account:
        entries = [FIRST, *self.story.entries]
        if isinstance(self.adapter, RedBeat):
            return account_of_peer(entries, self.adapter.counted(), until, self.evidence.lines)
        once = [Entry(name, 0, once=planned) for name, planned in self.hands.asked]
        made = self.made | {entry.name: 0 for entry in once}
        return account(self.server.client, [*entries, *once], made, until, self.evidence.lines)

    @property
    def _ours(self) -> bool:
        return isinstance(self.adapter, OurBeats)

    def _open(self) -> int:
        try:
            return self.adapter.open(self.server.client)
        except redis.RedisError:
            return -1

    def _tick(self, more: str = "") -> None:
        self.evidence.read()
        self.tell(f"done {len(self.evidence.ended)} faults {len(self.hands.done)}{more}")
