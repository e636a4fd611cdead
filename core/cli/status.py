"""flask status and flask check: is the application at work, and could it start."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext

from core import readiness
from core.census import process_views, queue_views
from core.cli import show
from core.cli.command import REFUSED, Command, as_json
from core.cli.wording import ago, coarse, size
from core.clock import now
from core.house import house
from core.ledger.alive import Process, alive
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.listing import counts
from core.readiness import Checks
from core.sending import SEND
from core.wording import counted

WAITING = ("pending", "running", "retrying", "scheduled", "parked")


@click.command("status", cls=Command)
@as_json
@click.pass_context
@with_appcontext
def status(ctx: click.Context, as_json: bool) -> None:
    """Show whether the application is at work.

    That is: the readiness checks, the processes, and runs by state. Exits 1 if it is not ready.
    """
    here, moment = house(), now()
    checks, processes, states, queues = here.ledger.run(_look(here.keys, here.layout.timetable, here.catalog.queues()))
    failing = readiness.failing(checks)
    view = {
        "ready": not failing,
        "failing": failing,
        "checks": checks,
        "processes": process_views(processes, moment),
        "queues": queues,
        "counts": states,
    }
    if as_json:
        show.as_json(view)
    else:
        _print(view, moment)
    ctx.exit(REFUSED if failing else 0)


@click.command("check", cls=Command)
@as_json
@with_appcontext
def check(as_json: bool) -> None:
    """Say whether the application can start.

    What is wrong with configuration, handlers or schedules is told instead of any command's answer.
    """
    here = house()
    for note in here.config.notes:
        click.echo(f"Warning: {note}", err=True)
    kinds = Counter(task.kind for task in here.catalog.tasks.values() if task.name != SEND)
    found = {f"{kind}s": kinds[kind] for kind in ("handler", "job", "task")} | {"event_types": len(here.catalog.types)}
    if as_json:
        show.as_json({"ok": True} | found)
        return
    named = [counted(count, name.removesuffix("s").replace("_", " ")) for name, count in found.items()]
    click.echo(f"Configuration, handlers and schedules are fine: {', '.join(named)}.")


def _look(
    keys: Keys, timetable: str, declared: Sequence[str]
) -> Flow[tuple[Checks, list[Process], dict[str, int], list[dict[str, Any]]]]:
    checks = yield from readiness.look(keys, timetable)
    processes = yield from alive(keys)
    states = yield from counts(keys)
    queues = yield from queue_views(keys, declared)
    return checks, processes, states, queues


def _print(view: dict[str, Any], moment: datetime) -> None:
    show.facts([("state", "ready" if view["ready"] else "not ready")])
    click.echo()
    checks = [(name, "ok" if check["ok"] else "failing", check["detail"]) for name, check in view["checks"].items()]
    show.table(("check", "state", "detail"), checks)
    if view["processes"]:
        click.echo()
        process_table(view["processes"], moment)
    click.echo()
    queues = [
        (q["queue"], *(_about(q[state], q["exact"]) for state in WAITING), _wait(q["wait"]), q["workers"])
        for q in view["queues"]
    ]
    show.table(("queue", *WAITING, "oldest waits", "workers"), queues)
    click.echo()
    show.table(("state", "runs"), [(state, f"{count:,}") for state, count in view["counts"].items()])


def process_table(processes: Sequence[dict[str, Any]], moment: datetime) -> None:
    """Print processes as the API gives them."""
    rows = [
        (
            *(p["role"], p["id"], ago(p["seen"], moment), _busy(p), size(p.get("memory"))),
            *(doing(p), p.get("stuck") or "", _queues(p)),
        )
        for p in processes
    ]
    show.table(("process", "id", "heartbeat", "busy", "memory", "does", "stuck", "queues"), rows)


def doing(process: dict[str, Any]) -> str:
    """Return what an operator made of a process, or ordered it to do."""
    if process.get("stopping"):
        return "stops"
    if process.get("ordered"):
        return f"{process['ordered']} ordered"
    return "quiet" if process.get("quiet") else ""


def _queues(process: dict[str, Any]) -> str:
    return ", ".join(process.get("queues", ()))


def _busy(process: dict[str, Any]) -> str:
    if "leader" in process:
        return "leads" if process["leader"] else "stands by"
    slots = process.get("concurrency")
    return "" if "busy" not in process else f"{process['busy']} of {slots}" if slots else str(process["busy"])


def _about(count: int, exact: bool) -> str:
    return f"{count:,}" if exact or not count else f"~{count:,}"


def _wait(seconds: float | None) -> str:
    return "" if seconds is None else coarse(seconds)
