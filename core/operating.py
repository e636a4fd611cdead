"""What an operator does to runs: retry or cancel one, or all that a filter finds, a batch at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from core.clock import monotonic
from core.errors import NotFound, PayloadExpired, StateConflict
from core.ledger.acting import Acted, cancel, retry
from core.ledger.fitting import RunFilter, fits, with_data
from core.ledger.flow import Flow
from core.ledger.keys import FAILED, Keys
from core.ledger.listing import Page, list_runs
from core.ledger.running import Hint
from core.ledger.views import Json, run_outlines
from core.wording import listed

BATCH = 100  # runs in one go: some milliseconds of the server's time, and of an event loop
ACTS = {"retry": retry, "cancel": cancel}
DONE = {"retry": "retried", "cancel": "cancelled"}
FITTING = {
    "retry": ("scheduled", "retrying", "discarded", "dead", "cancelled", "expired"),
    "cancel": ("scheduled", "pending", "parked", "retrying"),
}
MEANT = {"retry": FAILED, "cancel": FITTING["cancel"]}  # by whoever names neither states nor runs

Act = Literal["retry", "cancel"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which runs: those of *ids*, or all, of which *wanted* and the times (ms) of their creation leave some.

    Where neither ids nor states are named, retry means what failed, and cancel all that waits.
    """

    wanted: RunFilter = field(default_factory=RunFilter)
    since: int | None = None
    until: int | None = None
    ids: Sequence[str] | None = None

    def narrowed(self, act: Act) -> "Selection":
        if self.ids is not None or self.wanted.states:
            return self
        return replace(self, wanted=replace(self.wanted, states=MEANT[act]))


@dataclass(frozen=True)
class Batch:
    """What came of one batch, and the place to go on from: None where it was the last.

    The verdict of a run is ``OK``, ``CONFLICT``, or ``EXPIRED`` where its record is past its retention.
    """

    acted: Sequence[Acted]
    next: int | None

    @property
    def done(self) -> int:
        return sum(one.verdict == "OK" for one in self.acted)

    @property
    def conflicts(self) -> int:
        return len(self.acted) - self.done

    @property
    def hints(self) -> list[Hint]:
        """The hints to publish."""
        return [one.hint for one in self.acted if one.hint]


@dataclass(frozen=True)
class Work:
    """What came of many batches, and the place to go on from: None where nothing is left."""

    matched: int
    done: int
    next: int | None

    @property
    def conflicts(self) -> int:
        return self.matched - self.done


def act_on(keys: Keys, act: Act, run: str, nonce: str) -> Flow[list[Hint]]:
    """Retry or cancel one run; returns the hints to publish.

    Raises:
        NotFound: there is no such run.
        PayloadExpired: its record is past its retention, so that nothing could be retried.
        StateConflict: its state does not allow it.
    """
    found = yield from run_outlines(keys, [run])
    acted = yield from _acted(keys, act, found, nonce)
    if not acted:
        raise NotFound(f"There is no run {run!r}, or it is past its retention.")
    [one] = acted
    if one.verdict == "EXPIRED":
        raise PayloadExpired(conflict(act, one))
    if one.verdict == "CONFLICT":
        raise StateConflict(conflict(act, one), one.state)
    return [one.hint] if one.hint else []


def conflict(act: Act, acted: Acted) -> str:
    """Return the sentence about a run that does not allow it."""
    if acted.verdict == "EXPIRED":
        return f"Run {acted.run} cannot be {DONE[act]}: the data of its cause is past its retention."
    wanted = listed(FITTING[act], "or")
    return f"Run {acted.run} is {acted.state}, so it cannot be {DONE[act]}; that takes one that is {wanted}."


def select(keys: Keys, selection: Selection, place: int | None) -> Flow[tuple[list[Json], int | None]]:
    """Return the outlines of the next batch of what is selected, and the place to go on from.

    The walk goes from new runs to old ones and never turns back: no run is met twice, whatever becomes of it.
    """
    if selection.ids is None:
        page = Page(limit=BATCH, before=place, since=selection.since, until=selection.until)
        return (yield from list_runs(keys, selection.wanted, page, whole=False))
    end = (place or 0) + BATCH
    found = yield from run_outlines(keys, selection.ids[place or 0 : end])
    found = [run for run in found if fits(run, selection.wanted) and _within(run["place"], selection)]
    held = yield from with_data(keys, [run["id"] for run in found], selection.wanted.data)
    found = [run for run in found if run["id"] in held]
    return found, end if end < len(selection.ids) else None


def act_on_batch(keys: Keys, act: Act, selection: Selection, nonce: str, place: int | None) -> Flow[Batch]:
    """Retry or cancel the next batch of what is selected."""
    found, following = yield from select(keys, selection.narrowed(act), place)
    return Batch((yield from _acted(keys, act, found, nonce)), following)


def act_on_all(
    keys: Keys,
    act: Act,
    selection: Selection,
    nonce: str,
    place: int | None,
    publish: Callable[[Sequence[Hint]], None],
    seconds: float,
) -> Flow[Work]:
    """Retry or cancel batch after batch from *place* on, for about so many *seconds*; each gets its hints published."""
    matched = done = 0
    deadline = monotonic() + seconds
    while True:
        batch = yield from act_on_batch(keys, act, selection, nonce, place)
        publish(batch.hints)
        matched, done, place = matched + len(batch.acted), done + batch.done, batch.next
        if place is None or monotonic() >= deadline:
            return Work(matched, done, place)


def _acted(keys: Keys, act: Act, found: Sequence[Json], nonce: str) -> Flow[list[Acted]]:
    """Act on the runs that are still there. One that lost its record is not retried: it could never start."""
    expired = [run for run in found if run["expired"] and act == "retry"]
    acted = yield from ACTS[act](keys, [run["id"] for run in found if run not in expired], nonce)
    there = [one for one in acted if one.verdict != "GONE"]
    return there + [Acted(run["id"], "EXPIRED", run["state"]) for run in expired]


def _within(place: int, selection: Selection) -> bool:
    page = Page(since=selection.since, until=selection.until)
    return page.low <= place <= page.high
