"""How many more runs a worker can take: told to the transport, which pops no more hints than that."""

import os
from functools import partial
from typing import Any

from celery import bootsteps
from celery.signals import task_postrun
from celery.worker import state


class Slots(bootsteps.StartStopStep):
    """A step of Celery's consumer: the transport counts free slots, and the loop wakes when one gets free."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self.wake = partial(ended, consumer.hub, os.getpid())
        task_postrun.connect(self.wake)

    def start(self, consumer: Any) -> None:
        consumer.task_consumer.channel.free_slots = partial(free, consumer)


def free(consumer: Any) -> int:
    """Return how many slots of the worker have nothing to do."""
    slots: int = consumer.controller.max_concurrency or consumer.pool.num_processes
    return slots - len(state.reserved_requests)


def ended(hub: Any, pid: int, task_id: str = "", **_: Any) -> None:
    """Count the task's slot as free now; Celery would do so a moment later, and the loop could sleep meanwhile."""
    request = state.requests.get(task_id)
    if request is None or os.getpid() != pid:
        return
    state.reserved_requests.discard(request)
    if hub is not None:
        hub.call_soon(nothing)


def nothing() -> None:
    """Wake the loop."""
