"""/hooks/<source>: signed webhooks become events. What is refused is noted, but never what it said."""

from contextlib import suppress

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from core.clock import now, rfc3339
from core.deliveries import KNOWN, minute_of, path_of, variable_of
from core.errors import BacklogFull, CoreError, IdempotencyMismatch, LedgerUnavailable
from core.house import house
from core.ledger.refusals import Refusal, refuse
from core.receipts import Receipt
from core.web import github
from core.web.events_api import wanted
from core.web.incoming import Incoming
from core.web.problems import Problem
from core.web.strict_json import JsonTooComplex, MalformedJson

blueprint = Blueprint("hooks", __name__)
SIGNED = {  # what is said of deliveries that were signed, and refused
    IdempotencyMismatch: "signed, but its id came before with other content",
    JsonTooComplex: "signed, but its body is too complex",
    MalformedJson: "signed, but its body is no JSON object",
    Problem: "signed, but a header or the action is missing or odd",
}


@blueprint.post("/hooks/<source>")
def post_hook(source: str) -> ResponseReturnValue:
    """Accept a delivery if its signature is right; who sends it again gets the same event.

    A sync view: to unpack and record 5 MB takes a second, which the event loop must not spend.
    """
    secrets = house().config.webhook_secrets.get(source, ())
    if source not in KNOWN or not secrets:
        set_it = f"github is one, once {variable_of(source)} is set."
        raise Problem("not-found", f"There is no webhook source of this name; {set_it}")
    if reason := github.misfit(secrets, request.headers.get("X-Hub-Signature-256"), g.body):
        _note(source, reason)
        raise Problem("invalid-signature", "X-Hub-Signature-256 is missing or does not fit the body.")
    try:
        return jsonify(_accepted(source).view()), 202
    except (Problem, CoreError) as error:
        if reason := next((said for kind, said in SIGNED.items() if isinstance(error, kind)), ""):
            _note(source, reason)
        raise


def _accepted(source: str) -> Receipt:
    delivery = github.delivery(dict(request.headers), request.content_type or "", g.body)
    incoming = Incoming(
        type=delivery.type, data=delivery.data, id=delivery.id, source=path_of(source), subject=delivery.subject
    )
    bus = house().bus
    event = bus.catalog.signed_event(delivery.type, delivery.data)
    return bus.emit(*wanted(incoming, event, delivery.data))


def _note(source: str, reason: str) -> None:
    """Note that a delivery was refused; where the ledger is away or full, its sender is answered all the same."""
    here, moment = house(), now()
    address, delivery = request.remote_addr or "unknown", github.identity(request.headers.get("X-GitHub-Delivery", ""))
    refusal = Refusal(at=rfc3339(moment), reason=reason, address=address, delivery=delivery)
    with suppress(LedgerUnavailable, BacklogFull):
        here.ledger.run(refuse(here.keys, source, refusal, minute_of(moment)))
