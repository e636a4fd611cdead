"""Following runs as they come and change: each look tells which ones did since the last.

A run is watched from its birth to its end. Of those that were there before, the ``WATCHED`` are looked at whose next
check comes first, of what is pending and of the rest: what runs, and what is about to.
"""

import heapq
from collections.abc import Iterable
from typing import Any

from core.ledger.flow import Flow, scored
from core.ledger.keys import ASIDE, TERMINAL, Keys

WATCHED = 1000
MOST = 20_000  # runs that are remembered; beyond, the oldest are forgotten
PAGE = 500


class Follower:
    """Looks at the ledger again and again."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._last = 0  # the highest place seen
        self._since = 0  # ms: what became pending or running since then has changed
        self._known: dict[str, tuple[str, str]] = {}  # run -> state and attempt

    def begin(self) -> Flow[None]:
        """Take what is there as known."""
        [place, [seconds, micros]] = yield [("GET", self._keys.position), ("TIME",)]
        self._last, self._since = int(place or 0), int(seconds) * 1000 + int(micros) // 1000
        yield from self._changed([], (yield from self._watched()))

    def look(self) -> Flow[list[str]]:
        """Return the runs that are new or have another state or attempt: new ones first, in order of birth."""
        new = yield from self._new()
        return (yield from self._changed(new, [*self._known, *(yield from self._watched())]))

    def _watched(self) -> Flow[list[str]]:
        ranges = ("-inf", f"({ASIDE}"), (ASIDE, "+inf")
        found = yield [("ZRANGE", self._keys.due, *ends, "BYSCORE", "LIMIT", 0, WATCHED) for ends in ranges]
        return [run.decode() for runs in found for run in runs]

    def _new(self) -> Flow[list[str]]:
        """Return the runs that were born since the last look."""
        found: list[str] = []
        while True:
            after = ("BYSCORE", "LIMIT", 0, PAGE, "WITHSCORES")
            answers = yield [("ZRANGE", key, f"({self._last}", "+inf", *after) for key in self._keys.states]
            pages = [[(int(place), run) for run, place in scored(answer)] for answer in answers]
            full = [page[-1][0] for page in pages if len(page) == PAGE]
            merged: Iterable[Any] = heapq.merge(*pages)
            fresh = [(place, run) for place, run in dict.fromkeys(merged) if not full or place <= min(full)]
            found += [run for _, run in fresh]
            self._last = max([self._last, *(place for place, _ in fresh)])
            if not full:
                return found

    def _changed(self, new: list[str], others: Iterable[str]) -> Flow[list[str]]:
        runs = list(dict.fromkeys([*new, *others]))
        if not runs:
            return []
        answers = yield [("HMGET", self._keys.run(run), "state", "attempt", "hinted", "started") for run in runs]
        born, found = set(new), []
        for run, answer in zip(runs, answers, strict=True):
            state, attempt, hinted, started = ((part or b"").decode() for part in answer)
            before, now = self._known.pop(run, None), (state, attempt)
            moved = state in ("pending", "running") and max(int(hinted or 0), int(started or 0)) > self._since
            if state and (run in born or (before != now if before else moved)):
                found.append(run)
            if state and state not in TERMINAL:
                self._known[run] = now
        for run in list(self._known)[: max(len(self._known) - MOST, 0)]:
            del self._known[run]
        return found
