"""Runs that wait for another run to end: ``overlap="queue_one"``."""

from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys
from core.ledger.running import Hint

MOST = 500  # runs that are looked at in one go


def unpark(keys: Keys) -> Flow[list[Hint]]:
    """Make pending what waits for a run that has ended; returns the hints to publish."""
    [found] = yield [("ZRANGE", keys.state("parked"), 0, MOST - 1)]
    runs = [run.decode() for run in found]
    if not runs:
        return []
    behind = yield [("HGET", keys.run(run), "behind") for run in runs]
    waiting = [(run, before.decode()) for run, before in zip(runs, behind, strict=True) if before]
    if not waiting:
        return []
    ends = keys.state("parked"), keys.state("pending")
    answers = yield [
        Script("unpark", [keys.run(run), keys.due, *ends, keys.run(before)], [run]) for run, before in waiting
    ]
    return [
        Hint(run, answer[1].decode(), int(answer[2]))
        for (run, _), answer in zip(waiting, answers, strict=True)
        if answer[0] == b"OK"
    ]
