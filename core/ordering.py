"""What an operator tells workers and beats: take no new runs, take them again, stop."""

from dataclasses import replace

from core.errors import NotFound, StateConflict
from core.ledger.alive import Process, alive
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.orders import leave


def order(keys: Keys, ident: str, word: str) -> Flow[Process]:
    """Order one worker, or beat, to be ``quiet``, ``resume`` or ``stop``; returns it as it is known.

    Raises:
        NotFound: no such process spoke within the last minute.
        StateConflict: it is a beat, which can only be stopped.
    """
    found = [one for one in (yield from alive(keys)) if one.id == ident and one.role in ("worker", "beat")]
    if not found:
        raise NotFound(f"No worker or beat {ident[:80]!r} spoke within the last minute.")
    [process] = found
    if process.role == "beat" and word != "stop":
        raise StateConflict(f"{ident} is a beat, which takes no runs: it can be stopped, not {word}.", "beat")
    yield from leave(keys, found, word)
    return replace(process, order=word)


def order_all(keys: Keys, word: str) -> Flow[list[Process]]:
    """Order all workers to be ``quiet``, ``resume`` or ``stop``; returns them as they are known."""
    found = [one for one in (yield from alive(keys)) if one.role == "worker"]
    yield from leave(keys, found, word)
    return [replace(process, order=word) for process in found]
