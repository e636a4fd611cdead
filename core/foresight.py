"""Reading ahead: what is due soon is read, and where many are due at once their fires are made, while beat is idle.

A fire is a pure function of its planned time, so it can be made before. When its moment comes it is only sent. The
script refuses it if the entry has changed meanwhile, and then it is fired as all others are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from core.clock import from_ms, monotonic
from core.entries import Layout, load_keys
from core.errors import CoreError
from core.ledger.firing import NOT_YET, SLICE, Move, Stored, fire
from core.ledger.ready import Ready, known, ready
from core.ledger.store import Ledger
from core.messages import heard
from core.moving import Mover
from core.planning import ON_TIME, grace, step
from core.timetable import soon

AHEAD = 10.0  # seconds
MOST = 10_000  # entries
PORTION = 250  # entries that are read in one go
IDLE = 0.2  # seconds that beat must have before something is due
PUNCTUAL = timedelta(seconds=ON_TIME)


@dataclass(frozen=True)
class Made:
    """Fires of one planned time; each of *moves* has what is needed to tell of it."""

    planned: datetime
    moves: Sequence[Move]
    call: Ready

    def script(self, now: datetime) -> Ready:
        """Return the call as it is sent at *now*."""
        return self.call.at((now - self.planned).total_seconds())


@dataclass
class Foresight:
    """Reads ahead for one beat, each entry once. Fires are made where *crowd* entries are due at one time."""

    layout: Layout
    ledger: Ledger
    mover: Mover
    crowd: int = SLICE
    _seen: dict[str, float] = field(default_factory=dict)  # when each that was read is due
    _made: list[Made] = field(default_factory=list)

    def look(self, now: datetime, idle: float, held: Collection[str] = ()) -> None:
        """Make ready what is due within the next seconds after *now*, but for *held*; takes half of *idle* at most."""
        if idle < IDLE:
            return
        at, deadline = now.timestamp(), monotonic() + idle / 2
        self._seen = {key: due for key, due in self._seen.items() if due > at}
        self._made = [made for made in self._made if made.planned > now]
        found = self.ledger.run(soon(self.layout, at, at + AHEAD, MOST))
        new = iter([key for key, due in found.items() if self._seen.get(key) != due])
        while (portion := list(islice(new, PORTION))) and monotonic() < deadline:
            for together in _together(self.ledger.run(load_keys(portion)), found):
                if monotonic() > deadline:
                    return
                self._seen.update((one.key, found[one.key]) for one in together)
                if len(together) < self.crowd or heard():  # who listens to hints is told when they go out
                    for one in together:
                        self.layout.read(one)
                else:
                    self._make(together, found[together[0].key], held)

    def due(self, now: datetime) -> list[Made]:
        """Hand out the fires whose moment has come at *now*; those that are not punctual any more are forgotten."""
        due = [made for made in self._made if made.planned <= now]
        if due:
            self._made = [made for made in self._made if made.planned > now]
        return [made for made in due if now - made.planned < PUNCTUAL]

    def _make(self, entries: Sequence[Stored], at: float, held: Collection[str]) -> None:
        """Make the fires of *entries*, which are due *at* one time."""
        if not self._made:
            self.ledger.run(known("fire"))
        planned = from_ms(round(at * 1000))
        moves = [move for one in entries if (move := self._move(one, planned, held))]
        with suppress(CoreError):  # one of them cannot be recorded; the tick finds out which
            if moves:
                call = ready(fire(self.layout.keys, self.layout.keyring, self.layout.timetable, moves))
                self._made.append(Made(planned, [self._told(move) for move in moves], call))

    def _move(self, stored: Stored, planned: datetime, held: Collection[str]) -> Move | None:
        """Return the plain fire of an entry at *planned*, or None where more must be looked at then."""
        schedule = self.layout.read(stored)
        if not schedule or schedule.name in held or not schedule.task or schedule.pause_after:
            return None
        try:
            taken = step(schedule, planned)
            if not taken or taken.fires != planned or taken.overdue or grace(schedule) < PUNCTUAL:
                return None
            move = self.mover.move(stored, schedule, taken, planned)
        except Exception:  # noqa: BLE001 - the tick tells what is wrong with it
            return None
        return move._replace(fired=move.fired and replace(move.fired, late=NOT_YET))

    def _told(self, move: Move) -> Move:
        """Return *move* without what is in its call."""
        accepted = None if self.mover.outgoing else move.accepted
        return move._replace(stored=Stored(move.stored.key, b"", b"", b""), meta="", ours="", accepted=accepted)


def _together(entries: Sequence[Stored], due: dict[str, float]) -> Iterator[list[Stored]]:
    """Yield *entries* that are *due* at the same time, SLICE of them at most."""
    by_time: dict[float, list[Stored]] = defaultdict(list)
    for one in entries:
        by_time[due[one.key]].append(one)
    for many in by_time.values():
        for begin in range(0, len(many), SLICE):
            yield many[begin : begin + SLICE]
