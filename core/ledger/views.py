"""Events and runs as the API shows them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.causes import HEAD, Cause, header, unsealed
from core.clock import from_ms, rfc3339
from core.ledger.flow import Command, Flow
from core.ledger.keys import Keys, cause_of

PLACES = 1024  # places a millisecond has in the order of all runs

Json = dict[str, Any]


def run_views(keys: Keys, runs: Sequence[str]) -> Flow[list[Json]]:
    """Return each of *runs* that is still there, in the order given."""
    if not runs:
        return []
    heads = _heads(keys, runs)
    answers = yield [
        *heads.values(),
        *(
            command
            for run in runs
            for command in (
                ("HGETALL", keys.run(run)),
                ("LRANGE", keys.attempts(run), 0, -1),
                ("GET", keys.result(run)),
            )
        ),
    ]
    caused, own = _caused(heads, answers), answers[len(heads) :]
    rows = zip(runs, *(own[i::3] for i in range(3)), strict=True)
    return [
        _run(run, _text(fields), caused[cause_of(run)], past, result) for run, fields, past, result in rows if fields
    ]


def run_outlines(keys: Keys, runs: Sequence[str]) -> Flow[list[Json]]:
    """Return of each of *runs* that is still there what lists filter by, and whether its record is gone."""
    if not runs:
        return []
    heads = _heads(keys, runs)
    answers = yield [*heads.values(), *(("HMGET", keys.run(run), "state", "task", "queue", "pos") for run in runs)]
    caused = _caused(heads, answers)
    there = {cause for cause, head in zip(heads, answers, strict=False) if head}
    return [
        {"id": run, "state": state.decode(), "task": task.decode(), "queue": queue.decode()}
        | {"place": int(place), "expired": cause_of(run) not in there}
        | caused[cause_of(run)]
        for run, (state, task, queue, place) in zip(runs, answers[len(heads) :], strict=True)
        if state
    ]


def run_view(keys: Keys, run: str) -> Flow[Json | None]:
    """Return one run with what its handler logged, or None."""
    views = yield from run_views(keys, [run])
    if not views:
        return None
    [lines] = yield [("LRANGE", keys.log(run), 0, -1)]
    return views[0] | {"log": [line.decode() for line in lines]}


def event_views(keys: Keys, events: Sequence[str]) -> Flow[list[Json]]:
    """Return each of *events* (ledger ids) with its runs, without data."""
    if not events:
        return []
    heads = yield [("GETRANGE", keys.record(event), 0, HEAD - 1) for event in events]
    there = [(event, head) for event, head in zip(events, heads, strict=True) if head]
    runs = [f"{event}.{n}" for event, head in there for n in range(header(head)["runs"])]
    fields = yield [("HMGET", keys.run(run), "task", "state", "pos") for run in runs]
    places = yield [("ZSCORE", keys.causes("event"), event) for event, _ in there]
    stated: dict[str, list[Json]] = {event: [] for event, _ in there}
    for run, (task, state, _) in zip(runs, fields, strict=True):
        if task:
            stated[cause_of(run)].append({"id": run, "task": task.decode(), "state": state.decode()})
    return [
        _event(event, unsealed(head), stated[event], place) for (event, head), place in zip(there, places, strict=True)
    ]


def event_view(keys: Keys, event: str) -> Flow[Json | None]:
    """Return one event with its data and its runs, or None."""
    [record] = yield [("GET", keys.record(event))]
    cause = unsealed(record) if record else None
    if cause is None or cause.kind != "event":
        return None
    [view] = yield from event_views(keys, [event])
    runs = yield from run_views(keys, [run["id"] for run in view["runs"]])
    return view | {"data": cause.data, "runs": runs}


def _event(ident: str, cause: Cause, runs: list[Json], place: Any) -> Json:
    attributes = {"specversion": "1.0", "id": cause.id, "type": cause.type, "source": cause.source}
    attributes |= {"time": cause.time} | ({"subject": cause.subject} if cause.subject is not None else {})
    return {
        "id": ident,
        "type": cause.type,
        "source": cause.source,
        "subject": cause.subject,
        "time": cause.time,
        "accepted": None if place is None else _moment(int(float(place)) // PLACES),
        "replay_of": cause.replay_of,
        "parent": cause.parent,
        "attributes": attributes | cause.extensions,
        "runs": runs,
    }


def _run(run: str, fields: dict[str, str], caused: Json, past: Sequence[bytes], result: bytes | None) -> Json:
    attempts = [_attempt(entry) for entry in past]
    state, attempt = fields["state"], int(fields["attempt"])
    failed = attempts[-1]["error"] if attempts else None
    if attempt and not any(known["number"] == attempt for known in attempts) and "started" in fields:
        attempts.append(_latest(fields, state, attempt))
    done, _, total = fields.get("progress", "").partition("/")
    return {
        "id": run,
        "task": fields["task"],
        "state": state,
        "queue": fields["queue"],
        "priority": int(fields["priority"]),
        **caused,
        "attempt": attempt,
        "created": _moment(int(fields["pos"]) // PLACES),
        "due": _moment(fields.get("due")),
        "started": _moment(fields.get("started")),
        "finished": _moment(fields.get("finished")),
        "result": None if result is None else json.loads(result),
        "error": None if state == "succeeded" else failed,
        "progress": {"done": float(done), "total": float(total)} if done else None,
        "attempts": attempts,
    }


def _heads(keys: Keys, runs: Sequence[str]) -> dict[str, Command]:
    """Return what asks for the beginning of the record of each cause of *runs*, by its id: once for all its runs."""
    return {cause: ("GETRANGE", keys.record(cause), 0, HEAD - 1) for cause in map(cause_of, runs)}


def _caused(heads: Mapping[str, Command], answers: Sequence[bytes]) -> dict[str, Json]:
    """Return why runs exist, by their causes; the first bytes of a record tell, and *answers* begin with these."""
    return {cause: _why(cause, header(head) if head else {}) for cause, head in zip(heads, answers, strict=False)}


def _why(cause: str, head: Json) -> Json:
    kind = head.get("kind")
    return {
        "event": {"id": cause, "type": head["type"]} if kind == "event" else None,
        "fire": {"schedule": head["type"], "planned": head["time"]} if kind == "fire" else None,
        "replay_of": head.get("of"),
    }


def _attempt(entry: bytes) -> Json:
    number, started, finished, worker, outcome, error = entry.decode().split("\n", 5)
    return {
        "number": int(number),
        "started": _moment(started),
        "finished": _moment(finished),
        "worker": worker,
        "outcome": outcome,
        "error": json.loads(error) if error else None,
    }


def _latest(fields: dict[str, str], state: str, attempt: int) -> Json:
    return {
        "number": attempt,
        "started": _moment(fields["started"]),
        "finished": _moment(fields.get("finished")),
        "worker": fields.get("worker"),
        "outcome": state,
        "error": None,
    }


def _moment(ms: str | int | None) -> str | None:
    return None if ms is None else rfc3339(from_ms(int(ms)))


def _text(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
