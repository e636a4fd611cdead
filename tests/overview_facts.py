"""Facts of the overview, by hand: an application in which nothing has happened, but for what a test says."""

from datetime import UTC, datetime, timedelta

from core.clock import to_ms
from core.dashboard.facts import SPANS, Facts
from core.ledger.admission import Use
from core.ledger.counters import Tally
from core.ledger.firing import Fire
from core.quarantine import Held

NOW = datetime(2026, 11, 24, 13, 41, 20, tzinfo=UTC)
STATES = ("scheduled", "pending", "parked", "running", "retrying", "succeeded", "dead", "expired")


def at(seconds):
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def tally(start=0, succeeded=0, dead=0, p50=None, p95=None, **ended):
    return Tally(start, {"succeeded": succeeded, "dead": dead, **ended}, 0, p50, p95)


def tallies(made, span="hour"):
    """Tallies of a whole span: *made* gives the words of the one with that number, the newest is the last."""
    buckets, minutes = SPANS[span]
    newest = to_ms(NOW) // (minutes * 60_000)
    return [tally((newest - buckets + 1 + n) * minutes * 60_000, **made(n)) for n in range(buckets)]


def a_process(role="worker", ident="worker.1", **changes):
    plain = {"role": role, "id": ident, "seen": at(-2), "age": 2.0, "started": at(-2220), "memory": 142 * 2**20}
    own = {"concurrency": 8, "busy": 1, "stuck": 0} if role == "worker" else {"leader": True, "leads_since": at(-1800)}
    return plain | own | changes


def a_queue(name="mail", **changes):
    states = dict.fromkeys(STATES, 0)
    plain = {"queue": name, "exact": True, "oldest": None, "wait": None, "workers": 1, "quiet": 0, "slots": 8}
    return states | plain | changes


def a_failure(words="handlers.orders.send_receipt", state="dead"):
    error = {"type": words, "message": words}
    return {"id": words, "task": words, "state": state, "error": error, "created": at(-75)}


def missed(name="exchange-rates", planned=-1880, cause="no scheduler was alive", **changes):
    return name, Fire(planned=NOW + timedelta(seconds=planned), state="missed", cause=cause, **changes)


def facts(**known):
    plain = {"now": to_ms(NOW), "counts": dict.fromkeys(STATES, 0), "causes": 1, "schedules": 0, "failing": ()}
    plain |= {"policy": "noeviction", "use": Use(10, 100), "backlog": 1_000_000, "queues": (), "due": None}
    plain |= {"processes": [a_process(), a_process("beat", "beat.1")], "held": {}, "overdue": (0, ()), "missed": ()}
    plain |= {"fires": (), "failures": (), "span": "hour", "hour": tally(), "tallies": (), "deploys": ()}
    return Facts(**plain | known)


def full(words="words", **changes):
    """Facts in which all that a stranger can name is *words*."""
    processes = [a_process(ident=words, stuck=1), a_process("beat", words), a_process(ident=words, seen=at(-48))]
    shown = {"counts": dict.fromkeys(STATES, 1234), "schedules": 3, "policy": "allkeys-lru", "use": Use(81, 100)}
    shown |= {"processes": processes, "queues": [a_queue(words, pending=3, wait=2.5, workers=0, parked=2)]}
    shown |= {"held": {words: Held(words, words, at(-300))}, "overdue": (4, [words])}
    shown |= {"missed": [missed(words, cause=words)], "fires": [{"name": words, "next": at(520)}]}
    shown |= {
        "failures": [a_failure(words)],
        "tallies": tallies(lambda n: {"succeeded": n, "dead": 1, "p50": 1, "p95": 9}),
    }
    return facts(**shown | changes)
