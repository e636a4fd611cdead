"""A run's life between acceptance and its terminal state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.causes import HEAD, Cause, unsealed
from core.errors import LedgerUnavailable
from core.ledger.acceptance import Acceptance
from core.ledger.flow import Flow, Script
from core.ledger.keys import ASIDE, Keys, cause_of


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: ``OK`` with the attempt's number; ``SKIP``, ``SUSPECT``, ``GONE`` or ``ERROR`` without."""

    verdict: str
    state: str = ""  # of the run; of an error the message
    attempt: int = 0
    failures: int = 0
    record: bytes = b""
    task: str = ""
    held: int = 0  # ms since the epoch: since when workers give it back because they cannot run it


@dataclass(frozen=True)
class Facts:
    """What a run is, whatever becomes of it. Its cause is not verified: for telling of it, never for running it."""

    task: str
    attempt: int
    cause: Cause | None
    state: str
    token: str
    failures: int
    charges: int


LOOKS = 50  # runs that one call looks at: the server has others to serve
ODD = "The ledger holds something odd in the place of a run ({error}). The others go on; put it right."
NOWHERE: Mapping[str, bool] = {}
AHEAD = 9  # the priority of hints for runs that had begun: they go to the head of their queue


@dataclass(frozen=True)
class Hint:
    """What a message to the broker says: this run of this queue may be due."""

    run: str
    queue: str
    priority: int


def claim(keys: Keys, run: str, token: str, worker: str, *, alone: bool = True) -> Flow[Claim]:
    """Take a pending run for one attempt under *token*.

    *alone*: should the run kill its process, no other run is in it. A suspect is granted only so.

    Raises:
        LedgerUnavailable: the server cannot do it.
    """
    [claimed] = yield from claim_all(keys, [(run, token)], worker, alone=alone)
    if claimed.verdict == "ERROR":
        raise LedgerUnavailable(ODD.format(error=claimed.state))
    return claimed


def claim_all(keys: Keys, wanted: Sequence[tuple[str, str]], worker: str, *, alone: bool = True) -> Flow[list[Claim]]:
    """Take pending runs, each under the token beside it, as ``claim`` does, but with a verdict where that raises."""
    names = [keys.due, keys.state("pending"), keys.state("running"), keys.watermark, *keys.counters]
    args: list[str | bytes | int] = [worker, int(alone)]
    for run, token in wanted:
        names += keys.run(run), keys.record(cause_of(run))
        args += run, token
    [answers] = yield [Script("claim", names, args)]
    return [_claimed(*answer) for answer in answers]


def _claimed(verdict: bytes, *found: bytes) -> Claim:
    if verdict != b"OK":
        return Claim(verdict.decode(), state=found[0].decode() if found else "")
    attempt, failures, record, task, held = found
    return Claim("OK", "running", int(attempt), int(failures), record, task.decode(), int(held))


@dataclass(frozen=True)
class End:
    """How the attempt of a run under its token ended.

    *state* is succeeded, discarded, dead or retrying (then *delay*, in seconds, until the next attempt). *error* and
    *result* are JSON text.
    """

    run: str
    token: str
    state: str
    delay: float = 0
    error: str = ""
    result: str = ""


def finish(
    keys: Keys,
    run: str,
    token: str,
    state: str,
    *,
    delay: float = 0,
    error: str = "",
    result: str = "",
    told: Acceptance | None = None,
) -> Flow[str]:
    """Record an ``End``; returns OK, LATE or GONE. *told* tells of a dead run and is accepted in the same step.

    Raises:
        LedgerUnavailable: the server cannot do it.
    """
    [(verdict, what)] = yield from _finish(keys, [End(run, token, state, delay, error, result)], told or Acceptance())
    if verdict == "ERROR":
        raise LedgerUnavailable(ODD.format(error=what))
    return verdict


def finish_all(keys: Keys, ends: Sequence[End]) -> Flow[list[str]]:
    """Record how attempts ended, as ``finish`` does, but with the verdict ERROR where that raises."""
    return [verdict for verdict, _ in (yield from _finish(keys, ends, Acceptance()))]


def _finish(keys: Keys, ends: Sequence[End], news: Acceptance) -> Flow[list[tuple[str, str]]]:
    names = [keys.run(ends[0].run), keys.due, *keys.states, *keys.counters]
    args: list[str | bytes | int] = [len(ends)]
    for end in ends:
        names += keys.run(end.run), keys.attempts(end.run), keys.result(end.run)
        args += end.run, end.token, end.state, round(end.delay * 1000), end.error, end.result
    [answers] = yield [Script("finish", [*names, *news.keys], [*args, *news.args])]
    return [(verdict.decode(), what[0].decode() if what else "") for verdict, *what in answers]


def charge(
    keys: Keys,
    run: str,
    worker: str,
    error: str,
    last_error: str,
    *,
    token: str = "",
    told: Acceptance | None = None,
) -> Flow[tuple[str, Hint | None]]:
    """Record that the process died in which *worker* ran nothing but *run*; returns the run's state and its hint.

    The third time the run is dead, with *last_error* and the event *told*. The state is LATE or GONE where the run
    is not the worker's any more, or not under *token*. Errors are JSON text.
    """
    news = told or Acceptance()
    names = [keys.run(run), keys.due, *keys.states, keys.attempts(run), *keys.counters, *news.keys]
    [answer] = yield [Script("charge", names, [run, worker, token, error, last_error, *news.args])]
    if answer[0] != b"OK":
        return answer[0].decode(), None
    state = answer[1].decode()
    return state, Hint(run, answer[2].decode(), AHEAD) if state == "pending" else None


def release(keys: Keys, run: str, token: str, delay: float = 0) -> Flow[Hint | None]:
    """Give a run back uncounted, claimable after *delay* seconds; returns its hint, or None if it is not ours."""
    args: list[str | bytes | int] = [run, token, round(delay * 1000)]
    [answer] = yield [Script("release", [keys.run(run), keys.due, *keys.states], args)]
    return Hint(run, answer[1].decode(), AHEAD) if answer[0] == b"OK" else None


def run_facts(keys: Keys, run: str) -> Flow[Facts | None]:
    """Return what a run is, or None."""
    [fields, head] = yield [
        ("HMGET", keys.run(run), "task", "state", "token", "attempt", "failures", "charges"),
        ("GETRANGE", keys.record(cause_of(run)), 0, HEAD - 1),
    ]
    task, state, token, attempt, failures, charges = ((field or b"").decode() for field in fields)
    cause = unsealed(head) if head else None
    return Facts(task, int(attempt), cause, state, token, int(failures or 0), int(charges or 0)) if task else None


def runs_of_worker(keys: Keys, worker: str) -> Flow[dict[str, str]]:
    """Return token -> run of each attempt that *worker* has not ended."""
    [runs] = yield [("ZRANGE", keys.state("running"), 0, -1)]
    found = (yield [("HMGET", keys.run(run.decode()), "worker", "token") for run in runs]) if runs else []
    own = worker.encode()
    return {token.decode(): run.decode() for run, (who, token) in zip(runs, found, strict=True) if who == own and token}


def note(keys: Keys, run: str, token: str, progress: str, lines: Sequence[str]) -> Flow[None]:
    """Keep a running run's progress (``done/total`` or empty) and log lines."""
    yield [Script("note", [keys.run(run), keys.log(run)], [token, progress, *lines])]


def look_now(keys: Keys, runs: Sequence[str]) -> Flow[None]:
    """Let the next check of each of *runs* be due at once."""
    if runs:
        yield [("ZADD", keys.due, "XX", 0, run) for run in runs]


def due(keys: Keys, limit: int, until: int) -> Flow[list[str]]:
    """Return the runs that are due at *until*, a time of the server's in ms, the oldest first; no pending ones."""
    [runs] = yield [("ZRANGE", keys.due, "-inf", until, "BYSCORE", "LIMIT", 0, limit)]
    return [run.decode() for run in runs]


def waiting(keys: Keys, limit: int, until: int, *, newest: bool = False) -> Flow[list[str]]:
    """Return the pending runs that are to be looked at by *until*, the oldest check first, or the *newest*."""
    first, last = ASIDE, ASIDE + until
    ends = (last, first, "BYSCORE", "REV") if newest else (first, last, "BYSCORE")
    [runs] = yield [("ZRANGE", keys.due, *ends, "LIMIT", 0, limit)]
    return [run.decode() for run in runs]


def recover(
    keys: Keys, runs: Mapping[str, bool | None], *, trusted: bool, empty: Mapping[str, bool] = NOWHERE
) -> Flow[list[tuple[str, Hint]]]:
    """Look at each of *runs* (id -> whether its queue is empty); returns what was done and the hints to publish.

    For a run with None, *empty* tells that of its queue. Where it does not and it matters, nothing is done: the
    action is ``ask``, and its hint tells the queue. With *trusted*, a worker that is silent for 15 s counts as dead.
    """
    found: list[tuple[str, Hint]] = []
    for some in (list(runs)[start : start + LOOKS] for start in range(0, len(runs), LOOKS)):
        names = [keys.run(some[0]), keys.due, *keys.states, keys.alive, keys.watermark]
        args: list[str | bytes | int] = [int(trusted), len(empty)]
        for queue, is_empty in empty.items():
            args += queue, int(is_empty)
        for run in some:
            told = runs[run]
            names += keys.run(run), keys.attempts(run)
            args += run, "" if told is None else int(told)
        [answers] = yield [Script("recover", names, args)]
        found += [
            (action.decode(), Hint(run, queue.decode(), AHEAD if action == b"lost" else int(priority or 0)))
            for run, (action, queue, priority) in zip(some, answers, strict=True)
            if action in (b"hint", b"lost", b"ask")
        ]
    return found
