"""How much waits in each queue, and since when, in time that does not grow with the number of runs.

Up to ``LOOKED`` runs of a state are looked at one by one. Where there are more, a queue that holds few runs in all
is counted by intersection; if one queue is left, it has the rest; if several are, they share the rest as ``LOOKED``
runs drawn by lot do, and their counts are estimates.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.ledger.flow import Flow, together
from core.ledger.keys import OPEN, Keys

LOOKED = 500
FEW = 10_000  # runs of a queue, ended ones included, that an intersection may walk


@dataclass(kw_only=True)
class Depth:
    """The runs of one queue that have not ended, by state; *exact* is false where counts are estimates.

    *waits_since* is when the pending run that waits the longest became due, in ms; of more than ``LOOKED`` pending
    runs those count that were created first.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OPEN, 0))
    waits_since: int | None = None
    exact: bool = True


Seen = list[tuple[str, int]]  # queue and due time of runs
Look = tuple[Seen, Seen]  # the first ones, and those drawn by lot


def depths(keys: Keys, queues: Iterable[str], wanted: Sequence[str] = OPEN) -> Flow[tuple[dict[str, Depth], int]]:
    """Return the depth of each of *queues* and of all others that are met, and the server's time in ms.

    States that are not *wanted* are not looked at; pending has to be.
    """
    [[seconds, micros], *totals] = yield [("TIME",), *(("ZCARD", keys.state(state)) for state in wanted)]
    states = list(zip(wanted, totals, strict=True))
    looks: list[Look] = yield from together([_looked(keys, state, total) for state, total in states])
    found = {queue: Depth() for queue in queues}
    for queue, _ in (one for look in looks for part in look for one in part):
        found.setdefault(queue, Depth())
    counts = yield from together(
        [_counted(keys, state, total, list(found), look) for (state, total), look in zip(states, looks, strict=True)]
    )
    for state, (counted, exact) in zip(wanted, counts, strict=True):
        for queue, depth in found.items():
            depth.counts[state] = counted[queue]
            depth.exact &= queue in exact
    for queue, due in (one for part in looks[wanted.index("pending")] for one in part):
        found[queue].waits_since = min(due, found[queue].waits_since or due)
    return found, int(seconds) * 1000 + int(micros) // 1000


def _looked(keys: Keys, state: str, total: int) -> Flow[Look]:
    """Return the first runs of a state, and where there are more some that are drawn by lot."""
    asked: list[tuple[str | int, ...]] = [("ZRANGE", keys.state(state), 0, LOOKED - 1)]
    asked += [("ZRANDMEMBER", keys.state(state), LOOKED)] if total > LOOKED else []
    seen, *drawn = yield from together([_seen(keys, one) for one in asked])
    return seen, drawn[0] if drawn else []


def _counted(
    keys: Keys, state: str, total: int, queues: Sequence[str], look: Look
) -> Flow[tuple[Counter[str], Sequence[str]]]:
    """Return how many of the *total* runs of a state each queue has, and for which queues that is exact."""
    seen, drawn = look
    if total > LOOKED:
        return (yield from _shared(keys, state, total, queues, Counter(queue for queue, _ in drawn)))
    return Counter(queue for queue, _ in seen), queues


def _seen(keys: Keys, asked: tuple[str | int, ...]) -> Flow[Seen]:
    [runs] = yield [asked]
    if not runs:
        return []
    answers = yield [("HMGET", keys.run(run.decode()), "queue", "due") for run in runs]
    return [(queue.decode(), int(due)) for queue, due in answers if queue and due]


def _shared(
    keys: Keys, state: str, total: int, queues: Sequence[str], drawn: Mapping[str, int]
) -> Flow[tuple[Counter[str], list[str]]]:
    """Return how many of the *total* runs of a state each queue has, and for which queues that is exact."""
    sizes = yield [("ZCARD", keys.queue(queue)) for queue in queues]
    few = [queue for queue, size in zip(queues, sizes, strict=True) if size <= FEW]
    left = [queue for queue in queues if queue not in few]
    counted: Counter[str] = Counter()
    if few:
        answers = yield [("ZINTERCARD", 2, keys.queue(queue), keys.state(state)) for queue in few]
        counted.update(dict(zip(few, answers, strict=True)))
    rest, shares = max(total - counted.total(), 0), sum(drawn[queue] for queue in left) or 1
    counted.update({queue: round(rest * drawn[queue] / shares) for queue in left})
    return counted, list(queues) if len(left) <= 1 else few
