"""What came of a run: the events and calls that its handler brought about, with their runs."""

from core.causes import HEAD, header, unsealed
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.views import Json

MOST_RUNS = 10  # runs of each child that are shown


def children(keys: Keys, run: str, limit: int) -> Flow[tuple[list[Json], int]]:
    """Return the first *limit* children of *run* that are still there, the oldest first, and how many it has.

    Each has ``id kind type`` and its ``runs``, of which no more than ``MOST_RUNS`` are looked at; ``more`` is the
    number of the others.
    """
    [found, count] = yield [("ZRANGE", keys.children(run), 0, limit - 1), ("ZCARD", keys.children(run))]
    if not found:
        return [], 0
    idents = [ident.decode() for ident in found]
    heads = yield [("GETRANGE", keys.record(ident), 0, HEAD - 1) for ident in idents]
    there = {ident: (unsealed(head), header(head)["runs"]) for ident, head in zip(idents, heads, strict=True) if head}
    runs = [f"{ident}.{n}" for ident, (_, number) in there.items() for n in range(min(number, MOST_RUNS))]
    fields = (yield [("HMGET", keys.run(one), "task", "state") for one in runs]) if runs else []
    stands = {one: (task.decode(), state.decode()) for one, (task, state) in zip(runs, fields, strict=True) if task}
    return [
        {
            "id": ident,
            "kind": cause.kind,
            "type": cause.type,
            "runs": [
                {"id": one, "task": stands[one][0], "state": stands[one][1]}
                for one in (f"{ident}.{n}" for n in range(number))
                if one in stands
            ],
            "more": max(number - MOST_RUNS, 0),
        }
        for ident, (cause, number) in there.items()
    ], count
