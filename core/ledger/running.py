"""A run's life between acceptance and its terminal state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys, cause_of


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: ``OK`` with the attempt's number, ``SKIP`` or ``GONE`` without."""

    verdict: str
    state: str = ""
    attempt: int = 0
    failures: int = 0
    record: bytes = b""
    task: str = ""
    held: int = 0  # ms since the epoch: since when workers give it back because they cannot run it


@dataclass(frozen=True)
class Hint:
    """What a message to the broker says: this run of this queue may be due."""

    run: str
    queue: str
    priority: int


def claim(keys: Keys, run: str, token: str, worker: str) -> Flow[Claim]:
    """Take a pending run for one attempt under *token*."""
    names = [keys.run(run), keys.due, *keys.states, keys.record(cause_of(run)), keys.watermark]
    [answer] = yield [Script("claim", names, [run, token, worker])]
    verdict = answer[0].decode()
    if verdict != "OK":
        return Claim(verdict, state=answer[1].decode() if len(answer) > 1 else "")
    return Claim(verdict, "running", int(answer[1]), int(answer[2]), answer[3], answer[4].decode(), int(answer[5]))


def finish(
    keys: Keys, run: str, token: str, state: str, *, delay: float = 0, error: str = "", result: str = ""
) -> Flow[str]:
    """Record how the attempt under *token* ended; returns OK, LATE or GONE.

    *state* is succeeded, discarded, dead or retrying (then *delay*, in seconds, until the next attempt).
    *error* and *result* are JSON text.
    """
    names = [keys.run(run), keys.due, *keys.states, keys.attempts(run), keys.result(run)]
    [answer] = yield [Script("finish", names, [run, token, state, round(delay * 1000), error, result])]
    verdict: str = answer[0].decode()
    return verdict


def release(keys: Keys, run: str, token: str, delay: float = 0) -> Flow[Hint | None]:
    """Give a run back uncounted, claimable after *delay* seconds; returns its hint, or None if it is not ours."""
    args: list[str | bytes | int] = [run, token, round(delay * 1000)]
    [answer] = yield [Script("release", [keys.run(run), keys.due, *keys.states], args)]
    return Hint(run, answer[1].decode(), int(answer[2])) if answer[0] == b"OK" else None


def note(keys: Keys, run: str, token: str, progress: str, lines: Sequence[str]) -> Flow[None]:
    """Keep a running run's progress (``done/total`` or empty) and log lines."""
    yield [Script("note", [keys.run(run), keys.log(run)], [token, progress, *lines])]


def due(keys: Keys, limit: int = 200) -> Flow[dict[str, str]]:
    """Return the runs whose check is due, the oldest first, each with the queue it waits in, or '' if it runs."""
    [[seconds, micros]] = yield [("TIME",)]
    now = int(seconds) * 1000 + int(micros) // 1000
    [runs] = yield [("ZRANGE", keys.due, "-inf", now, "BYSCORE", "LIMIT", 0, limit)]
    if not runs:
        return {}
    found = yield [("HMGET", keys.run(run.decode()), "state", "queue") for run in runs]
    return {
        run.decode(): queue.decode() if state == b"pending" else ""
        for run, (state, queue) in zip(runs, found, strict=True)
    }


def recover(keys: Keys, runs: Mapping[str, bool], *, trusted: bool) -> Flow[list[tuple[str, Hint]]]:
    """Look at each of *runs* (id -> whether its queue is empty); returns what was done and the hints to publish.

    With *trusted*, a worker that is silent for 15 s counts as dead.
    """
    if not runs:
        return []
    answers = yield [
        Script(
            "recover",
            [keys.run(run), keys.due, *keys.states, keys.attempts(run), keys.alive, keys.watermark],
            [run, int(trusted), int(drained)],
        )
        for run, drained in runs.items()
    ]
    return [
        (action.decode(), Hint(run, queue.decode(), int(priority)))
        for run, (action, queue, priority) in zip(runs, answers, strict=True)
        if action in (b"hint", b"lost")
    ]
