"""The number of the ledger's format: an older ledger is brought up to date, a newer one is refused."""

from core.errors import LedgerNewer
from core.ledger.flow import Flow
from core.ledger.keys import Keys

FORMAT = 1
STEP = 500  # runs that a migration looks at in one go


def refuse_newer(number: bytes | None) -> None:
    """Raise LedgerNewer where the ledger's *number* is one that this release does not know."""
    if number is not None and int(number) > FORMAT:
        raise LedgerNewer(
            f"The ledger was written by a newer release (format {int(number)}; this one knows up to {FORMAT}). "
            "Deploy that release again; nothing was changed."
        )


def settle(keys: Keys) -> Flow[None]:
    """See that the ledger has this release's format; to be called before a process works with it.

    Every migration may be repeated, and run in several processes at once; the number is written last.

    Raises:
        LedgerNewer: it has a newer one.
    """
    [number, position] = yield [("GET", keys.format), ("EXISTS", keys.position)]
    refuse_newer(number)
    if number is None and position:
        yield from _isolate_lost(keys)
    if number is None or int(number) < FORMAT:
        yield [("SET", keys.format, FORMAT)]


def _isolate_lost(keys: Keys) -> Flow[None]:
    """0 to 1: runs that have lost their worker are suspects. Before, they only waited longer each time."""
    first = 0
    while True:
        [runs] = yield [("ZRANGE", keys.due, first, first + STEP - 1)]
        if not runs:
            return
        lost = yield [("HGET", keys.run(run.decode()), "lost") for run in runs]
        suspects = [run.decode() for run, times in zip(runs, lost, strict=True) if times]
        if suspects:
            yield [("HSET", keys.run(run), "suspect", 1) for run in suspects]
        first += STEP
