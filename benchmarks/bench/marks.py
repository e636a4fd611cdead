"""What handlers write of themselves, outside of Redis: each process counts in a mapped file of its own.

It needs the standard library only: it runs in the peers' environments too.
"""

import mmap
import os
import struct
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "BENCH_MARKS"
STARTS = struct.Struct("<qd")  # how many, when the first
ENDS = struct.Struct("<qdd")  # how many, when the first, when the last
SIZE = STARTS.size + ENDS.size
LAG = struct.Struct("<d")


class Marks:
    """The counters of this process. ``time.monotonic`` is the machine's, so all processes share it."""

    def __init__(self, folder: Path) -> None:
        name = folder / str(os.getpid())
        with name.with_suffix(".marks").open("w+b") as file:
            file.truncate(SIZE)
            self._map = mmap.mmap(file.fileno(), SIZE)
        self._lags = os.open(name.with_suffix(".lags"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self._starts = self._ends = 0
        self._first_start = self._first_end = 0.0

    def start(self) -> None:
        with self._lock:
            self._starts += 1
            if self._starts == 1:
                self._first_start = time.monotonic()
            STARTS.pack_into(self._map, 0, self._starts, self._first_start)

    def end(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._ends += 1
            if self._ends == 1:
                self._first_end = now
            ENDS.pack_into(self._map, STARTS.size, self._ends, self._first_end, now)

    def lag(self, sent: float) -> None:
        now = time.monotonic()
        self.start()
        if sent:
            os.write(self._lags, LAG.pack(now - sent))


_own: dict[int, Marks] = {}
_making = threading.Lock()


def started() -> None:
    """Say that a handler has started."""
    _marks().start()


def ended() -> None:
    """Say that a handler has ended."""
    _marks().end()


def lagged(sent: float) -> None:
    """Say that a handler has started whose offer was made at *sent*; 0 is an offer that only warms up."""
    _marks().lag(sent)


def _marks() -> Marks:
    pid = os.getpid()  # some systems fork after they have imported this
    if pid not in _own:
        with _making:
            if pid not in _own:
                _own[pid] = Marks(Path(os.environ[VARIABLE]))
    return _own[pid]


@dataclass(frozen=True)
class Tally:
    """What all processes together have marked; ``busy`` of them have ended something. It was read at ``time``."""

    time: float = 0.0
    busy: int = 0
    starts: int = 0
    ends: int = 0
    first_start: float = 0.0
    first_end: float = 0.0
    last_end: float = 0.0


def tally(folder: Path) -> Tally:
    """Add up what the processes have marked so far."""
    found = [file.read_bytes() for file in folder.glob("*.marks")]
    starts = [STARTS.unpack_from(one) for one in found if len(one) == SIZE]
    ends = [ENDS.unpack_from(one, STARTS.size) for one in found if len(one) == SIZE]
    return Tally(
        time=time.monotonic(),
        busy=sum(count > 0 for count, _, _ in ends),
        starts=sum(count for count, _ in starts),
        ends=sum(count for count, _, _ in ends),
        first_start=_first(first for count, first in starts if count),
        first_end=_first(first for count, first, _ in ends if count),
        last_end=max((last for _, _, last in ends), default=0.0),
    )


def lags(folder: Path) -> list[float]:
    """Return the seconds from saying so to the start of each handler, as far as they are written."""
    found = [file.read_bytes() for file in folder.glob("*.lags")]
    return [seconds for one in found for (seconds,) in LAG.iter_unpack(one[: len(one) // LAG.size * LAG.size])]


def _first(times: Iterable[float]) -> float:
    return min(times, default=0.0)
