"""/: the overview, with what the ledger knows right now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request

from core.clock import monotonic
from core.dashboard import shell
from core.dashboard.alerts import Alert, alerts
from core.dashboard.facts import SPANS, Facts, look
from core.dashboard.figures import figures
from core.dashboard.rates import FINE, rates
from core.dashboard.strikes import strikes
from core.dashboard.view import number
from core.errors import LedgerUnavailable
from core.house import House, house
from core.ledger.flow import Flow
from core.wording import counted

blueprint = Blueprint("overview", __name__)
LISTED = 8  # queues, workers and beats, before the page says how many more there are


@dataclass(frozen=True)
class Overview:
    """What the first page shows; without ``facts`` the ledger did not answer."""

    facts: Facts | None
    alerts: Sequence[Alert]


@blueprint.get("/")
def get() -> Response:
    """Show the overview; before anything has happened, how to begin."""
    here, moment, span = house(), shell.local_now(), request.args.get("span", "")
    try:
        facts = here.ledger.run(look(here, span if span in SPANS else "hour", moment))
        return first(here, facts, moment) if facts.untouched else render(facts, moment)
    except LedgerUnavailable as error:
        return away(error)


def render(facts: Facts, moment: datetime) -> Response:
    """Return the page that shows *facts* as they are at *moment*; times are told in its zone."""
    return shell.show(
        "overview.html",
        live=True,
        moment=moment,
        page=Overview(facts, alerts(facts, moment)),
        lede=lede(facts),
        figures=figures(facts, moment),
        rates=rates(facts, moment),
        strikes=strikes(facts.fires, moment),
        queues=sorted(facts.queues, key=lambda row: (-row["pending"], row["queue"])),
        listed=LISTED,
    )


def first(here: House, facts: Facts, moment: datetime) -> Response:
    """Return the page that teaches: nothing has rung yet."""
    handlers = sum(task.kind == "handler" for task in here.catalog.tasks.values())
    begun = monotonic()
    server = here.ledger.run(_server())
    return shell.show(
        "first.html",
        live=True,
        moment=moment,
        page=Overview(facts, alerts(facts, moment)),
        server=f"{server}, answers in {(monotonic() - begun) * 1000:.1f} ms",
        handlers=handlers,
        listed=LISTED,
    )


def away(error: LedgerUnavailable) -> Response:
    """Return the page without numbers."""
    found = Alert(title="The ledger does not answer", text=str(error), see=("See the doctor", "/dashboard/doctor"))
    return shell.show("overview.html", live=True, page=Overview(None, [found]), lede="")


def lede(facts: Facts) -> str:
    """Say how the last hour was: ``957 runs in the last hour, 6 of them failed``."""
    failed = facts.hour.ended.get("dead", 0)
    total = failed + sum(facts.hour.ended.get(name, 0) for name in FINE)
    if not total:
        return "no run ended in the last hour"
    return f"{counted(total, 'run')} in the last hour, {f'{number(failed)} of them' if failed else 'none'} failed"


def _server() -> Flow[str]:
    """Say what answers: ``Valkey 9.1``."""
    [info] = yield [("INFO", "server")]
    version = info.get("valkey_version")
    return f"Valkey {version}" if version else f"Redis {info.get('redis_version', 'of an unknown version')}"
