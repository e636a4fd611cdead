"""/dashboard/queues: what waits where, for how long, and who serves it."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response

from core.census import queue_views
from core.dashboard import shell
from core.dashboard.view import Row, duration
from core.house import house
from core.ledger.keys import WAITING
from core.wording import waiting

blueprint = Blueprint("queues", __name__)
LISTED = 200  # queues on the page


@blueprint.get("/queues")
def get_queues() -> Response:
    """Show each queue, those first in which the oldest run has waited the longest."""
    here = house()
    found = here.ledger.run(queue_views(here.keys, here.catalog.queues()))
    found.sort(key=lambda row: (-(row["wait"] or 0), row["queue"]))
    return shell.show(
        "queues.html",
        live=True,
        queues=found[:LISTED],
        beyond=len(found) - LISTED,
        notes=notes(found, here.catalog.queues()),
        exact=all(row["exact"] for row in found),
        prefix=here.config.prefix,
    )


def notes(queues: Sequence[Row], declared: Sequence[str]) -> list[tuple[str, str]]:
    """Return, as a fact and what to do, which of *queues* nobody takes runs from; *declared* are those of code."""
    idle = [row for row in queues if not row["workers"]]
    if len(idle) == len(queues) and not any(row["quiet"] for row in queues):
        return [("No worker is alive: what is accepted waits.", "Start one with make run.")] if queues else []
    return [_note(row, declared) for row in idle[:LISTED]]


def _note(row: Row, declared: Sequence[str]) -> tuple[str, str]:
    name, waits = row["queue"], _waits(row)
    if row["quiet"]:
        return f"Queue {name} is served by quiet workers alone.{waits}", "Have one resume, or start another."
    if name in declared:
        rest = "The workers that are alive were told other queues (-Q), or run an older release. Start one without -Q."
        return f"Nobody serves queue {name}.{waits}", rest
    rest = f"No code of this release names it. Start a worker with -Q {name} of a release that knows its tasks, or "
    return f"Nobody serves queue {name}.{waits}", f"{rest}cancel its runs."


def _waits(row: Row) -> str:
    count: Any = sum(row[state] for state in WAITING)
    if not count:
        return " Nothing waits in it."
    oldest = f", the oldest for {duration(row['wait'])}" if row["wait"] is not None else ""
    return f" {waiting(count)} in it{oldest}."
