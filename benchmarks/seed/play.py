"""A week in the shop, played into an empty ledger by the ledger's own scripts."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from benchmarks.seed.bells import Bells
from benchmarks.seed.dated import Dial, dated
from benchmarks.seed.goods import DAY, Week, cause, requests
from benchmarks.seed.lives import Lives
from benchmarks.seed.pump import MOST, Pump
from core.clock import from_ms
from core.house import House
from core.ledger.format import settle
from core.ledger.listing import counts
from core.ledger.packing import HEAVIEST, MARK_TTL, Packing, Wanted
from core.timetable import ticked

PENDING, RUNNING = 25, 5  # of the newest events, the runs of so many wait, and of those before them so many run
LATER = 0.02  # share of the last day's events that happen for later


@dataclass(frozen=True)
class Seeded:
    """What came of it."""

    runs: int
    events: int
    states: dict[str, int]
    seconds: float
    bytes: int

    @property
    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        per_run = round(self.bytes / self.runs, 1) if self.runs else 0.0
        return asdict(self) | {"bytes_per_run": per_run}


def seed(here: House, runs: int, events: int, *, days: float, dice: Random, say: Callable[[str], None]) -> Seeded:
    """Let *events* with *runs* in all happen in the *days* up to now; *say* hears how far it is.

    Runs of schedules come on top.
    """
    client, begun = here.ledger.client, time.monotonic()
    before = client.info("memory")["used_memory"]
    here.ledger.run(settle(here.keys))
    end = int(time.time() * 1000)
    with dated(client, f"{here.keys.format}:dial") as dial:
        Player(here, dial, Week(runs, events, end - int(days * DAY), end), dice, say).play()
    here.ledger.run(ticked(here.layout, from_ms(end)))
    used = client.info("memory")["used_memory"] - before
    states = here.ledger.run(counts(here.keys))
    return Seeded(sum(states.values()), events, states, round(time.monotonic() - begun, 1), used)


class Player:
    """Plays a week: events in small units, each accepted and led through its life; schedules between them."""

    def __init__(self, here: House, dial: Dial, week: Week, dice: Random, say: Callable[[str], None]) -> None:
        self._here, self._week, self._dice, self._say = here, week, dice, say
        self._pump = Pump(here.ledger, dial)
        self._lives = Lives(here.keys, self._pump, dice, week.end)
        self._bells = Bells(here, dial, dice, self._lives)
        self._latest = week.begin  # ms, until when all has been accepted: places follow each other

    def play(self) -> None:
        """Play all of it."""
        week, told = self._week, 0
        self._bells.begin(week.begin)
        done = 0
        for number, unit in self._units():
            left = week.events - number
            self._ring(week.end - 1 if left <= PENDING + RUNNING else self._time(number))
            done += self._accept(unit, left)
            self._pump.flush(MOST)
            if number * 20 // week.events > told:
                told = number * 20 // week.events
                self._say(f"{done:,} runs of {week.runs:,}")
        self._ring(week.end - 1)
        self._pump.flush()

    def _time(self, number: int) -> int:
        return max(self._week.moment(number), self._latest)

    def _ring(self, until: int) -> None:
        while self._bells.next <= until:
            self._pump.flush()
            self._latest = max(self._latest, self._bells.ring())

    def _units(self) -> Iterator[tuple[int, list[Wanted]]]:
        """Yield what one script accepts at once, with the number of its last event."""
        unit, weight = list[Wanted](), 0
        for number, size in enumerate(self._week.sizes(self._dice)):
            if unit and (weight + 1 + size > HEAVIEST or self._week.events - number == PENDING + RUNNING):
                yield number - 1, unit
                unit, weight = [], 0
            unit.append(self._wanted(number, size))
            weight += 1 + size
        if unit:
            yield self._week.events - 1, unit

    def _wanted(self, number: int, size: int) -> Wanted:
        at, end = self._week.moment(number), self._week.end
        happens = cause(number, at, self._dice)
        later = at > end - DAY and self._dice.random() < LATER
        waits = end + self._dice.randrange(60_000, 2 * DAY) if later else 0
        return Wanted(happens, requests(happens.type, size, waits))

    def _accept(self, unit: list[Wanted], left: int) -> int:
        """Accept *unit*; let its runs wait, run or live, as there are *left* events to come. Returns their number."""
        at = self._latest = self._time(self._week.events - left)
        packed = Packing(self._here.keys, self._here.bus.keyring)
        for one in unit:
            packed.add(one)
        self._pump.at(at)
        self._pump.ask_plainly(packed.script().command())
        if at < self._week.end - MARK_TTL:  # such marks are gone by now
            self._pump.ask_plainly(("UNLINK", *(self._here.keys.mark(one.cause.ledger_id) for one in unit)))
        runs = [
            f"{one.cause.ledger_id}.{n}" for one in unit for n, request in enumerate(one.requests) if not request.at
        ]
        if left > PENDING + RUNNING:
            self._lives.lead(runs, at)
        elif left > PENDING:
            self._lives.begin(runs, at)
        return sum(len(one.requests) for one in unit)
