"""/hooks/<source>: signed webhooks become events."""

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from core.house import house
from core.web import github
from core.web.events_api import wanted
from core.web.incoming import Incoming
from core.web.problems import Problem

blueprint = Blueprint("hooks", __name__)


@blueprint.post("/hooks/<source>")
def post_hook(source: str) -> ResponseReturnValue:
    """Accept a delivery if its signature is right; who sends it again gets the same event.

    A sync view: to unpack and record 5 MB takes a second, which the event loop must not spend.
    """
    secrets = house().config.webhook_secrets.get(source, ())
    if source != "github" or not secrets:
        variable = f"{source.upper().replace('-', '_')[:40]}_WEBHOOK_SECRET"
        raise Problem("not-found", f"There is no webhook source of this name; github is one, once {variable} is set.")
    if not github.verify(secrets, request.headers.get("X-Hub-Signature-256"), g.body):
        raise Problem("invalid-signature", "X-Hub-Signature-256 is missing or does not fit the body.")
    delivery = github.delivery(dict(request.headers), request.content_type or "", g.body)
    incoming = Incoming(
        type=delivery.type, data=delivery.data, id=delivery.id, source=f"/hooks/{source}", subject=delivery.subject
    )
    bus = house().bus
    event = bus.catalog.signed_event(delivery.type, delivery.data)
    receipt = bus.emit(*wanted(incoming, event, delivery.data))
    return jsonify(receipt.view()), 202
