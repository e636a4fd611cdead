"""Counts failed tries to sign in, by address, for all processes together."""

from core.ledger.flow import Flow
from core.ledger.keys import Keys


def tries(keys: Keys, address: str) -> Flow[int]:
    """Return how many tries of *address* are remembered."""
    [found] = yield [("GET", keys.tries(address))]
    return int(found or 0)


def tried(keys: Keys, address: str, seconds: int) -> Flow[None]:
    """Note a try of *address*; all of them are forgotten *seconds* after the first."""
    yield [("INCR", keys.tries(address)), ("EXPIRE", keys.tries(address), seconds, "NX")]
