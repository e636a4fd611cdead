"""The geometry of charts: from numbers to shapes. Along the page all is in per cent, so text never stretches."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

COUNTS = tuple(step * 10**power for power in range(16) for step in (1, 2, 5))
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
TIMES = (  # ms: what people part a time by
    *(step * 10**power for power in range(4) for step in (1, 2, 5)),
    *(10 * SECOND, 20 * SECOND, 30 * SECOND),
    *(step * MINUTE for step in (1, 2, 5, 10, 20, 30)),
    *(step * HOUR for step in (1, 2, 4, 8, 12)),
    *(step * DAY for step in COUNTS),
)
LINES = 4  # of a grid, at most
GAP = 3.0  # px between what ended well and what failed
LEAST, LEAST_BAD = 1.0, 4.0  # px of what is there
FILLED = 0.72  # of the room that a bar has


@dataclass(frozen=True)
class Frame:
    """Where a chart is drawn, in px: *top* is the place of its highest line, *base* of zero."""

    height: int
    top: float
    base: float

    def y(self, value: float, scale: float) -> float:
        """Return the place of *value* where *scale* is the highest line."""
        return round(self.base - value / scale * (self.base - self.top), 1)


@dataclass(frozen=True)
class Bar:
    """A bar, and what failed set on top of it: *x* and *width* in per cent, the others in px."""

    x: float
    width: float
    y: float
    height: float
    bad_y: float
    bad_height: float


def ticks(highest: float, steps: Sequence[int] = COUNTS) -> list[int]:
    """Return where lines of a grid stand, from the lowest to one that is not below *highest*: at least one."""
    step = next((step for step in steps if highest <= step * LINES), steps[-1])
    return [step * n for n in range(1, min(max(math.ceil(highest / step), 1), LINES) + 1)]


def bars(values: Sequence[tuple[int, int]], scale: float, frame: Frame) -> list[Bar]:
    """Return a bar for each of *values*: how many ended well and how many failed."""
    room = 100 / max(len(values), 1)
    return [_bar(n * room, room, good, bad, scale, frame) for n, (good, bad) in enumerate(values)]


def _bar(x: float, room: float, good: int, bad: int, scale: float, frame: Frame) -> Bar:
    unit = (frame.base - frame.top) / scale
    height = max(good * unit, LEAST) if good else 0.0
    bad_height = max(bad * unit, LEAST_BAD) if bad else 0.0
    y = frame.base - height
    bad_y = y - (GAP if good and bad else 0) - bad_height
    return Bar(round(x, 3), round(room * FILLED, 3), *(round(one, 1) for one in (y, height, bad_y, bad_height)))


def lines(values: Sequence[float | None], scale: float, frame: Frame) -> list[str]:
    """Return the points of a line through *values*, which ends where there is none and begins anew after it.

    Along the page a value is one wide. One that stands alone is a dash, or nobody would see it.
    """
    return [_points(part, scale, frame) for part in _parts(values)]


def _parts(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    for there, part in groupby(enumerate(values), lambda one: one[1] is not None):
        if there:
            yield [(n, value) for n, value in part if value is not None]


def _points(part: Sequence[tuple[int, float]], scale: float, frame: Frame) -> str:
    if len(part) == 1:
        [(n, value)] = part
        y = frame.y(value, scale)
        return f"{n + 0.2:g},{y:g} {n + 0.8:g},{y:g}"
    return " ".join(f"{n + 0.5:g},{frame.y(value, scale):g}" for n, value in part)


def share(at: float, since: float, until: float) -> float | None:
    """Return the place of *at* between *since* and *until* in per cent; None where it is outside."""
    return round((at - since) / (until - since) * 100, 2) if since <= at <= until and since < until else None
