"""Is the Redis server that hands out messages new enough? Asked each time a worker has connected to it."""

from typing import Any

import redis
from celery import bootsteps

from core.ledger.server import address, too_old


class NewEnough(bootsteps.StartStopStep):
    """A step of Celery's consumer: a worker that could not take one hint ends instead of waiting for ever."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, consumer: Any) -> None:
        """Ask the server.

        Raises:
            SystemExit: it is too old.
        """
        with consumer.connection.default_channel.conn_or_acquire() as client:
            try:
                found = too_old(client.info("server"))
            except redis.ResponseError:  # it does not tell everybody
                return
        if found:
            raise SystemExit(
                f"The worker cannot start. The broker at {address(client)} is {found}; hints are taken from "
                "Redis 7.0 or Valkey 7.2. Upgrade it, or name another one in CELERY_BROKER_URL."
            )
