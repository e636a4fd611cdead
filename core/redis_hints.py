"""Hints on Redis: popped in bulk, as many as there are free slots, and recorded nowhere. The sweeper heals losses."""

import json
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from redis.exceptions import RedisError, ResponseError

from core.clock import monotonic
from core.redis_steady import GARBAGE, Channel

MOST = 200  # hints that are popped at once, at most

GIVE_BACK = """#!lua flags=allow-oom
for i = #ARGV, 1, -1 do redis.call('RPUSH', KEYS[1], ARGV[i]) end
"""


class Slots(virtual.QoS):
    """Hints need no acknowledgement; what bounds them is how many slots the worker has free."""

    restore_at_shutdown = False

    def can_consume(self) -> bool:
        return not self.channel.pausing and self.channel.free() > 0

    def append(self, message: Any, delivery_tag: str) -> None:
        """Do nothing."""

    def ack(self, delivery_tag: str) -> None:
        """Do nothing."""

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Do nothing: what must run again, the sweeper publishes again."""

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """Let the other channel do it: the poller asks any one of them."""
        self.channel.plain.qos.restore_visible(*args, **options)


class HintChannel(Channel):
    """Queues of hints of the channel *plain*, on a connection of their own.

    Queues for which there may be room at different times have channels of their own: a pop that waits for one of them
    cannot take from another.
    """

    QoS = Slots

    def __init__(self, transport: Any, plain: Any) -> None:
        self.plain = plain
        super().__init__(transport)

    def free(self) -> int:
        """Return how many hints may be popped now; its queues are all alike in that."""
        tell, queue = self.plain.free_slots, next(iter(self.active_queues), "")
        found: int = tell(queue) if tell else self.qos.prefetch_count or MOST
        return min(found, MOST)

    def close(self) -> None:
        """Close; hints that were popped meanwhile go back to the head of their queue."""
        self._closing = True
        try:
            if self._in_poll:
                self._brpop_read()
        except (Empty, *self.connection_errors):
            self._in_poll = None
        super().close()

    def _brpop_start(self, timeout: float | None = None) -> None:
        queues = self._queue_cycle.consume(len(self.active_queues))
        free = self.free()
        if not queues or free < 1:
            return
        prefix = self.global_keyprefix
        keys = [prefix + self._q_for_pri(queue, priority) for priority in self.priority_steps for queue in queues]
        connection = self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        connection.send_command("BLMPOP", timeout or self.brpop_timeout, len(keys), *keys, "RIGHT", "COUNT", free)

    def _brpop_read(self, **options: Any) -> bool:
        try:
            answer = self.client.parse_response(self.client.connection, "BLMPOP", **options)
        except self.connection_errors:
            self.client.connection.disconnect()
            raise
        except ResponseError as error:
            self.pause(error)
            answer = None
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()
        if not answer:
            raise Empty
        key = bytes_to_str(answer[0])[len(self.global_keyprefix) :]
        self._hand_over(key, answer[1])
        return True

    def _hand_over(self, key: str, hints: list[bytes]) -> None:
        """Hand over what there are slots for, but one at least: with plain tasks always first none would ever run."""
        queue = key.rsplit(self.sep, 1)[0]
        wanted = not self._closing and queue in self._active_queues
        taken, taker = max(self.free(), 1) if wanted else 0, self.plain.taker
        past = taker if taker and not taker.listened() else None
        self._queue_cycle.rotate(queue)
        runs = []
        for hint in hints[:taken]:
            try:
                if run := past and past.run_of(hint):
                    runs.append(run)
                    continue
                message = json.loads(hint)
                if run := past and past.run_in(message):
                    runs.append(run)
                else:
                    self.connection._deliver(message, queue)  # noqa: SLF001 - as kombu's channel does
            except GARBAGE as error:
                self.drop(error)
        if runs:
            taker.follow(queue, runs)
        if hints[taken:]:
            self._give_back(key, hints[taken:])

    def _give_back(self, key: str, hints: list[bytes]) -> None:
        try:
            self._create_client().register_script(GIVE_BACK)(keys=[key], args=hints)
        except RedisError as error:
            self.tell("hints could not be given back, the sweeper will publish them", error)
