"""What the house does for itself, as jobs that stand among the user's."""

from dataclasses import replace

from flask import current_app

from core.catalog import Catalog
from core.config import Config
from core.declare import Note
from core.engines import is_database
from core.options import schedule_from, task_from

RESULTS = "carillon.expire_results"


def with_chores(catalog: Catalog, config: Config) -> Catalog:
    """Return *catalog* with the jobs that *config* makes necessary."""
    if not is_database(config):
        return catalog  # Redis forgets results by itself
    daily = Note("cron", {"cron": "30 4 * * *", "timezone": "UTC"}, {"name": RESULTS, "retries": 2})
    task = task_from(expire_results, daily)
    return replace(
        catalog,
        tasks={**catalog.tasks, task.name: task},
        schedules={**catalog.schedules, task.name: schedule_from(task, daily)},
    )


def expire_results() -> None:
    """Delete the results of plain tasks that are older than Celery's ``result_expires``."""
    current_app.extensions["celery"].backend.cleanup()
