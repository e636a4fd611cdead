"""Flask and Celery as their guides show them: the same POST, one ``delay()`` for each handler."""

import os
from typing import Any

from celery import Celery
from flask import Flask, request
from flask.typing import ResponseReturnValue

from benchmarks.chaos.work import HANDLERS, perform

TUNED: dict[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
    "broker_transport_options": {
        "visibility_timeout": 30,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.2},
}

TUNED_FOR_RABBITMQ: dict[str, Any] = TUNED | {
    "broker_transport_options": {"confirm_publish": True},
    "task_default_queue_type": "quorum",
}

BROKER = os.environ["CHAOS_BROKER"]

celery = Celery("chaos", broker=BROKER)
celery.conf.update({"task_ignore_result": True, "worker_enable_remote_control": False})
if os.environ.get("CHAOS_TUNED"):
    celery.conf.update(TUNED_FOR_RABBITMQ if BROKER.startswith("amqp") else TUNED)

web = Flask("chaos")


@celery.task(name="chaos.work", bind=True)
def work(self: Any, event: str, handler: str, milliseconds: int, how: str) -> None:
    """Do the work of one handler."""
    perform(self.request.id, event, handler, self.request.retries, milliseconds, how)


@web.post("/api/v1/events")
def post_event() -> ResponseReturnValue:
    """Accept an event: a message for each handler, then 202."""
    found = request.get_json()
    data = found["data"]
    for handler in HANDLERS:
        work.delay(found["id"], handler, data["milliseconds"], data["how"])
    return {"id": found["id"]}, 202


@web.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Say that the process is up."""
    return {}, 200
