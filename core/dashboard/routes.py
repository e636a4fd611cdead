"""All pages of the dashboard, with their guards."""

from flask import Blueprint, Flask
from werkzeug.exceptions import NotFound

from core.dashboard import (
    bulk_acts,
    doctor,
    door,
    event,
    events,
    forms,
    mishaps,
    overview,
    queues,
    run_acts,
    run_list,
    run_page,
    schedule_acts,
    schedule_edit,
    schedule_page,
    schedules,
    shell,
    types_page,
    webhooks,
    workers,
)

PREFIX = "/dashboard"
PARTS = (
    door,
    events,
    event,
    types_page,
    run_list,
    bulk_acts,
    run_acts,
    run_page,
    schedules,
    schedule_page,
    schedule_acts,
    schedule_edit,
    queues,
    workers,
    webhooks,
    doctor,
)


def register(app: Flask) -> None:
    """Register all pages on *app*: the first at ``/``, the others under ``/dashboard``.

    For each request it is noted when it began, who is calling is found out, and what acts is guarded, in this order.
    """
    pages = Blueprint(
        "carillon",
        __name__,
        static_folder="static",
        static_url_path="/static/carillon",
        template_folder="templates",
    )
    pages.before_request(shell.begin)
    pages.before_request(door.attend)
    pages.before_request(forms.guard)
    pages.after_request(shell.finish)
    pages.register_error_handler(Exception, mishaps.page_of)
    pages.register_blueprint(overview.blueprint)
    for part in PARTS:
        pages.register_blueprint(part.blueprint, url_prefix=PREFIX)
    pages.add_url_rule(f"{PREFIX}/<path:rest>", "nowhere", _nowhere)
    app.register_blueprint(pages)


def _nowhere(rest: str) -> str:
    raise NotFound(f"There is no page {rest[:80]!r}. The bar above names all there are.")
