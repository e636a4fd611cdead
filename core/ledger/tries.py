"""Counts failed tries to sign in, by address, for all processes together."""

from core.ledger.flow import Flow
from core.ledger.keys import Keys


def tries(keys: Keys, address: str, seconds: int, *, add: int) -> Flow[int]:
    """Add *add* to the tries of *address*, which are forgotten *seconds* after the first; return how many there are."""
    key = keys.tries(address)
    if not add:
        [found] = yield [("GET", key)]
        return int(found or 0)
    found, _ = yield [("INCRBY", key, add), ("EXPIRE", key, seconds, "NX")]
    return int(found)
