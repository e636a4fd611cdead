"""Deploys: when the first worker of each release began."""

from dataclasses import dataclass

from core.ledger.flow import Flow, scored
from core.ledger.keys import Keys

MOST = 100  # releases that are remembered


@dataclass(frozen=True)
class Deploy:
    """A release, and when it was first at work, in ms since the epoch."""

    release: str
    at: int


def deployed(keys: Keys, release: str, at: int) -> Flow[None]:
    """Remember that a worker of *release* began *at*, in ms; the first time counts, and the newest ``MOST`` stay."""
    yield [("ZADD", keys.deploys, "NX", at, release), ("ZREMRANGEBYRANK", keys.deploys, 0, -1 - MOST)]


def deploys(keys: Keys, since: int) -> Flow[list[Deploy]]:
    """Return the releases that began at *since* or later, in ms, the oldest first."""
    [found] = yield [("ZRANGE", keys.deploys, since, "+inf", "BYSCORE", "WITHSCORES")]
    return [Deploy(release, int(at)) for release, at in scored(found)]
