"""What a worker takes from the broker: of all its queues or, where an operator wants it quiet, of none."""

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 2.0  # seconds that Celery's loop may take to come to it; the order is there for a minute


class Intake:
    """Quietens Celery's *worker*, and has it resume.

    Its consumers are cancelled at the broker, whichever that is, on the thread of Celery's own loop. What has been
    handed to the worker goes on. Its queues stay deselected, so it is quiet also after the connection was lost.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._left: list[str] = []  # the queues to take from again

    @property
    def quiet(self) -> bool:
        return bool(self._left)

    def serves(self, queue: str) -> bool:
        """Tell whether this worker takes from *queue*, by its name at the broker, unless it is quiet."""
        return queue in self._left or queue in self._worker.app.amqp.queues.consume_from

    def obey(self, order: str) -> bool:
        """Do as *order* says, if it concerns the intake; tells whether something changed."""
        consumer = getattr(self._worker, "consumer", None)
        if consumer is None or order not in ("quiet", "resume") or self.quiet == (order == "quiet"):
            return False
        done = threading.Event()
        act: Callable[[Any], None] = self._stop if order == "quiet" else self._begin

        def turn() -> None:
            try:
                act(consumer)
            finally:
                done.set()

        consumer.call_soon(turn)
        return done.wait(PATIENCE)

    def _stop(self, consumer: Any) -> None:
        queues = consumer.app.amqp.queues
        self._left = self._left or list(queues.consume_from)
        for name in self._left:
            queues.deselect(name)
        for name in self._left if consumer.task_consumer else ():
            consumer.task_consumer.cancel_by_queue(name)

    def _begin(self, consumer: Any) -> None:
        queues, names = consumer.app.amqp.queues, self._left
        self._left = []
        chosen = [queues.select_add(queues[name]) for name in names]
        if consumer.task_consumer:
            for queue in chosen:
                consumer.task_consumer.add_queue(queue)
            consumer.task_consumer.consume()
