"""Flask and Celery as their guides show them: an async view that calls delay()."""

import uuid

from flask import Flask, request
from flask.typing import ResponseReturnValue

from benchmarks.bench.peers.celery_app import noop

web = Flask("bench")


@web.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Say that the process is up."""
    return {}


@web.post("/api/v1/events")
async def post_event() -> ResponseReturnValue:
    """Take an event."""
    found = request.get_json()
    noop.delay(found["data"])
    return {"id": uuid.uuid4().hex}, 202
