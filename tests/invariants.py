"""What must be true of a ledger at any moment, whatever happened to it."""

from collections import Counter

import redis

from core.causes import header
from core.ledger.keys import ASIDE, STATES, TERMINAL, Keys, cause_of


def broken(client: redis.Redis, keys: Keys) -> list[str]:
    """Return a sentence for each invariant that the ledger under *keys* breaks."""
    runs = _runs(client, keys)
    due = _members(client, keys.due)
    indexed = {state: _members(client, keys.state(state)) for state in STATES}
    found = [f"{run} is due and does not exist" for run in due.keys() - runs.keys()]
    found += [f"{run} is {s} and does not exist" for s, index in indexed.items() for run in index.keys() - runs.keys()]
    for run, fields in runs.items():
        state, place = fields["state"], float(fields["pos"])
        at = [name for name, index in indexed.items() if run in index]
        if at != [state]:
            found.append(f"{run} is {state} and stands under {at}")
        elif indexed[state][run] != place:
            found.append(f"{run} has place {place:.0f}, its index says {indexed[state][run]:.0f}")
        if (run in due) == (state in TERMINAL):
            found.append(f"{run} is {state} and {'in' if run in due else 'not in'} due")
        elif (due.get(run, 0) >= ASIDE) != (state == "pending" and due[run] > 0):
            found.append(f"{run} is {state}, and its check stands among those of others")
        for index in (keys.task(fields["task"]), keys.queue(fields["queue"])):
            if client.zscore(index, run) != place:
                found.append(f"{run} is missing in {index}")
        if not 0 <= int(fields.get("failures", 0)) <= int(fields["attempt"]):
            found.append(f"{run} has {fields.get('failures')} failures in {fields['attempt']} attempts")
    places = Counter(fields["pos"] for fields in runs.values())
    found += [f"{n} runs have place {place}" for place, n in places.items() if n > 1]
    return found + _broken_causes(client, keys, runs)


def hold(client: redis.Redis, keys: Keys) -> None:
    """Fail with a list of the broken invariants, if there are any."""
    assert not (found := broken(client, keys)), "\n".join(found)


def _broken_causes(client: redis.Redis, keys: Keys, runs: dict[str, dict[str, str]]) -> list[str]:
    recorded = {name.rpartition(":")[2]: client.get(name) for name in _scan(client, keys.record("*"))}
    wanted = {f"{cause}.{n}" for cause, record in recorded.items() for n in range(header(record)["runs"])}
    found = [f"{run} was accepted and does not exist" for run in wanted - runs.keys()]
    found += [f"{run} has no cause" for run in runs.keys() - wanted]
    for cause, record in recorded.items():
        place = client.zscore(keys.causes(header(record)["kind"]), cause)
        first = runs.get(f"{cause}.0")
        if place is None or (first and place != float(first["pos"])):
            found.append(f"{cause} has place {place}")
    return found + [f"{run} has an odd name" for run in runs if cause_of(run) not in recorded]


def _runs(client: redis.Redis, keys: Keys) -> dict[str, dict[str, str]]:
    names = _scan(client, keys.run("*"))
    return {
        name.rpartition(":")[2]: {k.decode(): v.decode() for k, v in client.hgetall(name).items()} for name in names
    }


def _scan(client: redis.Redis, pattern: str) -> list[str]:
    return sorted({name.decode() for name in client.scan_iter(pattern, count=1000)})


def _members(client: redis.Redis, key: str) -> dict[str, float]:
    return {member.decode(): score for member, score in client.zrange(key, 0, -1, withscores=True)}
