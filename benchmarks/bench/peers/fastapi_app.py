"""FastAPI and Celery as their guides show them: a validated body, an async view that calls delay()."""

import uuid

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.bench.peers.celery_app import noop

web = FastAPI()


class Order(BaseModel):
    """What an event holds."""

    order_id: int
    email: str
    total: str
    currency: str
    note: str


class Event(BaseModel):
    """What is posted."""

    type: str
    data: Order


@web.get("/readyz")
async def readyz() -> dict[str, str]:
    """Say that the process is up."""
    return {}


@web.post("/api/v1/events", status_code=202)
async def post_event(event: Event) -> dict[str, str]:
    """Take an event."""
    noop.delay(event.data.model_dump())
    return {"id": uuid.uuid4().hex}
