"""Webhook deliveries that were refused: the newest few with their reason, and how many. Never what they said.

Whoever can reach a webhook can send a flood. So of a minute no more than ``A_MINUTE`` are noted; the rest is counted.
"""

import json
from dataclasses import asdict, dataclass

from core.ledger.flow import Flow
from core.ledger.keys import Keys

KEPT = 50  # refusals of a source
A_MINUTE = 20
KEPT_FOR = 7 * 86_400  # seconds
MINUTE, HOUR = 60, 60  # seconds, minutes
LONGEST = 200  # characters of any part


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One refused delivery: when (RFC 3339), why, from which address, and the id it gave, '' without a good one."""

    at: str
    reason: str
    address: str
    delivery: str = ""


def refuse(keys: Keys, source: str, refusal: Refusal, minute: int) -> Flow[None]:
    """Count a refused delivery of *minute* (since the epoch), and note it unless too many were noted in it."""
    counter = keys.refused_in(source, minute)
    count, _ = yield [("INCR", counter), ("EXPIRE", counter, (HOUR + 2) * MINUTE)]
    if int(count) > A_MINUTE:
        return
    noted = json.dumps({name: text[:LONGEST] for name, text in asdict(refusal).items()})
    place = keys.refused(source)
    yield [("LPUSH", place, noted), ("LTRIM", place, 0, KEPT - 1), ("EXPIRE", place, KEPT_FOR)]


def refusals(keys: Keys, source: str, limit: int, minute: int) -> Flow[tuple[list[Refusal], int]]:
    """Return the newest refusals of a source, and how many there were in the hour that ends with *minute*."""
    counters = [keys.refused_in(source, minute - n) for n in range(HOUR)]
    noted, counts = yield [("LRANGE", keys.refused(source), 0, limit - 1), ("MGET", *counters)]
    return [Refusal(**json.loads(one)) for one in noted], sum(int(count) for count in counts if count)
