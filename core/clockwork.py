"""What beat does at each tick: advance what is due and accept its runs, many in a step, each whole or not at all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from flask import Flask

from core import moments
from core.catalog import Catalog
from core.clock import monotonic, rfc3339, to_ms
from core.entries import Layout, names
from core.errors import CoreError
from core.foresight import Foresight, Made
from core.fuses import blown
from core.ledger.firing import SLICE, Fire, Move, Stored, fire
from core.ledger.flow import Flow, Script
from core.ledger.running import Hint
from core.ledger.store import Ledger
from core.moving import Mover, hints_of
from core.plain import Plain
from core.planning import Outage, next_score, outage, step
from core.quarantine import held, hold, put_off
from core.schedule import Pause, Schedule, declared
from core.scheduling import change, put
from core.statics import install
from core.timetable import LATER, LONGEST_SLEEP, last_tick, listed, load_due, ticked, until_next

AHEAD = 8  # slices that are asked before their answers are read
TOGETHER = 40  # as many of those that are ready
MOST_ROUNDS = 20  # in one tick

Answers = Sequence[tuple[bytes, bytes]]  # a verdict and the id of a cause, for each move


@dataclass(frozen=True, kw_only=True)
class Clockwork:
    """Fires schedules; any number of them may run, for a fire is accepted once."""

    app: Flask
    catalog: Catalog
    layout: Layout
    ledger: Ledger
    mover: Mover
    plain: Plain
    foresight: Foresight
    publish: Callable[[Sequence[Hint]], None]
    _held: set[str] = field(default_factory=set)
    _outages: dict[datetime, Outage] = field(default_factory=dict)  # the one that is being caught up
    _met: set[str] = field(default_factory=set)  # entries that are not ours

    def tick(self, now: datetime) -> float:
        """Fire what is due at *now*; returns the seconds until the next look."""
        gap = self._outage(now)
        self._fire_ready([] if gap else self.foresight.due(now), now)
        for _ in range(MOST_ROUNDS):
            due = self.ledger.run(load_due(self.layout, now))
            if not due:
                self.ledger.run(ticked(self.layout, now))
                return self._rest(now)
            self.advance(due, now, gap)
        if not gap:
            self.ledger.run(ticked(self.layout, now))
        return 0.0

    def _rest(self, now: datetime) -> float:
        """Read ahead; returns the seconds until the next look."""
        wait, begun = min(LONGEST_SLEEP, self.ledger.run(until_next(self.layout, now))), monotonic()
        self.foresight.look(now, wait, self._held)
        return max(0.0, wait - (monotonic() - begun))

    def _outage(self, now: datetime) -> Outage | None:
        """Return the time without a scheduler that ended with the first tick after it; catching up may take several."""
        found = outage(self.ledger.run(last_tick(self.layout)), now)
        if found and found.since in self._outages:
            return self._outages[found.since]
        self._outages.clear()
        if found:
            self._outages[found.since] = found
        return found

    def advance(self, entries: Sequence[Stored], now: datetime, gap: Outage | None = None) -> None:
        """Take each of *entries* one step on, if it has one at *now*."""
        schedules = {one.key: schedule for one in entries if (schedule := self.layout.read(one))}
        stopped = self._stop_blown(schedules, now)
        waiting: list[tuple[Stored, float]] = []
        unfit: dict[str, str] = {}

        def moves() -> Iterator[Move]:
            for one in entries:
                if one.key not in stopped:
                    try:
                        found = self._move(one, schedules.get(one.key), now, gap)
                    except Exception as error:  # noqa: BLE001 - no entry, whatever it holds, stops the others
                        unfit[one.key] = str(error) if isinstance(error, CoreError) else repr(error)
                        continue
                    if isinstance(found, Move):
                        yield found
                    else:
                        waiting.append((one, found))

        self._fire_all(moves(), unfit)
        self._list({self.layout.name(one.key) for one in entries if one.key not in schedules})
        self._hold({self.layout.name(key): why for key, why in unfit.items()}, entries, now)
        waiting += [(one, now.timestamp() + LATER) for one in entries if one.key in unfit]
        self.ledger.run(put_off(self.layout, waiting))

    def take_over(self, now: datetime) -> None:
        """Begin to lead: know what is held, and store what code declares and the store does not have."""
        self._held.clear()
        self._held.update(self.ledger.run(held(self.layout)))
        self.add_missing(now)

    def add_missing(self, now: datetime) -> int:
        """Store the schedules that code declares and the store does not have, and Celery's own; returns how many."""
        known = set(self.ledger.run(names(self.layout)))
        new = [one for name, one in self.catalog.schedules.items() if name not in known]
        for declaration in new:
            nothing = Stored(self.layout.key(declaration.name), b"", b"", b"")
            self.ledger.run(put(self.layout, declared(declaration, to_ms(now)), nothing))
        for problem in self.ledger.run(install(self.plain.celery, self.layout, now)):
            moments.trouble.send(self.app, what="beat goes on", error=problem)
        return len(new)

    def _move(self, stored: Stored, schedule: Schedule | None, now: datetime, gap: Outage | None) -> Move | float:
        """Return how an entry goes on, or the time (s since the epoch) to look at it again."""
        if schedule is None:
            return self.plain.move(self.layout.name(stored.key), stored, now)
        if taken := step(schedule, now, gap):
            return self.mover.move(stored, schedule, taken, now)
        score = next_score(schedule)
        return float("inf") if score is None else max(score, now.timestamp() + LONGEST_SLEEP)

    def _fire_ready(self, made: Sequence[Made], now: datetime) -> None:
        """Fire what was made before its moment. All of it is fired before any is told of: telling takes as long."""
        settled: list[tuple[Made, Answers]] = []
        try:
            for begin in range(0, len(made), TOGETHER):
                part = made[begin : begin + TOGETHER]
                answers = self.ledger.run(_asked(one.script(now) for one in part))
                settled += zip(part, answers, strict=True)
                for one, answer in settled[begin:]:
                    self._publish(one.moves, answer)
        finally:
            for one, answer in settled:
                self._tell_all(one.moves, answer)

    def _fire_all(self, moves: Iterator[Move], unfit: dict[str, str]) -> None:
        """Fire in slices; the server works on them while the next ones are made. Adds to *unfit* what cannot be."""
        while first := list(islice(moves, SLICE)):
            slices: list[Sequence[Move]] = []
            answers = self.ledger.run(_asked(self._scripts(first, moves, slices, unfit)))
            for part, answer in zip(slices, answers, strict=True):
                self._publish(part, answer)
                self._tell_all(part, answer)

    def _scripts(
        self, part: Sequence[Move], moves: Iterator[Move], slices: list[Sequence[Move]], unfit: dict[str, str]
    ) -> Iterator[Script]:
        """Yield the call that fires *part*, then those for slices of *moves*, AHEAD of them; *slices* gets each."""
        while part:
            try:
                script = self._script(part)
            except CoreError:  # one of them cannot be recorded
                part = [move for move in part if self._fits(move, unfit)]
                script = self._script(part)
            slices.append(part)
            yield script
            part = list(islice(moves, SLICE)) if len(slices) < AHEAD else []

    def _script(self, part: Sequence[Move]) -> Script:
        return fire(self.layout.keys, self.layout.keyring, self.layout.timetable, part)

    def _fits(self, move: Move, unfit: dict[str, str]) -> bool:
        try:
            self._script([move])
        except CoreError as error:
            unfit[move.stored.key] = str(error)
            return False
        return True

    def _publish(self, moves: Sequence[Move], answers: Answers) -> None:
        """Publish the hints that did not go with the fires."""
        if self.mover.outgoing is None:
            hints: list[Hint] = []
            for move, (verdict, _) in zip(moves, answers, strict=True):
                if verdict != b"STALE":
                    hints += hints_of(move.accepted) if verdict == b"OK" and move.accepted else []
                    hints += hints_of(move.told) if move.told else []
            if hints:
                self.publish(hints)

    def _tell_all(self, moves: Sequence[Move], answers: Answers) -> None:
        """Tell what became of each move."""
        for move, (verdict, _) in zip(moves, answers, strict=True):
            if verdict != b"STALE":
                self._tell(move, verdict.decode())

    def _tell(self, move: Move, verdict: str) -> None:
        if move.fired:
            state = "skipped" if verdict == "SKIPPED" else "fired"
            why = f"overlap: {move.last_run} still runs" if verdict in ("SKIPPED", "PARKED") else move.fired.cause
            self._say(move.name, move.fired, state, why)
        for row in move.rows:
            self._say(move.name, row, row.state, row.cause)

    def _say(self, name: str, row: Fire, state: str, why: str) -> None:
        planned = rfc3339(row.planned)
        moments.fired.send(self.app, schedule=name, planned=planned, run=row.run, state=state, why=why)

    def _hold(self, unfit: Mapping[str, str], entries: Sequence[Stored], now: datetime) -> None:
        """Note which of *entries* are held, by name, and which are held no more."""
        new = {name: why for name, why in unfit.items() if name not in self._held}
        names = {self.layout.name(one.key) for one in entries} if self._held else set()
        freed = sorted(names & self._held - unfit.keys())
        self._held.difference_update(freed)
        self._held.update(new)
        if new or freed:
            self.ledger.run(hold(self.layout, new, freed, now))
        for name, why in new.items():
            moments.trouble.send(self.app, what=f"the schedule {name} is held", error=why)

    def _list(self, met: set[str]) -> None:
        """Let entries that are not ours be listed, too."""
        if new := met - self._met:
            self._met.update(new)
            self.ledger.run(listed(self.layout, sorted(new)))

    def _stop_blown(self, schedules: Mapping[str, Schedule], now: datetime) -> set[str]:
        """Pause the schedules whose last runs have all died; returns the keys of their entries."""
        fused = [one for one in schedules.values() if one.pause_after]
        names = self.ledger.run(blown(self.layout.keys, fused)) if fused else []
        for name in names:
            self.ledger.run(change(self.layout, name, _paused_itself, now))
            moments.trouble.send(self.app, what=f"the schedule {name} pauses itself", error="its last runs all died")
        return {self.layout.key(name) for name in names}


def _paused_itself(schedule: Schedule) -> Schedule:
    note = f"it paused itself: {schedule.pause_after} runs in a row died"
    return replace(schedule, pause=Pause(since=schedule.cursor + 1, note=note))


def _asked(scripts: Iterator[Script]) -> Flow[list[Answers]]:
    return (yield scripts)  # type: ignore[misc]  # a ledger of threads asks while they are still being made
