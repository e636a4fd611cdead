"""How many more runs a worker can take: told to the transport, which pops no more hints than that."""

from functools import partial
from typing import Any

from celery import bootsteps
from celery.worker import state


class Slots(bootsteps.StartStopStep):
    """A step of Celery's consumer: the transport asks the pool, by queue, what it has room for."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        room = getattr(consumer.pool, "room", None)
        consumer.task_consumer.channel.free_slots = room.free if room else partial(free, consumer)


def free(consumer: Any, _queue: str) -> int:
    """Return how many slots have nothing to do, in a pool that does not count them itself."""
    slots: int = consumer.controller.max_concurrency or consumer.pool.num_processes
    return slots - len(state.reserved_requests)
