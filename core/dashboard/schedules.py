"""/dashboard/schedules: what fires when, and what became of the last planned times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup

from core.clock import rfc3339
from core.dashboard import schedule_words as words
from core.dashboard import shell, sparks
from core.dashboard.view import FIRES
from core.entries import Layout
from core.house import house
from core.ledger.fires import Fate, fates, recent_fires
from core.ledger.firing import Fire
from core.ledger.flow import Flow
from core.schedule_search import STATES, Search, find
from core.schedule_views import schedule_views
from core.triggers import TriggerError, from_json
from core.wording import counted, spelling

blueprint = Blueprint("schedules", __name__)
PAGE = 20  # schedules: 60 bars of each, with their titles, are the most of the page
OWNERS = ("code", *words.MAKERS)
LONGEST = 200  # characters of a search


@dataclass(frozen=True, kw_only=True)
class Line:
    """One schedule of the list: as the API shows it, its bars, what its last planned time became, what to heed."""

    view: Mapping[str, Any]
    spelling: str
    maker: str
    spark: Markup
    last: "Last | None"
    missed: str
    change: str


@dataclass(frozen=True, kw_only=True)
class Last:
    """What became of the last planned time: mark and word, when (RFC 3339), and why or how long."""

    mark: str
    word: str
    when: str
    why: str
    run: str | None


@blueprint.get("/schedules")
def get_schedules() -> Response:
    """List schedules by name."""
    here, moment = house(), shell.local_now()
    text, after = request.args.get("q", "")[:LONGEST], request.args.get("after", "")[:LONGEST]
    wanted, wrong = read(text)
    if wrong:
        return shell.show("schedule_list.html", status=422, text=text, wrong=wrong, lines=(), total=0)
    total, names, more = here.ledger.run(_page(here.layout, wanted, after, moment))
    lines = here.ledger.run(_lines(here.layout, names, moment))
    return shell.show(
        "schedule_list.html",
        live=True,
        moment=moment,
        words=words,
        text=text,
        wrong="",
        after=after,
        more=more,
        total=total,
        lines=lines,
        lede=_lede(total, lines, whole=not (after or more or text)),
        own_search=True,
    )


def read(text: str) -> tuple[Search, str]:
    """Return what *text*, words and ``state:`` and ``owner:``, searches for, and what is wrong with it, or ''."""
    found: dict[str, str] = {}
    plain: list[str] = []
    for word in text.lower().split():
        name, colon, value = word.partition(":")
        known = {"state": STATES, "owner": OWNERS}.get(name if colon else "")
        if known is None:
            plain.append(word)
        elif value in known:
            found[name] = value
        else:
            return Search(), f"Found {word}; {name}: takes one of {', '.join(known)}."
    return Search(words=plain, **found), ""


def last_of(row: Fire | None, fate: Fate | None, now: datetime) -> Last | None:
    """Return what became of *row*, the last planned time, and of its run."""
    if row is None:
        return None
    when = rfc3339(row.until or row.planned)
    if fate is None:
        mark, word, why = FIRES.get(row.state, "pending"), row.state, words.cause(row, now)
    else:
        length = words.took(fate, now)
        why = length if fate.state == "running" else f"took {length}" if length else ""
        mark, word = fate.state, fate.state
    return Last(mark=mark, word=word, when=when, why="" if why == "on time" else why, run=row.run)


def change_of(view: Mapping[str, Any], now: datetime) -> Any:
    """Return the clock change of the next year that falls on a planned time of a schedule, or None."""
    try:
        timing = from_json({name: view.get(name) for name in ("cron", "rrule", "timezone")})
    except TriggerError:
        return None
    return words.disturbed(timing, now.astimezone(UTC).replace(minute=0, second=0, microsecond=0))


def _page(layout: Layout, wanted: Search, after: str, now: datetime) -> Flow[tuple[int, list[str], str | None]]:
    [total] = yield [("ZCARD", layout.keys.schedules)]
    names, more = yield from find(layout, wanted, after, PAGE, now)
    return total, names, more


def _lines(layout: Layout, names: Sequence[str], now: datetime) -> Flow[list[Line]]:
    views = yield from schedule_views(layout, now, names)
    recent = yield from recent_fires(layout.keys, [view["name"] for view in views], sparks.SHOWN)
    runs = [row.run for rows in recent for row in rows if row.run]
    found = yield from fates(layout.keys, runs)
    return [_line(view, rows, found, now) for view, rows in zip(views, recent, strict=True)]


def _line(view: Mapping[str, Any], rows: Sequence[Fire], found: Mapping[str, Fate], now: datetime) -> Line:
    newest = rows[-1] if rows else None
    change = change_of(view, now)
    return Line(
        view=view,
        spelling=spelling(view),
        maker=words.maker(view, now),
        spark=sparks.spark(sparks.bars(rows, found, now), view["name"]) if rows else Markup(),
        last=last_of(newest, found.get(newest.run) if newest and newest.run else None, now),
        missed=words.missed_of_late(rows, now, sparks.SHOWN),
        change=f"clock change on {change.low.day} {change.low:%B}" if change else "",
    )


def _lede(total: int, lines: Sequence[Line], *, whole: bool) -> str:
    """Return what the head says: of a list that is all on this page, also what is in it."""
    said = counted(total, "schedule")
    if whole and lines:
        code = sum(line.view.get("owner") == "code" for line in lines)
        counts = {"from code": code, "made at run time": len(lines) - code}
        counts |= {word: sum(bool(line.view.get(word)) for line in lines) for word in ("paused", "held")}
        said += ": " + ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{said}. Each planned time has a cause; rest on a bar to read it."
