"""Hints as Celery messages for RabbitMQ: what all of a queue have in common is turned into bytes once.

Celery, kombu and py-amqp take 300 us for each hint, nearly all of it for that.
"""

import secrets
from collections.abc import Sequence
from struct import pack
from typing import Any

from amqp.basic_message import Message
from amqp.serialization import dumps as serialized
from celery import Celery
from kombu.utils.json import dumps

from core import engines
from core.config import Config
from core.ledger.running import Hint
from core.messages import RUN, body_of, headers_of, shown

IDENT = secrets.token_hex(16)  # the place of a message's id, as long as each of them
LENGTH = ">L"  # how a table and a text within it begin (AMQP 0-9-1, 4.2.5)


class Ready(Message):
    """A message whose properties are bytes already."""

    def __init__(self, body: bytes, properties: bytes) -> None:
        super().__init__(body)
        self._bytes = properties

    def _serialize_properties(self) -> bytes:
        return self._bytes


class Form:
    """The properties of a message, with places for the run's id and its own."""

    def __init__(self, headers: dict[str, Any], priority: int) -> None:
        kind = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2}
        ways = {"priority": priority, "correlation_id": IDENT, "reply_to": ""}
        table: bytes = serialized("F", [headers])
        whole: bytes = Message("", application_headers=headers, **kind, **ways)._serialize_properties()  # noqa: SLF001
        self._head, _, self._tail = whole.partition(table)
        place = shown(RUN).encode()
        at = table.index(place)
        self._before, self._after = table[len(pack(LENGTH, 0)) : at - len(pack(LENGTH, 0))], table[at + len(place) :]

    def filled(self, run: str, ident: str) -> bytes:
        text = shown(run).encode()
        table = b"".join((self._before, pack(LENGTH, len(text)), text, self._after))
        whole = b"".join((self._head, pack(LENGTH, len(table)), table, self._tail))
        return whole.replace(IDENT.encode(), ident.encode())


class Messages:
    """Makes the messages of one Celery app whose broker is RabbitMQ, and sends them."""

    def __init__(self, celery: Celery, config: Config) -> None:
        self._celery = celery
        self._config = config
        self._forms: dict[int, Form] = {}
        self._body = dumps(body_of(RUN)).encode().split(RUN.encode())

    def send(self, producer: Any, hints: Sequence[Hint]) -> None:
        """Send the messages of *hints*; returns when RabbitMQ has confirmed them all.

        Raises:
            Unconfirmed, RecoverableConnectionError: not all of them were.
        """
        channel = producer.channel
        names = {queue: engines.queue_name(self._config, queue) for queue in {hint.queue for hint in hints}}
        for name in names.values():
            producer.maybe_declare(self._celery.amqp.queues[name])
        for hint in hints:
            channel.send(self.of(hint), exchange="", routing_key=names[hint.queue], mandatory=True)
        channel.settle()

    def of(self, hint: Hint) -> Message:
        """Return the message of *hint*, which no other is like."""
        form = self._forms.get(hint.priority)
        if form is None:
            number = engines.priority(self._config, hint.priority)
            form = self._forms[hint.priority] = Form(headers_of(self._celery, RUN, IDENT), number)
        return Ready(hint.run.encode().join(self._body), form.filled(hint.run, secrets.token_hex(16)))
