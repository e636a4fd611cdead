"""Retention: the history has its time and its room, and gives way to work that waits. Steady, never all at once."""

from dataclasses import dataclass, field

from flask import Flask

from core import moments
from core.clock import now, to_ms
from core.ledger.admission import ROOM, Use, use_of
from core.ledger.counters import forget_counts
from core.ledger.flow import Command, Flow
from core.ledger.forgetting import KINDS, failed_beyond, forget, history, oldest
from core.ledger.keys import Keys
from core.ledger.store import Ledger

DAY = 86_400_000  # ms
KEPT, FAILED_KEPT = 7 * DAY, 30 * DAY
MOST_FAILED = 10_000  # dead and expired runs that are kept
FAILED_SHARE = 0.1  # of the memory limit, that they may take at most
TRIMMED = 500  # schedules whose planned times are looked at in one go
MOST_FIRES = 10_000  # planned times that are kept for each schedule
BATCH, MOST = 100, 2_000  # causes looked at in one go, and in one pass
WEIGH_EACH = 30.0  # seconds
REST = 60.0  # seconds between two walks that nothing presses
LEASE = 6_000  # ms that one worker does this for all


@dataclass
class Retention:
    """Forgets what has ended, the oldest first. Any number may run; they take turns.

    *room* is the bytes that the history may take, 0 for a quarter of the limit; *memory* is the limit where the
    server has none.
    """

    app: Flask
    keys: Keys
    ledger: Ledger
    ident: str
    room: int
    memory: int
    _places: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    _rest_until: float = -1.0
    _weighed: float = -WEIGH_EACH
    _mean: float = 0.0
    _cut: int = 0
    _counters: tuple[int, int] = (0, 0)  # how far the walk over them has come
    _trimmed: str = ""  # the last schedule whose planned times were trimmed

    def keep(self, at: float) -> int:
        """Make one pass at monotonic time *at*; returns how many runs were forgotten."""
        if not self.ledger.run(_lease(self.keys, self.ident)):
            return 0
        use, ended = self.ledger.run(_use(self.keys, self.memory))
        if at - self._weighed >= WEIGH_EACH:
            self._weighed = at
            self._weigh(use)
        excess = self._excess(use, ended)
        if not excess and at < self._rest_until:
            return 0
        return self._walk(at, excess)

    def _weigh(self, use: Use) -> None:
        runs, size = self.ledger.run(history(self.keys))
        self._mean = size / runs if runs else 0.0
        most = min(MOST_FAILED, int(use.limit * FAILED_SHARE / self._mean)) if runs else MOST_FAILED
        cut = self.ledger.run(failed_beyond(self.keys, most))
        if cut > self._cut:
            moments.configured.send(self.app, note=f"more than {most:,} runs are dead: the oldest are forgotten")
        self._cut = cut
        self._counters = self.ledger.run(forget_counts(self.keys, to_ms(now()), self._counters))
        self._trimmed = self.ledger.run(_trim(self.keys, to_ms(now()), self._trimmed))

    def _excess(self, use: Use, ended: int) -> int:
        """Return how many ended runs are too many: for the history's room, or because the server gets full."""
        if not self._mean:
            return 0
        over = ended * self._mean - (self.room or use.limit // 4)
        pressed = use.used - ROOM * use.limit
        return min(round(max(over, pressed, 0) / self._mean), ended)

    def _walk(self, at: float, excess: int) -> int:
        moment, forgotten, looked = to_ms(now()), 0, 0
        before = moment if excess else moment - KEPT
        while looked < MOST and (forgotten < excess or not excess):
            walked = 0
            for kind in KINDS:
                causes = self.ledger.run(oldest(self.keys, kind, self._places[kind], BATCH))
                causes = [cause for cause in causes if cause.accepted < before]
                walked += len(causes)
                dead_before = moment - FAILED_KEPT
                spare = [cause for cause in causes if cause.place > self._cut]
                beyond = [cause for cause in causes if cause.place <= self._cut]
                forgotten += self.ledger.run(forget(self.keys, kind, spare, before, dead_before))
                forgotten += self.ledger.run(forget(self.keys, kind, beyond, before, moment))
                if causes:
                    self._places[kind] = causes[-1].place
            looked += walked
            if not walked:
                self._places = dict.fromkeys(KINDS, 0)
                self._rest_until = at + REST
                break
        return forgotten


def _lease(keys: Keys, ident: str) -> Flow[bool]:
    """Tell whether it is this worker's turn."""
    [taken] = yield [("SET", keys.retention, ident, "NX", "PX", LEASE)]
    if taken:
        return True
    [holder] = yield [("GET", keys.retention)]
    if holder != ident.encode():
        return False
    yield [("PEXPIRE", keys.retention, LEASE)]
    return True


def _use(keys: Keys, memory: int) -> Flow[tuple[Use, int]]:
    info, *counts = yield [("INFO", "memory"), *(("ZCARD", key) for key in keys.ended)]
    return use_of(info, memory), sum(counts)


def _trim(keys: Keys, moment: int, after: str) -> Flow[str]:
    """Let go of old planned times of the next schedules *after* one, and of processes that are long gone.

    Returns the last of these schedules, '' at the end.
    """
    begin = f"({after}" if after else "-"
    [found] = yield [("ZRANGE", keys.schedules, begin, "+", "BYLEX", "LIMIT", 0, TRIMMED)]
    names = [name.decode() for name in found]
    commands: list[Command] = [("ZREMRANGEBYSCORE", keys.alive, "-inf", moment - DAY)]
    for name in names:
        commands += [("ZREMRANGEBYSCORE", keys.fires(name), "-inf", moment - FAILED_KEPT)]
        commands += [("ZREMRANGEBYRANK", keys.fires(name), 0, -1 - MOST_FIRES)]
    yield commands
    return names[-1] if len(names) == TRIMMED else ""
