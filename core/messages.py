"""Hints as Celery messages: protocol 2 in kombu's Redis envelope, each filled into a form that is made once.

A publish through Celery and kombu costs 400 us, nearly all of it for what is the same in every hint.
"""

from base64 import b64encode
from binascii import b2a_base64
from bisect import bisect
from collections.abc import Sequence
from functools import partial
from typing import Any

from celery import Celery, signals
from kombu.transport.redis import PRIORITY_STEPS, Channel
from kombu.utils.json import dumps

from core import engines
from core.config import Config
from core.ledger.acceptance import Outgoing
from core.ledger.running import Hint
from core.slots import EXECUTE
from core.tokens import Tokens

tokens = Tokens()
RUN, IDENT, BODY = "<run>", "<ident>", "<body>"  # places in a form: JSON never writes them as anything else


class Messages:
    """Makes the messages of one Celery app whose broker is Redis."""

    def __init__(self, celery: Celery, config: Config) -> None:
        self._celery = celery
        self._config = config
        self._lists: dict[tuple[str, int], str] = {}
        self._forms: dict[tuple[str, int], str] = {}
        self._body = dumps(body_of(RUN)).split(RUN)

    def of(self, hints: Sequence[Hint]) -> Outgoing:
        """Return the messages of *hints*, none of which is like another, by the list that each goes to.

        Listeners of Celery's publish signals are told of each, and what they put into its headers goes with it.
        """
        lists: dict[str, list[str]] = {}
        if heard():
            told = [self._told(hint, lists) for hint in hints]
            return Outgoing(lists, partial(_sent, told))
        before, after = self._body
        for hint in hints:
            lane, run = (hint.queue, hint.priority), hint.run
            form = self._forms.get(lane) or self._form(*lane)
            body = b2a_base64(f"{before}{run}{after}".encode(), newline=False).decode()
            message = form % {"run": run, "ident": tokens.digits(), "body": body}
            lists.setdefault(self._lists[lane], []).append(message)
        return Outgoing(lists)

    def _form(self, queue: str, priority: int) -> str:
        """Return a message of *queue* with places for what differs."""
        name, number = engines.queue_name(self._config, queue), engines.priority(self._config, priority)
        text: str = dumps(_envelope(headers_of(self._celery, RUN, IDENT), _properties(IDENT, number), BODY, name))
        text = text.replace("%", "%%")
        for place in (RUN, IDENT, BODY):
            text = text.replace(place, f"%({place[1:-1]})s")
        self._lists[queue, priority] = self.list_of(name, number)
        self._forms[queue, priority] = text
        return text

    def _told(self, hint: Hint, lists: dict[str, list[str]]) -> dict[str, Any]:
        """Add the message of *hint* to *lists*, with what listeners make of it; returns what they are told."""
        ident, name = tokens.digits(), engines.queue_name(self._config, hint.queue)
        headers, body = headers_of(self._celery, hint.run, ident), body_of(hint.run)
        properties = _properties(ident, engines.priority(self._config, hint.priority))
        told = {"sender": EXECUTE, "body": body, "headers": headers, "exchange": "", "routing_key": name}
        signals.before_task_publish.send(declare=[], properties=properties, retry_policy={}, **told)
        content = b64encode(dumps(body).encode()).decode()
        message = dumps(_envelope(headers, properties, content, name))
        lists.setdefault(self.list_of(name, properties["priority"]), []).append(message)
        return told

    def list_of(self, queue: str, priority: int) -> str:
        """Return the Redis list in which kombu keeps the messages of *queue* that have *priority*."""
        options = self._celery.conf.broker_transport_options
        steps = options.get("priority_steps") or PRIORITY_STEPS
        step = steps[bisect(steps, priority) - 1]
        name = f"{queue}{options.get('sep', Channel.sep)}{step}" if step else queue
        return f"{options.get('global_keyprefix', '')}{name}"


def headers_of(celery: Celery, run: str, ident: str) -> dict[str, Any]:
    """Return the headers of the message *ident* that is the hint of *run*, as Celery makes them."""
    reprs = {"argsrepr": shown(run), "kwargsrepr": "{}"}
    found: dict[str, Any] = celery.amqp.as_task_v2(ident, EXECUTE, (run,), ignore_result=True, **reprs).headers
    return found


def shown(run: str) -> str:
    """Return the arguments of a hint as people see them in Celery's tools."""
    return f"({run!r},)"


def body_of(run: str) -> tuple[Any, ...]:
    """Return the body of a hint: the arguments of the task, and what Celery puts behind them."""
    return (run,), {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def _properties(ident: str, priority: int) -> dict[str, Any]:
    return {"correlation_id": ident, "reply_to": "", "priority": priority}


def _envelope(headers: dict[str, Any], properties: dict[str, Any], body: str, queue: str) -> dict[str, Any]:
    ways = {"delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": queue}}
    return {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties | ways | {"body_encoding": "base64", "delivery_tag": properties["correlation_id"]},
    }


def heard() -> bool:
    """Tell whether somebody listens to Celery's signals of what is published."""
    return bool(
        signals.before_task_publish.receivers or signals.after_task_publish.receivers or signals.task_sent.receivers
    )


def _sent(told: Sequence[dict[str, Any]]) -> None:
    """Tell listeners that messages are with the broker."""
    for one in told:
        signals.after_task_publish.send(**one)
        if signals.task_sent.receivers:
            ident, (args, kwargs, _) = one["headers"]["id"], one["body"]
            known = {"task_id": ident, "task": EXECUTE, "args": args, "kwargs": kwargs, "eta": None, "taskset": None}
            signals.task_sent.send(sender=EXECUTE, **known)
