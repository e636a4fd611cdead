"""/metrics: what a Prometheus server scrapes (its text format 0.0.4). Counts and names of queues, nothing of events."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response

from core.census import queue_views, stats
from core.house import house
from core.ledger.alive import alive
from core.ledger.fires import counts
from core.readiness import FRESH, overdue_schedules

blueprint = Blueprint("metrics", __name__)
TYPE = "text/plain; version=0.0.4; charset=utf-8"

Samples = Iterable[tuple[Mapping[str, str], float]]


@blueprint.get("/metrics")
async def metrics() -> Response:
    """Show counts for Prometheus."""
    here = house()
    run = here.async_ledger.run
    there = await run(stats(here.keys, here.config.ledger_memory))
    times = await run(counts(here.keys))
    queues = await run(queue_views(here.keys, here.catalog.queues()))
    processes = await run(alive(here.keys))
    overdue = await run(overdue_schedules(here.layout.timetable))
    roles = [process.role for process in processes if process.age <= dict(FRESH.values()).get(process.role, 0)]
    text = "".join(
        [
            _family("runs", "gauge", "Runs in the ledger, by state.", _by("state", there["counts"])),
            _family("causes", "gauge", "What the ledger holds.", _by("kind", _some(there, "events", "fires", "calls"))),
            _family("schedules", "gauge", "Schedules that are stored.", [({}, there["schedules"])]),
            _family("planned_times_total", "counter", "Planned times, by what became of them.", _by("state", times)),
            _family("schedules_overdue", "gauge", "Schedules with a planned time over 60 s late.", [({}, overdue)]),
            _family(
                "queue_wait_seconds",
                "gauge",
                "How long the first pending run of a queue waits.",
                [({"queue": queue["queue"]}, queue["wait"] or 0) for queue in queues],
            ),
            _family(
                "queue_pending",
                "gauge",
                "Pending runs of a queue.",
                [({"queue": queue["queue"]}, queue["pending"]) for queue in queues],
            ),
            _family(
                "processes", "gauge", "Living processes.", _by("role", {r: roles.count(r) for r, _ in FRESH.values()})
            ),
            _family("memory_bytes", "gauge", "Memory that the server uses.", [({}, there["memory"]["used"])]),
        ]
    )
    return Response(text, content_type=TYPE, headers={"Cache-Control": "no-store"})


def _family(name: str, kind: str, said: str, samples: Samples) -> str:
    lines = [f"# HELP carillon_{name} {said}", f"# TYPE carillon_{name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"carillon_{name}{f'{{{shown}}}' if shown else ''} {value:.15g}")
    return "\n".join(lines) + "\n"


def _by(label: str, counted: Mapping[str, Any]) -> Samples:
    return [({label: name}, count) for name, count in counted.items()]


def _some(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
