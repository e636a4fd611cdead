"""Runs one scenario with one adapter: build, load and faults, drain, check."""

import http.client
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.chaos.acceptance import Acceptance
from benchmarks.chaos.adapters import Adapter, adapter
from benchmarks.chaos.check import check
from benchmarks.chaos.criteria import struck
from benchmarks.chaos.evidence import Reader
from benchmarks.chaos.faults import Hands, plan
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.ledger import examine
from benchmarks.chaos.load import Driver, Load
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.rabbit import Rabbit
from benchmarks.chaos.scenario import Outcome, Scenario
from benchmarks.chaos.servers import Server
from benchmarks.chaos.work import HANDLERS

SETTLE = 3.0  # seconds after all is done in which nothing more may happen
START = 60.0
LAST = 30.0  # seconds that an event has which is offered when all is over
Tell = Callable[[str], None]


def run(scenario: Scenario, name: str, seed: int, folder: Path, tell: Tell) -> Outcome:
    """Play *scenario* with the adapter *name* in *folder*; *tell* is given a line each moment."""
    folder.mkdir(parents=True)
    house = House(scenario, adapter(name), seed, folder, tell)
    try:
        house.build()
        return house.play()
    finally:
        house.close()


@dataclass
class House:
    """All the parts of one scenario while it is played."""

    scenario: Scenario
    adapter: Adapter
    seed: int
    folder: Path
    tell: Tell
    proxy: Proxy | None = None
    rabbit: Rabbit | None = None
    fleet: Fleet | None = None
    _early: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self.folder, self.scenario.shape.fsync)
        self.evidence = Reader(self.folder / "evidence.csv")
        self.log = Acceptance(self.folder / "acceptance.csv")

    def build(self) -> None:
        """Start everything, and wait until a first event has gone all the way."""
        shape = self.scenario.shape
        self.server.start()
        port = self.server.port
        if shape.proxy:
            self.proxy = Proxy(port, self.seed).start()
            port = self.proxy.port
        if shape.rabbitmq:
            self.rabbit = Rabbit(self.folder)
            self.rabbit.start()
        broker = self.rabbit.url if self.rabbit else ""
        self.adapter.prepare(self.folder, shape, port, self.evidence.path, broker)
        self.fleet = Fleet(self.folder, self.adapter.commands())
        self.fleet.start()
        dice = random.Random(self.seed)
        servers = self.server, self.fleet, self.proxy, self.rabbit
        self.hands = Hands(self.adapter, *servers, dice, self.folder / "faults.jsonl")
        deadline = time.monotonic() + START
        while not self._ready() and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        if not self._trial("first", START):
            raise RuntimeError(f"{self.adapter.name} did not do its first event; its logs are in {self.folder}")

    def play(self) -> Outcome:
        """Do what the scenario says, and judge."""
        for step in self.scenario.before:
            self.hands.act(*((step,) if isinstance(step, str) else step))
        early = self.server.memory()
        driver = Driver(self.scenario.load, self.adapter.target(), self.log, f"e{self.seed}", self.seed)
        stopped = threading.Event()
        steps = plan(self.scenario.faults, driver.seconds, self.seed)
        driver.begin()
        faults = threading.Thread(target=self.hands.follow, args=(steps, driver.begun, stopped), name="faults")
        faults.start()
        driver.join(self._tick, limit=2 * driver.seconds + 120)
        longest = max((step.at for step in steps), default=0.0)
        faults.join(max(1.0, driver.begun + longest + 30 - time.monotonic()))
        stopped.set()
        faults.join()
        self.hands.heal()
        for step in self.scenario.after:
            self.hands.act(step)
        drained = self._drain()
        alive = self._trial("last", LAST)
        return self._judge(drained, alive, early)

    def close(self) -> None:
        if self.fleet is not None:
            with suppress(redis.RedisError, ProcessLookupError, RuntimeError):
                self.hands.heal()
            self.fleet.close()
        self.server.kill()
        if self.rabbit is not None:
            self.rabbit.close()
        if self.proxy is not None:
            self.proxy.stop()
        self.log.close()

    def _drain(self) -> float:
        """Wait until all is done, or until nothing moves any more; returns the seconds."""
        begun = moved = time.monotonic()
        accepted = [offer for offer in self.log.offers.values() if offer.accepted and not offer.how]
        wanted = {(offer.event, handler) for offer in accepted for handler in HANDLERS}
        while True:
            now = time.monotonic()
            if self.evidence.read():
                moved = now
            if (wanted <= self.evidence.ended and not self._open()) or now - moved > self.adapter.idle:
                break
            if now - begun > self.scenario.drain:
                break
            self._tick(f" drains {now - begun:.0f} s, {len(wanted - self.evidence.ended)} to do")
            threading.Event().wait(0.2)
        threading.Event().wait(SETTLE)
        return now - begun

    def _judge(self, drained: float, alive: bool, early: int) -> Outcome:
        self.evidence.read()
        offers, done = self.log.offers, self.hands.done
        accepted = [event for event, offer in offers.items() if offer.accepted]
        ours = self.adapter.name == "ours"
        outcome = Outcome(
            scenario=self.scenario,
            adapter=self.adapter.name,
            folder=self.folder,
            findings=check(offers, self.evidence.lines, HANDLERS, done),
            ledger=examine(self.server.client, accepted, HANDLERS, self.server.files()) if ours else None,
            offers=offers,
            lines=self.evidence.lines,
            faults=done,
            exits=list(self._fleet.exits),
            stuck=self._open(),
            alive_after=alive,
            drain=drained,
            memory=(early, self.server.memory()),
            resident=(self._early, self._fleet.resident()),
        )
        outcome.complaints = [said for criterion in (struck, *self.scenario.criteria) if (said := criterion(outcome))]
        return outcome

    @property
    def _fleet(self) -> Fleet:
        assert self.fleet is not None
        return self.fleet

    def _trial(self, name: str, seconds: float) -> bool:
        """Offer one event until it is accepted; tells whether it was done in time."""
        event = f"e{self.seed}-{name}"
        load = Load(1, 1000, milliseconds=1, again=True)
        driver = Driver(load, self.adapter.target(), self.log, f"{event}-trial", self.seed)
        driver.begin()
        driver.join(lambda: None, seconds)
        deadline = time.monotonic() + seconds
        wanted = {(f"{event}-trial-0", handler) for handler in HANDLERS}
        while not wanted <= self.evidence.ended and time.monotonic() < deadline:
            self.evidence.read()
            threading.Event().wait(0.05)
        return wanted <= self.evidence.ended

    def _open(self) -> int:
        try:
            return self.adapter.open(self.server.client)
        except redis.RedisError:
            return -1

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.adapter.target().port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _tick(self, more: str = "") -> None:
        self.evidence.read()
        if not self._early and self.scenario.soak and len(self.log.offers) > 60 * self.scenario.load.rate:
            self._early = self._fleet.resident()
        offered, acked = self.log.count()
        ended, faults = len(self.evidence.ended), len(self.hands.done)
        self.tell(f"offered {offered} accepted {acked} done {ended} faults {faults}{more}")
