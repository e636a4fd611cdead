"""Reads along on a line to RabbitMQ: how many messages of a queue were delivered and not yet acknowledged, at most."""

import struct
import threading
from collections import defaultdict
from collections.abc import Callable

from engines import Through

METHOD = 1
DELIVER, ACK, REJECT = (60, 60), (60, 80), (60, 90)  # AMQP 0-9-1, 1.8.3
GREETING = 8  # bytes that a client sends before its first frame


class Unacknowledged:
    """Counts for each channel of a line, whose ``connection`` is what the line takes; ``most`` is the highest count.

    Messages of *queue* have its name as routing key.
    """

    def __init__(self) -> None:
        self.queue = ""
        self.most = self.delivered = 0
        self._open: dict[tuple[object, int], set[int]] = defaultdict(set)
        self._lock = threading.Lock()

    def connection(self) -> tuple[Through, Through]:
        line = object()

        def asked(channel: int, method: tuple[int, int], rest: bytes) -> None:
            if method in (ACK, REJECT):
                tag, bits = struct.unpack_from(">QB", rest)
                self._settle(self._open[line, channel], tag, multiple=method == ACK and bool(bits))

        def answered(channel: int, method: tuple[int, int], rest: bytes) -> None:
            if method == DELIVER and rest.endswith(self.queue.encode()):
                self._deliver(self._open[line, channel], struct.unpack_from(">Q", rest, 1 + rest[0])[0])

        return frames(asked, GREETING), frames(answered)

    def _deliver(self, tags: set[int], tag: int) -> None:
        with self._lock:
            tags.add(tag)
            self.delivered += 1
            self.most = max(self.most, len(tags))

    def _settle(self, tags: set[int], last: int, *, multiple: bool) -> None:
        with self._lock:
            tags -= {tag for tag in tags if tag == last or (multiple and tag < last)}


def frames(told: Callable[[int, tuple[int, int], bytes], None], greeting: int = 0) -> Through:
    """Return what passes a stream on unchanged and tells of each method in it: channel, class and number, the rest."""
    kept = bytearray()

    def through(data: bytes) -> bytes:
        nonlocal greeting
        kept.extend(data)
        if greeting and len(kept) >= greeting:
            del kept[:greeting]
            greeting = 0
        while not greeting and len(kept) >= 7:
            kind, channel, size = struct.unpack_from(">BHL", kept)
            if len(kept) < size + 8:
                break
            if kind == METHOD:
                told(channel, struct.unpack_from(">HH", kept, 7), bytes(kept[11 : 7 + size]))
            del kept[: size + 8]
        return data

    return through
