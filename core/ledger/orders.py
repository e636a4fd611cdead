"""Orders to living processes: left where a process looks with each heartbeat, and forgotten after a minute."""

from collections.abc import Sequence

from core.ledger.alive import Process
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys

ORDERS = ("quiet", "resume", "stop")
LASTS = 60_000  # ms; a process looks each few seconds, and one that does not is no process of this release


def leave(keys: Keys, processes: Sequence[Process], order: str) -> Flow[None]:
    """Leave one of ORDERS for each of *processes*; the last word counts."""
    if processes:
        yield [Script("order", [keys.order(process.member)], [order, LASTS]) for process in processes]
