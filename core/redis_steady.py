"""kombu's Redis channel, made to outlast a server that is full, read-only or busy: it logs once and goes on."""

import logging
from collections.abc import Callable
from functools import cached_property, partial
from queue import Empty
from typing import Any

import redis
from kombu.transport import redis as kombu
from kombu.transport import virtual
from kombu.utils.json import dumps
from redis.exceptions import LockError, ResponseError

from core.clock import monotonic, now

PAUSE = 1.0  # seconds that a channel leaves a server alone which refused a command
BIND_EACH = 5.0  # seconds between two tries to bind what a server refused to bind
GARBAGE = (AttributeError, KeyError, RecursionError, TypeError, ValueError)  # what reading an odd message raises

# Each adds no more than the message it takes from a list, so a full server can be drained.
REMEMBER = """#!lua flags=allow-oom
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
"""

logger = logging.getLogger("carillon.redis")


class Client(redis.Redis):
    """Its pipelines are plain ones: a full server refuses whatever stands in a transaction, even LLEN."""

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> Any:
        return super().pipeline(transaction, shard_hint)


class PrefixedClient(kombu.PrefixedStrictRedis):
    """The same, for a global key prefix."""

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> Any:
        return super().pipeline(transaction, shard_hint)


class QoS(kombu.QoS):
    """Celery's bookkeeping of plain tasks; taking, recording and acknowledging them needs no free memory."""

    def can_consume(self) -> bool:
        return not self.channel.pausing and super().can_consume() and self.channel.has_room()

    def append(self, message: Any, delivery_tag: str) -> None:
        info = message.delivery_info
        record = dumps([message._raw, info["exchange"], info["routing_key"]])  # noqa: SLF001 - as kombu writes it
        try:
            self.channel.twice(self.channel.remember, args=[delivery_tag, now().timestamp(), record])
        except (ResponseError, *self.channel.connection_errors) as error:
            # It is off its list: to work on it unrecorded is better than to lose it.
            self.channel.tell("a plain task is taken without a record of it", error)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        self.channel.twice(super().ack, delivery_tag)

    def restore_visible(self, *args: Any, **options: Any) -> None:
        try:
            super().restore_visible(*args, **options)
        except (ResponseError, LockError) as error:
            self.channel.tell("unacknowledged plain tasks stay where they are", error)


class Channel(kombu.Channel):
    """A channel that no refusal of the server, and no odd message, takes out of Celery's event loop."""

    QoS: Any = QoS
    _in_poll: Any  # the connection that waits for messages
    _brpop_sent_at: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        self._paused_until = self._bind_at = -1.0
        self._told = ""
        super().__init__(*args, **options)

    def has_room(self) -> bool:
        """Tell whether the worker has room for one more message."""
        return True

    @property
    def pausing(self) -> bool:
        return monotonic() < self._paused_until

    def tell(self, what: str, error: Exception) -> None:
        """Log *error*, once in a row."""
        if self._told != str(error):
            self._told = str(error)
            logger.warning("%s: %s", what, error)

    def pause(self, error: Exception) -> None:
        """Ask for nothing for a moment; the connection is a new one afterwards, maybe to another primary."""
        self.tell("the server refuses to hand out messages", error)
        self._paused_until = monotonic() + PAUSE
        self.client.connection.disconnect()

    def twice(self, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Do what may be done twice; the second time on a new connection, for idle ones may have died unnoticed."""
        try:
            return act(*args, **options)
        except self.connection_errors:
            self._forget_idle()
            return act(*args, **options)

    def _on_connection_disconnect(self, connection: Any) -> None:
        super()._on_connection_disconnect(connection)
        self._forget_idle()

    def _forget_idle(self) -> None:
        if self._pool is not None:
            self._pool.disconnect(inuse_connections=False)

    @cached_property
    def remember(self) -> Any:
        script = self._create_client().register_script(REMEMBER)
        return partial(script, keys=[self.unacked_index_key, self.global_keyprefix + self.unacked_key])

    def _has_queue(self, queue: str, **_: Any) -> bool:
        """Tell whether *queue* holds something, and so exists; kombu looks for it without its prefix."""
        size: int = self._size(queue)
        return size > 0

    def maybe_refresh_binding_expiry(self) -> None:
        if monotonic() < self._bind_at:
            return
        try:
            self._bind_rest()
            super().maybe_refresh_binding_expiry()
        except ResponseError as error:
            self._bind_at = monotonic() + BIND_EACH
            self.tell("bindings are not written yet", error)

    def get_table(self, exchange: str) -> Any:
        """Return an exchange's bindings; a message must not get lost because one could not be written before."""
        self._bind_rest()
        return super().get_table(exchange)

    def _queue_bind(self, *binding: Any) -> None:
        """Bind now or later: a worker that has lists to empty must not wait for it."""
        try:
            super()._queue_bind(*binding)
        except ResponseError as error:
            self.connection.unbound.append(binding)
            self.tell("bindings are not written yet", error)

    def _bind_rest(self) -> None:
        unbound = self.connection.unbound
        while unbound:
            super()._queue_bind(*unbound[0])
            unbound.pop(0)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except ResponseError as error:
            self.pause(error)
        except GARBAGE as error:
            self.drop(error)
        raise Empty

    def drop(self, error: Exception) -> None:
        """Log that a message cannot be read; not what it holds."""
        logger.error("a message is dropped: it cannot be read (%s)", type(error).__name__)

    def _get_client(self) -> Any:
        super()._get_client()
        if self.global_keyprefix:
            return partial(PrefixedClient, global_keyprefix=self.global_keyprefix)
        return Client
