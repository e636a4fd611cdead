"""/dashboard/webhooks: which sources are set up, what they delivered lately, and what was refused."""

from flask import Blueprint, Response, request

from core.clock import now
from core.dashboard import shell
from core.deliveries import listeners, sources
from core.house import house

blueprint = Blueprint("webhooks", __name__)
EVENTS, REFUSED = 20, 50  # of each source
LISTENERS = 20


@blueprint.get("/webhooks")
def get_webhooks() -> Response:
    """Show each source; of one that is not set up, how to do that."""
    here = house()
    found = here.ledger.run(
        sources(here.keys, here.config.webhook_secrets, now(), events=EVENTS, refused=REFUSED),
    )
    return shell.show(
        "webhooks.html",
        live=True,
        sources=found,
        base=request.host_url.rstrip("/") + request.script_root,
        listeners={source.name: listeners(here.catalog, source.name)[:LISTENERS] for source in found},
    )
