"""Redis behind Celery: hints on a channel of their own, plain tasks as Celery has them, connections soon back."""

from typing import Any

from celery.app import amqp
from kombu.transport import redis
from kombu.transport.redis import MultiChannelPoller

from core import connecting, redis_steady
from core.redis_hints import HintChannel


class Channel(redis_steady.Channel):
    """A channel that consumes hints through others. *free_slots* tells how many hints of a queue may come."""

    HintChannel: type[HintChannel] = HintChannel

    def __init__(self, *args: Any, **options: Any) -> None:
        # Plain tasks, too, are taken as slots get free; else a flood of them would leave no slot to hints.
        self.free_slots: Any = None
        self.taker: Any = None  # who has hints followed past Celery, if anybody
        self._hints: dict[bool, HintChannel] = {}
        super().__init__(*args, **options)

    def basic_consume(self, queue: str, *args: Any, **options: Any) -> Any:
        if queue not in self.connection.hints:
            return super().basic_consume(queue, *args, **options)
        light = queue in self.connection.light
        if light not in self._hints:
            self._hints[light] = self.HintChannel(self.connection, self)
            self._hints[light].basic_qos(0, self.qos.prefetch_count)
        return self._hints[light].basic_consume(queue, *args, **options)

    def has_room(self) -> bool:
        return self.free_slots is None or self.free_slots("") > 0

    def basic_cancel(self, consumer_tag: str) -> Any:
        for hints in self._hints.values():
            if consumer_tag in hints._consumers:  # noqa: SLF001 - a channel of ours
                return hints.basic_cancel(consumer_tag)
        return super().basic_cancel(consumer_tag)

    def basic_qos(self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False) -> None:
        super().basic_qos(prefetch_size, prefetch_count, apply_global)
        for hints in self._hints.values():
            hints.basic_qos(prefetch_size, prefetch_count)

    def close(self) -> None:
        closing, self._hints = self._hints, {}
        for hints in closing.values():
            hints.close()
        super().close()


class SentinelHintChannel(HintChannel, redis.SentinelChannel):
    """Hints, on the primary that the sentinels name."""


class SentinelChannel(Channel, redis.SentinelChannel):
    """Plain tasks, on the primary that the sentinels name."""

    HintChannel = SentinelHintChannel


class Poller(MultiChannelPoller):
    """Reads every answer that has come: one left in a socket may hold messages that nobody else can see."""

    def _update_brpop_polling(self) -> None:
        """Do nothing: kombu would stop to look at channels that have no slot free."""

    def on_poll_start(self) -> None:
        """Have channels ask for messages; those whose question is under way are left alone, for this is each tick."""
        for channel in self._channels:
            asking = channel._in_poll  # noqa: SLF001 - as kombu's poller does
            if asking and asking._sock and not channel.active_fanout_queues:  # noqa: SLF001 - the same
                continue
            if channel.active_queues and channel.qos.can_consume():
                self._register_BRPOP(channel)
            if channel.active_fanout_queues:
                self._register_LISTEN(channel)

    def on_readable(self, fileno: int) -> Any:
        channel, kind = self._fd_to_chan.get(fileno, (None, ""))
        if kind == "BRPOP" and channel._in_poll:  # noqa: SLF001 - as kombu's poller does
            return channel.handlers[kind]()
        return super().on_readable(fileno)


class Transport(redis.Transport):
    """``redis://``, ``rediss://`` and ``redis+socket://``."""

    Channel = Channel

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self.cycle: Any = Poller()
        self.hints, self.light = (frozenset(client.transport_options.get(name, ())) for name in ("hints", "light"))
        self.unbound: list[Any] = []  # bindings that the server has refused to write so far


class SentinelTransport(Transport, redis.SentinelTransport):
    """``sentinel://``."""

    Channel = SentinelChannel


OURS = {redis.Transport: Transport, redis.SentinelTransport: SentinelTransport}


class Connection(connecting.Connection):
    """A connection that speaks through our transports, whatever its URL looks like.

    ``broker_transport`` would not do: kombu heeds it neither for ``redis+socket://`` nor after switching to another
    sentinel.
    """

    def get_transport_cls(self) -> Any:
        found = super().get_transport_cls()
        return OURS.get(found, found)


class AMQP(amqp.AMQP):
    """What Celery opens connections with."""

    Connection = Connection
