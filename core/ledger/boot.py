"""What every process asks before it works with the ledger: can the server keep it, and is it in our format."""

from core.ledger.format import settle
from core.ledger.keys import Keys
from core.ledger.server import check
from core.ledger.store import Ledger


def prepare(ledger: Ledger, keys: Keys, durability: str = "") -> list[str]:
    """Bring the ledger into this release's format; return warnings about its server.

    Raises:
        ServerRefused: the server cannot keep the ledger, or not at the level of *durability* that is demanded.
        LedgerUnavailable: it did not answer, or was written by a newer release.
    """
    warnings = check(ledger.client, durability)
    ledger.run(settle(keys))
    return warnings
