"""What a person does to runs: cancel them, or have them run again now."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys
from core.ledger.running import Hint


@dataclass(frozen=True)
class Acted:
    """What came of it for one run: ``OK``, ``CONFLICT`` with the state that forbids it, or ``GONE``."""

    run: str
    verdict: str
    state: str = ""
    hint: Hint | None = None


def cancel(keys: Keys, runs: Sequence[str], nonce: str) -> Flow[list[Acted]]:
    """End *runs* that wait. *nonce* names this request: sent twice it counts once."""
    answers = yield from _asked(keys, "cancel", runs, nonce, keys.counters)
    return [Acted(run, answer[0], answer[-1]) for run, answer in zip(runs, answers, strict=True)]


def retry(keys: Keys, runs: Sequence[str], nonce: str) -> Flow[list[Acted]]:
    """Make *runs* pending that ended without success or wait for their time; their failures count from 0 again."""
    answers = yield from _asked(keys, "retry", runs, nonce)
    return [_retried(run, *answer) for run, answer in zip(runs, answers, strict=True)]


def _retried(run: str, verdict: str, *rest: str) -> Acted:
    if verdict != "OK":
        return Acted(run, verdict, "".join(rest))
    queue, priority = rest
    return Acted(run, verdict, "pending", Hint(run, queue, int(priority)))


def _asked(keys: Keys, name: str, runs: Sequence[str], nonce: str, others: Sequence[str] = ()) -> Flow[list[list[str]]]:
    if not runs:
        return []
    answers = yield [Script(name, [keys.run(run), keys.due, *keys.states, *others], [run, nonce]) for run in runs]
    return [[part.decode() for part in answer] for answer in answers]
