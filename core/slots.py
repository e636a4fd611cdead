"""What a worker's pool tells the transport: how many more hints of a queue may come, and where they go."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import bootsteps, signals
from celery.worker import state
from pydantic_core import from_json

EXECUTE = "carillon.execute"  # the task that follows a hint
# How kombu writes hints; no text begins so and is something else. Parsing all of it costs more than the run's claim.
HEAD = b'{"body": "W1si'  # in base64 [["
BODY = len(b'{"body": "')
REST = (
    b'", "content-encoding": "utf-8", "content-type": "application/json", '
    b'"headers": {"lang": "py", "task": "%s", ' % EXECUTE.encode()
)
LISTENED = (
    signals.task_received,
    signals.task_prerun,
    signals.task_postrun,
    signals.task_success,
    signals.task_failure,
    signals.task_retry,
    signals.task_internal_error,
)


class Slots(bootsteps.StartStopStep):
    """A step of Celery's consumer: the transport asks the pool, by queue, what it has room for."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        channel, pool = consumer.task_consumer.channel, consumer.pool
        room = getattr(pool, "room", None)
        channel.free_slots = room.free if room else partial(free, consumer)
        if hasattr(pool, "take"):
            channel.taker = Taker(pool.take, partial(listened, consumer))


def free(consumer: Any, _queue: str) -> int:
    """Return how many slots have nothing to do, in a pool that does not count them itself."""
    slots: int = consumer.controller.max_concurrency or consumer.pool.num_processes
    return slots - len(state.reserved_requests)


def listened(consumer: Any) -> bool:
    """Tell whether something wants to hear of every task: by Celery's signals, or by its events (``-E``)."""
    events = consumer.event_dispatcher
    told = events and events.enabled and (not events.groups or "task" in events.groups)
    return bool(told) or any(signal.receivers for signal in LISTENED)


@dataclass(frozen=True)
class Taker:
    """Who has hints followed by the pool, past Celery, unless Celery's way of tasks is *listened* to."""

    follow: Callable[[str, Sequence[str]], None]  # hints of a queue, by their runs
    listened: Callable[[], bool]

    def run_of(self, hint: bytes) -> str | None:
        """Return the run of a hint that looks as hints do; None for what has to be parsed to know what it is."""
        if not hint.startswith(HEAD):
            return None
        end = hint.find(b'"', len(HEAD))
        if not hint.startswith(REST, end):
            return None
        [[run], *_] = from_json(b64decode(hint[BODY:end]))
        return str(run)

    def run_in(self, message: dict[str, Any]) -> str | None:
        """Return the run that a message hints at; None where it is no hint.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: the message cannot be read.
        """
        if message["headers"].get("task") != EXECUTE:
            return None
        body = message["body"]
        if message["properties"].get("body_encoding") == "base64":
            body = b64decode(body)
        [[run], *_] = from_json(body)
        return str(run)
