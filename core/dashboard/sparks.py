"""Draws what became of planned times: a bar for each, its height the time that its run took.

Solid is on time, capped late, broken failed, hollow missed, a stub skipped; pale are runs cancelled or discarded.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup, escape

from core.dashboard.schedule_words import LATE, became, seconds, stamp
from core.ledger.fires import Fate
from core.ledger.firing import Fire
from core.ledger.keys import FAILED
from core.wording import duration

SHOWN = 60
WORDS = {
    "ok": "on time",
    "late": "late",
    "bad": "failed",
    "pale": "cancelled or discarded",
    "hole": "missed",
    "skip": "skipped",
}
LONGEST = 200  # characters of a title
MINUTES = (1, 2, 4, 10, 20, 30, 60, 90, 120, 240, 480, 720, 1440)
NICE = (0.01, 0.1, 1, 2, 4, 10, 20, 30, *(60 * minutes for minutes in MINUTES))  # seconds at the top of a chart
CHART = 132  # pixels of the chart from its top to its axis


class Bar(NamedTuple):
    """One row of a schedule's history: its shape, how long the run took, and all of it in words."""

    kind: str
    seconds: float | None
    words: str
    times: int


def bars(rows: Sequence[Fire], fates: Mapping[str, Fate], now: datetime) -> list[Bar]:
    """Return a bar for each of *rows*."""
    return [_bar(row, fates.get(row.run) if row.run else None, now) for row in rows]


def tally(found: Sequence[Bar]) -> str:
    """Return what *found* are: ``57 on time, 1 late, 2 skipped``."""
    counted = Counter[str]()
    for bar in found:
        counted[bar.kind] += bar.times
    return ", ".join(f"{counted[kind]:,} {word}" for kind, word in WORDS.items() if counted[kind])


def spark(found: Sequence[Bar], name: str) -> Markup:
    """Return *found* as a line of small bars, the newest at the right."""
    most, start = _longest(found), 240 - 4 * len(found)
    drawn = "".join(_small(bar, start + 4 * n, most) for n, bar in enumerate(found))
    label = escape(f"{_last(found)} of {name}: {tally(found)}")
    return Markup(  # noqa: S704 - all words in it are escaped
        f'<svg class="spark" width="240" height="24" role="img" aria-label="{label}">'
        f'<g transform="translate(1.5)">{drawn}</g></svg>'
    )


def chart(found: Sequence[Bar], name: str) -> Markup:
    """Return *found* as a chart with a scale."""
    most, width = _longest(found), 100 / max(len(found), 12)
    top = next((nice for nice in NICE if nice >= most), most)
    drawn = "".join(_large(bar, n * width, width * 0.72, top) for n, bar in enumerate(found))
    lines = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
        f'<text x="-8" y="{y + 4}" text-anchor="end">{duration(top * share)}</text>'
        for share, y in ((1, 12), (0.5, 72))
        if most
    )
    first, last = (escape(bar.words.partition(": ")[0]) for bar in (found[0], found[-1]))
    label = escape(f"{_last(found)} of {name}: {tally(found)}; the longest took {duration(most)}")
    end = f"{min(len(found) * width, 100):.2f}%"
    return Markup(  # noqa: S704 - as above
        f'<svg class="chart" width="100%" height="152" role="img" aria-label="{label}">{lines}{drawn}'
        f'<line class="axis" x1="0" x2="100%" y1="{CHART}.5" y2="{CHART}.5"/>'
        f'<text x="0" y="149">{first}</text>'
        + (f'<text x="{end}" y="149" text-anchor="end">{last}</text>' if len(found) * width > 40 else "")
        + "</svg>"
    )


def _bar(row: Fire, fate: Fate | None, now: datetime) -> Bar:
    words = f"{stamp(row, now)}: {became(row, fate, now)}"
    short = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return Bar(_kind(row, fate), seconds(fate, now), short, row.count)


def _kind(row: Fire, fate: Fate | None) -> str:
    if row.state != "fired":
        return "hole" if row.state == "missed" else "skip"
    if fate and fate.state in FAILED:
        return "bad"
    if fate and fate.state in ("cancelled", "discarded"):
        return "pale"
    return "late" if row.cause.startswith(LATE) else "ok"


def _last(found: Sequence[Bar]) -> str:
    return f"Last {len(found)} fires" if len(found) > 1 else "Last fire"


def _longest(found: Sequence[Bar]) -> float:
    return max((bar.seconds or 0 for bar in found), default=0)


def _small(bar: Bar, x: int, most: float) -> str:
    title = f"<title>{escape(bar.words)}</title>"
    if bar.kind == "skip":
        return f'<path class="skip" d="M{x} 24v-2">{title}</path>'
    if bar.kind == "hole":
        return f'<path class="hole" d="M{x - 1} .5h2v23h-2z">{title}</path>'
    if bar.kind == "bad":
        return f'<path class="bad" d="M{x} 24v-4M{x} 16V0">{title}</path>'
    high = max(round(20 * (bar.seconds or 0) / most), 3) if most else 3
    drawn = f'd="M{x} 24v-{high}"'
    if bar.kind == "late":
        return f'<g>{title}<path {drawn}/><path class="late" d="M{x - 2} {21 - high}h4"/></g>'
    return f"<path {drawn}{' class=pale' if bar.kind == 'pale' else ''}>{title}</path>"


def _large(bar: Bar, x: float, width: float, top: float) -> str:
    title, place = f"<title>{escape(bar.words)}</title>", f'x="{x:.2f}%" width="{width:.2f}%"'
    if bar.kind == "skip":
        return f'<rect class="b-skip" {place} y="{CHART - 4}" height="4">{title}</rect>'
    if bar.kind == "hole":
        return f'<rect class="b-hole" {place} y="12.5" height="{CHART - 13}">{title}</rect>'
    high = max(round(120 * (bar.seconds or 0) / top), 4)
    if bar.kind == "bad":
        low = max(high - 12, 6)
        upper = f'<rect class="b-bad" {place} y="{CHART - low - 10}" height="{low - 4}"/>'
        return f'<g>{title}{upper}<rect class="b-bad" {place} y="{CHART - 6}" height="6"/></g>'
    solid = f'<rect class="b-{"pale" if bar.kind == "pale" else "ok"}" {place} y="{CHART - high}" height="{high}"/>'
    cap = f'<rect class="b-late" {place} y="{CHART - high - 6}" height="4"/>' if bar.kind == "late" else ""
    return f"<g>{title}{solid}{cap}</g>"
