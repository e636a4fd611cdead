"""Hints to RabbitMQ: a batch at a time, confirmed; they wait here while it is away."""

import time
from collections.abc import Sequence
from typing import Any

from celery import Celery
from flask import Flask
from kombu.exceptions import OperationalError

from core import engines, moments
from core.clock import monotonic
from core.config import Config
from core.ledger.running import Hint
from core.messages import heard, shown
from core.rabbit import Transport
from core.rabbit_messages import Messages
from core.slots import EXECUTE

HOLD = 300.0  # seconds that hints wait here for a RabbitMQ that is away; the sweeper finds those that are dropped
AWAY = (OperationalError, *Transport.recoverable_connection_errors)


class Publisher:
    """Publishes the hints of one Celery app."""

    def __init__(self, app: Flask, celery: Celery, config: Config) -> None:
        self._app = app
        self._celery = celery
        self._config = config
        self._messages = Messages(celery, config)

    def publish(self, hints: Sequence[Hint]) -> None:
        """Send *hints* as one batch; returns when RabbitMQ has confirmed them.

        Raises:
            OperationalError, RecoverableConnectionError: it was away for too long.
        """
        deadline, pause, told = monotonic() + HOLD, 0.0, False
        while True:
            try:
                self._send(hints)
            except AWAY as error:
                if monotonic() > deadline:
                    raise
                if pause and not told:  # the first error may be an idle connection that went stale
                    told = True
                    moments.trouble.send(self._app, what=f"{len(hints)} hints wait for RabbitMQ", error=error)
            else:
                return
            time.sleep(pause)
            pause = min(pause + 0.25, 1.0)

    def _send(self, hints: Sequence[Hint]) -> None:
        with self._celery.producer_pool.acquire(block=True, timeout=5) as producer:
            try:
                if heard():
                    self._send_by_celery(hints, producer)
                else:
                    self._messages.send(producer, hints)
            except Exception:
                producer.connection.collect()  # with it goes the memory of queues that are declared
                raise

    def _send_by_celery(self, hints: Sequence[Hint], producer: Any) -> None:
        """Send *hints* so that all who listen to Celery's signals hear of each."""
        with producer.batch():
            for hint in hints:
                self._celery.tasks[EXECUTE].apply_async(
                    (hint.run,),
                    producer=producer,
                    queue=engines.queue_name(self._config, hint.queue),
                    priority=engines.priority(self._config, hint.priority),
                    retry=False,
                    mandatory=True,
                    argsrepr=shown(hint.run),
                    kwargsrepr="{}",
                )
