"""RabbitMQ behind kombu's AMQP transport: no wait without an end, confirms and acknowledgements in bulk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from amqp import RecoverableConnectionError
from amqp.abstract_channel import AbstractChannel
from kombu.asynchronous import get_event_loop
from kombu.transport import pyamqp

from core.acks import Acks

PATIENCE = 5.0  # seconds that RabbitMQ may take to answer before the connection counts as lost
GATHERING = 0.005  # seconds that an acknowledgement waits for others


class Unconfirmed(RecoverableConnectionError):
    """RabbitMQ did not take a message: no queue wanted it, or it could not be written."""


class Patient(AbstractChannel):
    """Waits for the server's answer, but not for ever."""

    def wait(self, method: Any, callback: Any = None, timeout: float | None = None, returns_tuple: bool = False) -> Any:
        with self.patience():
            return super().wait(method, callback, timeout or PATIENCE, returns_tuple)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Give the connection up where the block times out: a late answer would be taken for another one's."""
        connection = self.connection
        try:
            yield
        except TimeoutError as error:
            connection.collect()
            raise RecoverableConnectionError(f"RabbitMQ did not answer within {PATIENCE:g} s") from error


class Channel(Patient, pyamqp.Channel):
    """A channel that publishes and acknowledges in bulk; a publish returns when RabbitMQ has confirmed it."""

    _confirm_selected: bool
    _sent: int
    _open: set[int]  # tags of messages that are not confirmed yet
    _refused: list[str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._slots = 0
        self._start_over()
        self.events["basic_ack"].add(self._confirmed)
        self.events["basic_nack"].add(self._not_written)
        self.events["basic_return"].add(self._returned)

    def basic_publish(self, message: Any, **options: Any) -> None:
        self.send(message, **options)
        self.settle()

    def create_publish_batch(self, max_size: int) -> "Batch":  # noqa: ARG002 - kombu's protocol
        """Return what ``Producer.batch()`` publishes through."""
        return Batch(self)

    def send(self, message: Any, **options: Any) -> None:
        """Publish without waiting; ``settle`` waits."""
        if not self._confirm_selected:
            self._confirm_selected = True
            self.confirm_select()
        self._basic_publish(message, **options)
        self._sent += 1
        self._open.add(self._sent)

    def settle(self) -> None:
        """Wait until all that was sent is confirmed.

        Raises:
            Unconfirmed: some of it was not taken.
        """
        while self._open:
            if self.connection is None:
                raise RecoverableConnectionError("the connection to RabbitMQ was lost before it confirmed")
            with self.patience():
                self.connection.drain_events(timeout=PATIENCE)
        refused, self._refused = self._refused, []
        if refused:
            raise Unconfirmed(f"{len(refused)} messages were not taken; the first: {refused[0]}")

    def basic_qos(self, prefetch_size: int, prefetch_count: int, a_global: bool, *args: Any) -> Any:
        self._slots = prefetch_count
        return super().basic_qos(prefetch_size, prefetch_count, a_global, *args)

    def basic_consume(self, queue: str = "", *args: Any, **options: Any) -> Any:
        """Consume; the queues of hints share the worker's slots, for hints are acknowledged as their runs start."""
        hints = self.connection.hints
        if self._slots and len(hints) > 1:
            share = max(1, self._slots // len(hints)) if queue in hints else self._slots
            super().basic_qos(0, share, False)
        return super().basic_consume(queue, *args, **options)

    def basic_ack(self, delivery_tag: int, multiple: bool = False, *args: Any) -> None:
        """Acknowledge, together with what else is acknowledged within the next 5 ms.

        Half of the slots at most wait for that, so that RabbitMQ goes on sending.
        """
        if multiple:
            self.flush_acks()
            super().basic_ack(delivery_tag, multiple, *args)
            return
        self._acks.acknowledge(delivery_tag)
        loop = get_event_loop()
        if loop is None or len(self._acks.done) * 2 >= self._slots:
            self.flush_acks()
        elif len(self._acks.done) == 1:
            loop.call_later(GATHERING, self.flush_acks)  # type: ignore[no-untyped-call]

    def flush_acks(self) -> None:
        """Send the acknowledgements that wait. A lost connection has forgotten its messages: nothing to do then."""
        for tag, multiple in self._acks.frames():
            with suppress(RecoverableConnectionError, OSError):
                super().basic_ack(tag, multiple)

    def basic_reject(self, delivery_tag: int, requeue: bool, *args: Any) -> Any:
        self.flush_acks()
        self._acks.settled(delivery_tag)
        return super().basic_reject(delivery_tag, requeue, *args)

    def basic_recover(self, requeue: bool = False) -> Any:
        self.flush_acks()
        self._acks = Acks()  # all others come again, under new tags
        return super().basic_recover(requeue)

    def close(self, *args: Any, **options: Any) -> Any:
        self.flush_acks()
        return super().close(*args, **options)

    def _on_basic_deliver(self, consumer_tag: str, delivery_tag: int, *rest: Any) -> None:
        self._acks.delivered(delivery_tag)
        super()._on_basic_deliver(consumer_tag, delivery_tag, *rest)

    def _on_get_ok(self, delivery_tag: int, *rest: Any) -> Any:
        self._acks.delivered(delivery_tag)
        return super()._on_get_ok(delivery_tag, *rest)

    def _do_revive(self) -> None:
        self._start_over()
        super()._do_revive()

    def _start_over(self) -> None:
        self._acks = Acks()
        self._sent = 0
        self._open = set()
        self._refused = []

    def _confirmed(self, tag: int, multiple: bool) -> None:
        self._open = {one for one in self._open if one > tag} if multiple else self._open - {tag}

    def _not_written(self, tag: int, multiple: bool) -> None:
        self._refused.append("RabbitMQ could not write it")
        self._confirmed(tag, multiple)

    def _returned(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:  # noqa: ARG002
        self._refused.append(f"no queue takes {routing_key!r} from exchange {exchange!r}")


class Batch:
    """What kombu's ``Producer.batch()`` publishes through: one wait for all confirms."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def publish(self, message: Any, **options: Any) -> None:
        self.channel.send(message, **options)

    def flush(self) -> None:
        self.channel.settle()

    def discard(self) -> None:
        """Do nothing: what was sent cannot be called back, and a hint too many is harmless."""

    def close(self) -> None:
        """Do nothing: the channel stays open for the next batch."""


class Connection(Patient, pyamqp.Connection):
    """A connection that knows which queues hold hints."""

    Channel = Channel

    def __init__(self, *args: Any, hints: Sequence[str] = (), **options: Any) -> None:
        self.hints = frozenset(hints)
        super().__init__(*args, **options | {"confirm_publish": False, "write_timeout": PATIENCE})


class Transport(pyamqp.Transport):
    """``amqp://``."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """``amqps://``: the certificate has to be that of the host that is connected to, unless settings name another."""

    Connection = Connection

    def establish_connection(self) -> Any:
        client: Any = self.client
        host, settings = client.hostname, client.ssl
        client.ssl = {"server_hostname": host} | (settings if isinstance(settings, dict) else {})
        try:
            return super().establish_connection()  # type: ignore[no-untyped-call]
        finally:
            client.hostname, client.ssl = host, settings  # kombu makes an address of "localhost"
