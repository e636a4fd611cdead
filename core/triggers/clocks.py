"""From what wall clocks show to instants, where clocks are put forward and back.

A *wall* is what the clocks of a zone show, as seconds since they showed 1970-01-01 00:00; an *instant* is in seconds
since the Unix epoch. They differ by the zone's offset, which changes at instants that the zone decides: mostly for
daylight saving, but also by half hours, by whole days, and for ever.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.triggers.plan import EPOCH, SECOND

DAY = 86_400
FIRST_DAY = date(1970, 1, 1).toordinal()  # days are counted from it
PROBE = 5 * DAY  # no zone has changed its offset twice within six days
FIRST_YEAR, LAST_YEAR = 2, 9998  # whole days away from the ends of the calendar in every zone
TOLD = 2_000  # walls of one gap that are remembered


class Stretch(NamedTuple):
    """Instants from *start* up to *end* with one *offset*; *before* and *after* are those of its neighbours."""

    start: int
    end: int
    offset: int
    before: int
    after: int


class Effect(Enum):
    """What a clock change did to a planned time."""

    MOVED = "its wall does not exist: it stands at the first minute after the gap"
    LEFT_OUT = "walls before it do not exist and were left out"
    FIRST = "its wall comes twice: only the first counts"
    FIRST_OF_BOTH = "its wall comes twice: this is the first"
    SECOND_OF_BOTH = "its wall comes twice: this is the second"


class Change(NamedTuple):
    """A clock change's *effect* on the *walls* concerned."""

    effect: Effect
    walls: Sequence[int]


class Reading(NamedTuple):
    """How a plan reads clocks that change.

    *both*: a wall that comes twice counts twice. *moved*: one that does not exist counts at the first minute after
    the gap; else it is left out.
    """

    both: bool
    moved: bool


def instant_of(moment: datetime) -> int:
    """Return *moment* (aware) in whole seconds since the Unix epoch, rounded down."""
    return (moment - EPOCH) // SECOND


def stretch_at(timezone: str, instant: int) -> Stretch | None:
    """Return the stretch that *instant* lies in, the first one for all before; None where the calendar ends."""
    if timezone == "UTC":
        return _UTC if instant < _UTC.end else None
    if instant >= _UTC.end:
        return None
    year = FIRST_YEAR if instant < _UTC.start else (EPOCH + timedelta(0, instant)).year
    return next(stretch for stretch in _stretches(timezone, year) if stretch.end > instant)


def placed(
    walls: Callable[[int], Iterator[int]], timezone: str, after: int, reading: Reading
) -> Iterator[tuple[int, Change | None]]:
    """Yield the instants after *after* that a plan names in *timezone*, in order, each with its clock change, if any.

    *walls* yields the plan's walls from a given one on, in order.
    """
    stretch, lost = _first(timezone, after), None
    if stretch is None:
        return
    begin = max(stretch.start, min(after + 1, stretch.end - 1))
    stream = _Stream(walls, _lowest(stretch, begin, reading))
    while stretch is not None and (stream.wall is not None or lost is not None):
        if lost is not None and reading.moved:
            instant, lost = _whole_minute(stretch), Change(Effect.MOVED, lost.walls)
            if stream.wall == instant + stretch.offset:
                stream.step()
            yield instant, lost
            lost = None
        for wall in stream.until(stretch.end + stretch.offset):
            if wall - stretch.offset > after:
                yield wall - stretch.offset, lost or change_at(wall, stretch, reading)
                lost = None
        following = _following(timezone, stretch, after, stream.wall)
        if following is not None and following.start == stretch.end:
            lost = _cross(stream, following, reading) or lost
        stretch = following


class _Stream:
    """The walls of a plan from one on, the next one in sight."""

    def __init__(self, walls: Callable[[int], Iterator[int]], start: int) -> None:
        self._walls = walls
        self.seek(start)

    def seek(self, start: int) -> None:
        self._rest = self._walls(start)
        self.step()

    def step(self) -> None:
        self.wall = next(self._rest, None)

    def until(self, end: int) -> Iterator[int]:
        while self.wall is not None and self.wall < end:
            wall = self.wall
            self.step()
            yield wall


def _cross(stream: _Stream, stretch: Stretch, reading: Reading) -> Change | None:
    """Take *stream* over the clock change at the start of *stretch*; return the walls that do not exist, if any."""
    low = stretch.start + stretch.offset
    if stretch.offset < stretch.before and reading.both:
        stream.seek(low)
    lost = [wall for wall, _ in zip(stream.until(low), range(TOLD), strict=False)]
    for _ in stream.until(low):
        pass
    return Change(Effect.LEFT_OUT, lost) if lost else None


def change_at(wall: int, stretch: Stretch, reading: Reading) -> Change | None:
    """Return the change that makes *wall*, in *stretch*, one that comes twice, if it does."""
    if wall >= stretch.end + min(stretch.offset, stretch.after):
        return Change(Effect.FIRST_OF_BOTH if reading.both else Effect.FIRST, [wall])
    if reading.both and wall < stretch.start + stretch.before:
        return Change(Effect.SECOND_OF_BOTH, [wall])
    return None


def _first(timezone: str, after: int) -> Stretch | None:
    """Return the stretch to begin with: the one before, where *after* lies in the first, broken minute of one."""
    stretch = stretch_at(timezone, after)
    broken = stretch is not None and stretch.start <= after < _whole_minute(stretch)
    return stretch_at(timezone, stretch.start - 1) if stretch is not None and broken else stretch


def _following(timezone: str, stretch: Stretch, after: int, wall: int | None) -> Stretch | None:
    """Return the next stretch, or a later one if that is where *wall*, the plan's next, lies far ahead."""
    far = wall is not None and stretch.end > after + 2 * DAY  # no wall near *after* can come again
    return stretch_at(timezone, max(stretch.end, wall - 2 * DAY) if far and wall is not None else stretch.end)


def _lowest(stretch: Stretch, instant: int, reading: Reading) -> int:
    """Return the first wall that counts from *instant* on: not one that has come before, unless both count."""
    wall = instant + stretch.offset
    return wall if reading.both else max(wall, stretch.start + stretch.before)


def _whole_minute(stretch: Stretch) -> int:
    """Return the first instant of *stretch* at which its clocks show a whole minute."""
    return stretch.start + -(stretch.start + stretch.offset) % 60


@lru_cache(maxsize=4096)
def _stretches(timezone: str, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of one year of UTC; it also ends one."""
    offset_at = _offsets(timezone)
    start, end = _year_start(year), _year_start(year + 1)
    probes = [start - 1, *range(start, end, PROBE), end]
    offsets = [offset_at(probe) for probe in probes]
    changes = [
        _when(offset_at, *span)
        for span, before, after in zip(pairwise(probes), offsets, offsets[1:], strict=False)
        if before != after
    ]
    bounds = [start, *(change for change in changes if start < change < end), end]
    return tuple(
        Stretch(begin, stop, offset_at(begin), offset_at(begin - 1), offset_at(stop))
        for begin, stop in pairwise(bounds)
    )


def _offsets(timezone: str) -> Callable[[int], int]:
    clocks = ZoneInfo(timezone)

    def offset_at(instant: int) -> int:
        offset = (EPOCH + timedelta(0, instant)).astimezone(clocks).utcoffset() or timedelta(0)
        return offset // SECOND

    return offset_at


def _when(offset_at: Callable[[int], int], low: int, high: int) -> int:
    """Return the instant of the one change between *low* and *high*."""
    old = offset_at(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset_at(middle) == old else (low, middle)
    return high


def _year_start(year: int) -> int:
    return instant_of(datetime(year, 1, 1, tzinfo=UTC))


_UTC = Stretch(_year_start(FIRST_YEAR), _year_start(LAST_YEAR + 1), 0, 0, 0)
