"""Every route of ours, with its guard."""

from flask import Blueprint, Flask, Request

from core.house import House
from core.web import (
    acting_api,
    auth,
    body,
    census_api,
    doctor_api,
    event_types_api,
    events_api,
    health,
    hooks,
    metrics,
    ordering_api,
    problems,
    query,
    replay_api,
    runs_api,
    schedule_acts_api,
    schedules_api,
)

PARTS = (
    events_api,
    event_types_api,
    replay_api,
    runs_api,
    acting_api,
    schedules_api,
    schedule_acts_api,
    census_api,
    ordering_api,
    doctor_api,
)
EVENT_LIMIT = 256 * 1024  # bytes of a body under /api


def register(app: Flask, house: House) -> None:
    """Register all routes on *app*. Under /api/v1 the token comes first, then the body, then the view."""
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # its redirect would carry what is in the path, line ends too, into a header
    problems.register(app)
    app.before_request(query.refuse_odd_bytes)
    api = Blueprint("carillon_api", __name__, url_prefix="/api/v1")
    auth.guard(api, house.config.api_token)
    body.attach(api, _event_limit)
    for part in PARTS:
        api.register_blueprint(part.blueprint)
    app.register_blueprint(api)

    webhooks = Blueprint("carillon_webhooks", __name__)
    body.attach(webhooks, lambda _: house.config.hook_max_body)
    webhooks.register_blueprint(hooks.blueprint)
    app.register_blueprint(webhooks)

    app.register_blueprint(health.blueprint, name="carillon_health")
    app.register_blueprint(metrics.blueprint, name="carillon_metrics")


def _event_limit(_: Request) -> int:
    return EVENT_LIMIT
