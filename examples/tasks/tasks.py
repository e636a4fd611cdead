"""The tasks: plain Celery, ``def`` or ``async def``. Carillon drops results unless ``ignore_result=False``."""
# mypy: disallow-untyped-decorators=False

import asyncio
from time import sleep

from celery import Task, shared_task
from flask import current_app

STEP = 0.2  # seconds of pretended work


@shared_task(ignore_result=False)
def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


@shared_task(ignore_result=False)
async def add_async(a: int, b: int) -> int:
    """Return the sum, after a moment that blocks no thread."""
    await asyncio.sleep(STEP)
    return a + b


@shared_task(ignore_result=False)
def divide(a: int, b: int) -> float:
    """Return the quotient; with ``b=0`` the task fails, and the error is its result."""
    return a / b


@shared_task(ignore_result=False)
async def divide_async(a: int, b: int) -> float:
    """Do the same on the event loop."""
    await asyncio.sleep(STEP)
    return a / b


@shared_task(ignore_result=False, track_started=True)
def block() -> str:
    """Hold a thread of the worker for five seconds."""
    sleep(5)
    return f"{current_app.name} waited 5 s"


@shared_task(ignore_result=False, track_started=True)
async def block_async() -> str:
    """Wait as long, on the event loop, where a thousand others can wait too."""
    await asyncio.sleep(5)
    return f"{current_app.name} waited 5 s"


@shared_task(bind=True, ignore_result=False)
def process(self: Task, total: int) -> dict[str, int]:
    """Work through *total* items and tell after each how far it is."""
    for current in range(1, total + 1):
        sleep(STEP)
        self.update_state(state="PROGRESS", meta={"current": current, "total": total})
    return {"processed": total}


@shared_task(bind=True, ignore_result=False)
async def process_async(self: Task, total: int) -> dict[str, int]:
    """Do the same on the event loop; the result backend blocks, so a thread talks to it."""
    for current in range(1, total + 1):
        await asyncio.sleep(STEP)
        await asyncio.to_thread(self.update_state, state="PROGRESS", meta={"current": current, "total": total})
    return {"processed": total}
