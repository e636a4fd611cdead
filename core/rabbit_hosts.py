"""Celery's connections to RabbitMQ: one of several hosts, and our transport on whichever it is."""

from typing import Any

from celery.app import amqp
from kombu import connection as kombu

from core import connecting
from core.rabbit import SSLTransport, Transport


class Connection(connecting.Connection):
    """A connection to one of the hosts that a URL names (``amqp://one;amqp://two``), to the next one where it fails.

    ``broker_transport`` would not do: kombu forgets it when it switches to another host.
    """

    def get_transport_cls(self) -> Any:
        return SSLTransport if self.transport_cls == "amqps" else Transport

    def Pool(self, limit: int | None = None, **options: Any) -> "Pool":  # noqa: N802 - kombu's name
        return Pool(self, limit, **options)

    def _init_params(self, *args: Any, **params: Any) -> None:
        self.port, self.virtual_host = None, "/"  # kombu keeps those of the last host where the next one names none
        super()._init_params(*args, **params)

    def _ensure_connection(
        self, errback: Any = None, max_retries: int | None = None, *steps: Any, **options: Any
    ) -> Any:
        """Try every host as often and as long as one alone would be."""
        hosts = max(1, len(self.alt))
        retries = None if max_retries is None else (max_retries + 1) * hosts - 1
        if options.get("timeout"):
            options["timeout"] *= hosts
        return super()._ensure_connection(errback, retries, *steps, **options)


class PooledConnection(Connection, kombu.PooledConnection):
    """The same in a pool."""


class Pool(kombu.ConnectionPool):
    """What producers take their connections from."""

    def new(self) -> Any:
        return PooledConnection(self, **dict(self.connection._info(resolve=False)))  # noqa: SLF001 - as kombu's pool


class AMQP(amqp.AMQP):
    """What Celery opens connections with."""

    Connection = Connection
