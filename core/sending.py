"""The run behind a plain RedBeat entry: it sends the entry's task to the broker, and has succeeded when that has it."""

from dataclasses import replace
from typing import Any

from flask import current_app

from core.catalog import Catalog
from core.current import run
from core.declare import Note
from core.options import task_from

SEND = "carillon.send"
OPTIONS = ("queue", "priority", "routing_key", "exchange", "expires", "countdown", "time_limit", "soft_time_limit")


def with_sending(catalog: Catalog) -> Catalog:
    """Return *catalog* with the task that sends."""
    task = task_from(send, Note("task", {}, {"name": SEND}))
    return replace(catalog, tasks={**catalog.tasks, task.name: task})


def send(task: str, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Send the Celery *task* to the broker. Its id is the run's, so whoever follows it finds it here."""
    celery = current_app.extensions["celery"]
    chosen = {name: value for name, value in options.items() if name in OPTIONS}
    celery.tasks[task].apply_async(args, kwargs, task_id=run.id, **chosen)
    return {"task": task, "task_id": run.id}
