"""What the history costs, and how its oldest part is forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.causes import HEAD, header
from core.ledger.acceptance import indexes_of
from core.ledger.flow import Flow, Script, scored
from core.ledger.keys import Keys, cause_of
from core.ledger.views import PLACES

KINDS = ("event", "fire", "call")
SAMPLE = 20  # runs of each state that are weighed
ENTRY = 104  # bytes of an entry in a large sorted set: its member, skip list node and share of the hash table


@dataclass(frozen=True)
class Old:
    """A cause by its age: its ledger id, and its place in the order of all."""

    id: str
    place: int

    @property
    def accepted(self) -> int:
        """When it was accepted, in ms since the epoch."""
        return self.place // PLACES


def oldest(keys: Keys, kind: str, after: int, limit: int) -> Flow[list[Old]]:
    """Return the oldest causes of *kind* (event, fire or call) beyond place *after*."""
    [found] = yield [("ZRANGE", keys.causes(kind), f"({after}", "+inf", "BYSCORE", "LIMIT", 0, limit, "WITHSCORES")]
    return [Old(ident, int(place)) for ident, place in scored(found)]


def forget(keys: Keys, kind: str, causes: Sequence[Old], before: int, dead_before: int) -> Flow[int]:
    """Forget those of *causes* whose runs have all ended before *before*, or failed before *dead_before* (both ms).

    Returns how many runs were forgotten; a cause without any counts as one.
    """
    if not causes:
        return 0
    heads = yield [("GETRANGE", keys.record(cause.id), 0, HEAD - 1) for cause in causes]
    known = [(cause, header(head)) for cause, head in zip(causes, heads, strict=True) if head]
    # Without runs it ended when it was accepted.
    known = [(cause, head) for cause, head in known if head["runs"] or cause.accepted < before]
    if not known:
        return 0
    runs = [f"{cause.id}.{n}" for cause, head in known for n in range(head["runs"])]
    fields = (yield [("HMGET", keys.run(run), "task", "queue") for run in runs]) if runs else []
    stood = dict(zip(runs, fields, strict=True))
    answers = yield [
        Script("forget", *_call(keys, kind, cause.id, head, stood, before, dead_before)) for cause, head in known
    ]
    gone = [head for answer, (_, head) in zip(answers, known, strict=True) if answer[0] == b"OK"]
    return sum(max(head["runs"], 1) for head in gone)


def _call(
    keys: Keys,
    kind: str,
    cause: str,
    head: dict[str, str],
    stood: dict[str, tuple[bytes | None, bytes | None]],
    before: int,
    dead_before: int,
) -> tuple[list[str], list[str | bytes | int]]:
    indexes = indexes_of(keys, kind, head["type"], head["source"], head.get("subject"))
    if parent := head.get("by"):
        indexes = (*indexes, keys.children(parent))
    names = [keys.record(cause), keys.due, *keys.states, *indexes]
    for n in range(int(head["runs"])):
        run = f"{cause}.{n}"
        task, queue = (value.decode() if value else "" for value in stood[run])
        names += [keys.run(run), keys.task(task), keys.queue(queue)]
        names += [keys.attempts(run), keys.result(run), keys.log(run)]
    return names, [cause, len(indexes), head["runs"], before, dead_before]


def history(keys: Keys) -> Flow[tuple[int, int]]:
    """Return how many runs have ended, and the bytes that they take with all that belongs to them, by samples."""
    counts = yield [("ZCARD", key) for key in keys.ended]
    samples = yield [("ZRANDMEMBER", key, SAMPLE) for key in keys.ended]
    total = 0.0
    for count, sample in zip(counts, samples, strict=True):
        if sample:
            weight = yield from _weight(keys, [run.decode() for run in sample])
            total += count * weight
    return sum(counts), round(total)


def failed_beyond(keys: Keys, most: int) -> Flow[int]:
    """Return the place up to which dead runs go, so that *most* stay; 0 where there are no more than that."""
    sizes = yield [("ZCARD", keys.state("dead"))]
    last = sizes[0] - most - 1
    if last < 0:
        return 0
    [found] = yield [("ZRANGE", keys.state("dead"), last, last, "WITHSCORES")]
    return int(scored(found)[0][1]) if found else 0


def _weight(keys: Keys, runs: Sequence[str]) -> Flow[float]:
    """Return the mean bytes of *runs*: their own keys, their entries in indexes, their share of their causes."""
    heads = yield [("GETRANGE", keys.record(cause_of(run)), 0, HEAD - 1) for run in runs]
    names = [[keys.run(run), keys.attempts(run), keys.result(run), keys.log(run), keys.children(run)] for run in runs]
    own = yield [("MEMORY", "USAGE", name) for group in names for name in group]
    shared = yield [
        ("MEMORY", "USAGE", name) for run in runs for name in (keys.record(cause_of(run)), keys.mark(cause_of(run)))
    ]
    weights = 0.0
    for n, head in enumerate(heads):
        brothers = max(header(head)["runs"], 1) if head else 1
        weights += sum(size or 0 for size in own[5 * n : 5 * n + 5]) + 3 * ENTRY
        weights += (sum(size or 0 for size in shared[2 * n : 2 * n + 2]) + 3 * ENTRY) / brothers
    return weights / len(runs)
