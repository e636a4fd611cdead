"""Lists of runs and events: filtered, newest first, paged by a place in the order of all of them.

A page walks the smallest index that fits and looks at no more than ``SCANNED`` entries, fewer where it has to read
large data, so it takes the same time however many runs there are; where few entries fit, a page may be short and still
have a next one.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from core.causes import HEAD, header
from core.events import matches
from core.ledger.fitting import RunFilter as RunFilter
from core.ledger.fitting import fits as fits
from core.ledger.fitting import with_data
from core.ledger.flow import Flow, scored
from core.ledger.keys import STATES, Keys, cause_of
from core.ledger.paths import Sought, holding
from core.ledger.views import PLACES, Json, event_views, run_outlines, run_views

SCANNED = 2000
BATCH = 200  # entries looked at in one go where few fit
SHARE = 4096  # bytes of data that are read for each of SCANNED
TOP = 2**53


@dataclass(frozen=True, kw_only=True)
class Page:
    """What part of a list is wanted. Times are ms since the epoch; *before* is a place."""

    limit: int = 50
    before: int | None = None
    since: int | None = None
    until: int | None = None

    @property
    def high(self) -> int:
        """The highest place that belongs to the page."""
        until = TOP if self.until is None else self.until * PLACES + PLACES - 1
        return min(until, TOP if self.before is None else self.before - 1)

    @property
    def low(self) -> int:
        return 0 if self.since is None else self.since * PLACES


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events; an empty field takes all. ``type`` may be a pattern; the data hold each value of ``data``."""

    type: str = ""
    source: str = ""
    subject: str = ""
    data: Sequence[Sought] = ()


Found = tuple[int, str]  # place, id
Views = Callable[[Keys, Sequence[str]], Flow[list[Json]]]
Fitting = list[tuple[int, Json | None]]  # places with what fits there
Looked = tuple[Fitting, int | None, int]  # the lowest place seen, and how much of SCANNED it took


def list_runs(keys: Keys, wanted: RunFilter, page: Page, *, whole: bool = True) -> Flow[tuple[list[Json], int | None]]:
    """Return the runs that fit, newest first, and the place to go on before, or None at the end.

    Without *whole* of each run only what the filter looks at.
    """
    views_of = run_views if whole else run_outlines
    ident = wanted.exact_event
    [event] = yield [("GETRANGE", keys.record(ident), 0, HEAD - 1)] if ident else [("ECHO", "")]
    if event:
        return (yield from _runs_of_one(keys, wanted, header(event), page, views_of))
    by_cause = {keys.type(ident): ident, keys.schedule(wanted.schedule): wanted.schedule}
    by_run = {keys.task(wanted.exact_task): wanted.exact_task, keys.queue(wanted.queue): wanted.queue}
    groups = [[key] for key, value in (by_cause | by_run).items() if value]
    groups += [[keys.state(state) for state in wanted.states or STATES]]
    chosen = yield from _smallest(groups)
    expand = chosen[0] in by_cause

    def look(high: int, limit: int) -> Flow[Looked]:
        found = yield from _walk(chosen, high, page.low - PLACES if expand else page.low, limit)
        runs = (yield from _expanded(keys, found, page.low, high)) if expand else found
        lowest, cost, kept = found[-1][0] if found else None, len(runs), [run for _, run in runs]
        if runs and not wanted.by_index:
            seen, kept, cost = yield from _narrowed(keys, runs, wanted, page.limit)
            lowest, runs = lowest if len(seen) == len(runs) else seen[-1][0], seen
        views = {view["id"]: view for view in (yield from views_of(keys, kept))}
        fitting = [(place, view if (view := views.get(run)) and fits(view, wanted) else None) for place, run in runs]
        return fitting, lowest, cost

    return (yield from _page(look, page))


def _narrowed(keys: Keys, runs: list[Found], wanted: RunFilter, limit: int) -> Flow[tuple[list[Found], list[str], int]]:
    """Return those of *runs* that were looked at, of them those that fit, and how much of SCANNED it took.

    No further runs are looked at where *limit* fit, or where their data are large.
    """
    outlines = {view["id"]: view for view in (yield from run_outlines(keys, [run for _, run in runs]))}
    kept = [run for _, run in runs if run in outlines and fits(outlines[run], wanted)]
    cost = len(runs)
    if kept and wanted.data:
        causes = list(dict.fromkeys(map(cause_of, kept)))
        held, count, read = yield from holding(keys, causes, wanted.data)
        unseen = set(causes[count:])
        runs = list(takewhile(lambda found: cause_of(found[1]) not in unseen, runs))
        kept = [run for _, run in runs if run in kept and cause_of(run) in held]
        cost = max(len(runs), read // SHARE)
    if len(kept) > limit:
        end = [run for _, run in runs].index(kept[limit - 1]) + 1
        runs, kept = runs[:end], kept[:limit]
    return runs, kept, cost


def _runs_of_one(
    keys: Keys, wanted: RunFilter, head: dict[str, Any], page: Page, views_of: Views
) -> Flow[tuple[list[Json], int | None]]:
    """Return the page of the runs of one event, which *wanted* names by its id."""
    runs = [f"{wanted.event}.{n}" for n in reversed(range(head["runs"]))]
    places = yield [("HGET", keys.run(run), "pos") for run in runs]
    there = [(int(place), run) for place, run in zip(places, runs, strict=True) if place]
    there = [(place, run) for place, run in there if page.low <= place <= page.high]
    held = yield from with_data(keys, [run for _, run in there], wanted.data)
    views = yield from views_of(keys, held)
    fitting = [view for view in views if fits(view, wanted, of_event=True)]
    place_of = {run: place for place, run in there}
    more = len(fitting) > page.limit
    return fitting[: page.limit], place_of[fitting[page.limit - 1]["id"]] if more else None


def list_events(keys: Keys, wanted: EventFilter, page: Page) -> Flow[tuple[list[Json], int | None]]:
    """Return the events that fit, newest first, and the place to go on before, or None at the end."""
    exact = wanted.type and "*" not in wanted.type
    groups = [[keys.causes("event")]]
    groups += [[keys.type(wanted.type)]] if exact else []
    groups += [[keys.source(wanted.source)]] if wanted.source else []
    groups += [[keys.subject(wanted.subject)]] if wanted.subject else []
    chosen = yield from _smallest(groups)

    def look(high: int, limit: int) -> Flow[Looked]:
        found = yield from _walk(chosen, high, page.low, limit)
        idents, cost = [ident for _, ident in found], len(found)
        if found and wanted.data:
            held, count, read = yield from holding(keys, idents, wanted.data)
            found, cost = found[:count], max(count, read // SHARE)
            idents = [ident for ident in idents if ident in held]
        idents = yield from _events_that_fit(keys, idents, wanted)
        views = {view["id"]: view for view in (yield from event_views(keys, idents))}
        fitting = [(place, views.get(ident)) for place, ident in found]
        return fitting, found[-1][0] if found else None, cost

    return (yield from _page(look, page))


def _events_that_fit(keys: Keys, events: list[str], wanted: EventFilter) -> Flow[list[str]]:
    """Return those of *events* whose envelope fits; of the others no runs have to be looked up then."""
    if not events or not (wanted.type or wanted.source or wanted.subject):
        return events
    heads = yield [("GETRANGE", keys.record(event), 0, HEAD - 1) for event in events]
    return [event for event, head in zip(events, heads, strict=True) if head and _event_fits(header(head), wanted)]


def _event_fits(head: dict[str, Any], wanted: EventFilter) -> bool:
    return (
        (not wanted.type or matches(wanted.type, head["type"]))
        and wanted.source in ("", head["source"])
        and wanted.subject in ("", head.get("subject") or "")
    )


def _page(look: Callable[[int, int], Flow[Looked]], page: Page) -> Flow[tuple[list[Json], int | None]]:
    """Look at more and more of an index until the page is full, the index ends or enough was scanned."""
    items: list[Json] = []
    high, scanned, batch = page.high, 0, page.limit
    while scanned < SCANNED:
        seen, lowest, cost = yield from look(high, batch)
        if lowest is None:
            return items, None
        for place, view in seen:
            if view is not None:
                items.append(view)
            if len(items) == page.limit:
                return items, place
        scanned += max(cost, 1)
        high, batch = lowest - 1, max(batch, BATCH)
    return items, high + 1


def count_runs(keys: Keys, wanted: RunFilter, page: Page) -> Flow[int | None]:
    """Return how many runs fit, where an index tells; None where one would have to look at them."""
    if not wanted.by_index or wanted.event or wanted.schedule:
        return None
    single = [keys.task(wanted.task)] if wanted.task else [keys.queue(wanted.queue)] if wanted.queue else []
    indexes = single or [keys.state(state) for state in wanted.states or STATES]
    found = yield [("ZCOUNT", key, page.low, page.high) for key in indexes]
    return sum(found)


def oldest_run(keys: Keys) -> Flow[int | None]:
    """Return when the oldest run that is kept was created, in ms since the epoch, or None without any."""
    answers = yield [("ZRANGE", key, 0, 0, "WITHSCORES") for key in keys.states]
    places = [int(place) for answer in answers for _, place in scored(answer)]
    return min(places) // PLACES if places else None


def counts(keys: Keys) -> Flow[dict[str, int]]:
    """Return how many runs each state has."""
    found = yield [("ZCARD", key) for key in keys.states]
    return dict(zip(STATES, found, strict=True))


def _smallest(groups: Sequence[Sequence[str]]) -> Flow[Sequence[str]]:
    sizes = yield [("ZCARD", key) for group in groups for key in group]
    rest = iter(sizes)
    totals = [sum(next(rest) for _ in group) for group in groups]
    return groups[totals.index(min(totals))]


def _walk(indexes: Sequence[str], high: int, low: int, limit: int) -> Flow[list[Found]]:
    """Return the next entries of several indexes as one, from place *high* down to *low*."""
    answers = yield [("ZRANGE", key, high, low, "BYSCORE", "REV", "LIMIT", 0, limit, "WITHSCORES") for key in indexes]
    merged: Iterable[Any] = heapq.merge(
        *([(int(place), ident) for ident, place in scored(answer)] for answer in answers), reverse=True
    )
    # A run that moves while its indexes are read may be met in two of them.
    return list(islice(dict.fromkeys(merged), limit))


def _expanded(keys: Keys, causes: Sequence[Found], low: int, high: int) -> Flow[list[Found]]:
    """Return the runs of *causes*, newest first, from place *low* up to place *high*."""
    heads = yield [("GETRANGE", keys.record(ident), 0, HEAD - 1) for _, ident in causes]
    return [
        (place + n, f"{ident}.{n}")
        for (place, ident), head in zip(causes, heads, strict=True)
        if head
        for n in reversed(range(header(head)["runs"]))
        if low <= place + n <= high
    ]
