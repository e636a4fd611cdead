"""Which beat leads. The lead only saves work: a fire is accepted once, however many beats try."""

from dataclasses import dataclass
from datetime import datetime

from core.clock import from_ms
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys

LEASE = 4000  # ms that the lead lasts unless it is renewed


@dataclass(frozen=True)
class Lead:
    """Whether this beat leads, and the server's time.

    *left* is the seconds until the lead, whoever has it, ends unless it is renewed; None where it has no end.
    """

    held: bool
    now: datetime
    left: float | None = None


def lead(lock: str, token: str) -> Flow[Lead]:
    """Take the lead, or renew it, for LEASE ms; *lock* is RedBeat's."""
    [(held, now, left)] = yield [Script("lead", [lock], [token, LEASE])]
    return Lead(held == 1, from_ms(int(now)), None if left < 0 else left / 1000)


def holder(lock: str) -> Flow[str]:
    """Return who has the lead: the id of a beat of ours, whatever a plain RedBeat wrote, or '' for nobody."""
    [found] = yield [("GET", lock)]
    return (found or b"").decode("utf-8", "replace")


def give_up(keys: Keys, lock: str, token: str) -> Flow[bool]:
    """Give up the lead, if it is this beat's, and wake those that wait for it."""
    [given] = yield [Script("yield", [lock], [token, keys.wake])]
    return bool(given)
