"""What an event came from and what came of it, as the steps of one chain; no more than a page can show."""

from collections.abc import Sequence

from core.dashboard.chain import Step
from core.dashboard.view import Row
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.offspring import children
from core.ledger.views import Json, event_views, run_views

MOST = 60  # steps of a chain
RUNS, CHILDREN = 20, 5  # runs of one event, events of one run
DEEPEST = 3  # events in a row


def descent(keys: Keys, event: Row, runs: Sequence[Json]) -> Flow[tuple[list[Step], int]]:
    """Return the steps of *event* with its *runs* and what came of them, and how many runs of its own are left out."""
    steps = [Step("origin", 0, (yield from _origin(keys, event))), Step("event", 1, event)]
    yield from _add_runs(keys, steps, runs, 1)
    return steps, max(len(runs) - RUNS, 0)


def _add_runs(keys: Keys, steps: list[Step], runs: Sequence[Json], generation: int) -> Flow[None]:
    shown = runs[:RUNS]
    having = (yield [("ZCARD", keys.children(run["id"])) for run in shown]) if shown else []
    for run, count in zip(shown, having, strict=True):
        if len(steps) >= MOST:
            return
        steps.append(Step("run", 2 * generation, run))
        if count and generation < DEEPEST:
            yield from _add_children(keys, steps, run, generation)


def _add_children(keys: Keys, steps: list[Step], run: Json, generation: int) -> Flow[None]:
    found, _ = yield from children(keys, run["id"], CHILDREN)
    events = yield from event_views(keys, [child["id"] for child in found if child["kind"] == "event"])
    accepted = {event["id"]: event["accepted"] for event in events}
    for child in found:
        runs = yield from run_views(keys, [one["id"] for one in child["runs"]])
        since = accepted.get(child["id"]) or (runs[0]["created"] if runs else None)
        if len(steps) >= MOST:
            return
        more = len(runs) + child["more"]
        steps.append(Step(child["kind"], 2 * generation + 1, child | {"accepted": since, "count": more}))
        yield from _add_runs(keys, steps, runs, generation + 1)


def _origin(keys: Keys, event: Row) -> Flow[Json]:
    """Return where *event* came from: ``parent`` is the run that emitted it, where that is still there."""
    parents = yield from run_views(keys, [event["parent"]] if event.get("parent") else [])
    return {
        "source": event["source"],
        "accepted": event["accepted"],
        "replay_of": event["replay_of"],
        "parent": parents[0] if parents else None,
        "parent_id": event.get("parent"),
    }
