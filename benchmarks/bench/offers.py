"""What every system is given: the same order, the same pace. It needs the standard library only."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench.marks import VARIABLE, tally

NAP = 0.1  # seconds of I/O that a handler waits for
LONG_NAP = 120.0  # seconds; so that all are asleep before the first one wakes
PACE = 0.02  # seconds between two offers of the latency cells
WARM = 25  # offers of theirs that are not counted
ORDER: dict[str, Any] = {  # about 200 bytes as JSON
    "order_id": 1234567,
    "email": "ann.other@example.org",
    "total": "129.90",
    "currency": "EUR",
    "note": "two parcels, the second one on Friday; ring twice, the bell is on the left side of the door",
}
LETTER = ORDER | {"note": ORDER["note"] + "; " + "if nobody opens leave it with the neighbours upstairs"}
EVENT = {"type": "bench.one", "data": LETTER}  # about 300 bytes as JSON


def paced(count: int, offer: Callable[[float], object]) -> None:
    """Offer *count* times, one each 20 ms, with the time; before that, with 0, what connects and warms all up."""
    folder = Path(os.environ[VARIABLE])
    offer(0.0)
    deadline = time.monotonic() + 30
    while not tally(folder).starts:
        if time.monotonic() > deadline:
            raise RuntimeError("the first offer did not start within 30 s")
        time.sleep(0.05)
    begun = time.monotonic()
    for n in range(WARM + count):
        time.sleep(max(0.0, begun + n * PACE - time.monotonic()))
        offer(time.monotonic() if n >= WARM else 0.0)
