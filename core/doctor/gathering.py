"""Gathers what the checks look at, in bounded time, from ledger, broker and result backend."""

import platform
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from core import engines, queue, readiness
from core.causes import HEAD
from core.census import queue_views
from core.clock import now
from core.doctor.facts import Facts, Probe
from core.entries import Layout
from core.house import House
from core.ledger.alive import alive
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.server import address, setting
from core.redact import redacted

PATIENCE = 3.0  # seconds that broker and result backend may take
SECTIONS = ("server", "memory", "persistence", "replication")
HELD = 3  # names of held schedules
KINDS = ("event", "fire", "call")
PACKAGES = ("celery", "flask", "redis")


@dataclass
class Question:
    """Something that is asked on a thread of its own, for it may never answer."""

    what: str
    act: Callable[[], object]
    trouble: str = "no answer"

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._ask, name="carillon-doctor", daemon=True)
        self._thread.start()

    def answer(self) -> Probe:
        """Return what came of it within PATIENCE seconds."""
        self._thread.join(PATIENCE)
        return Probe(what=self.what, trouble=self.trouble)

    def _ask(self) -> None:
        try:
            self.act()
            self.trouble = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was to be found out
            text = " ".join(redacted(str(error), 200).split())
            self.trouble = f"{type(error).__name__}: {text}" if text else type(error).__name__


def gather(here: House) -> Facts:
    """Return the facts of this application.

    Raises:
        LedgerUnavailable: the ledger did not answer.
    """
    broker, backend = ask_broker(here), ask_backend(here)
    found = here.ledger.run(_asked(here.keys, here.layout, here.catalog.queues()))
    oldest, newest = (_key(here, records) for records in found.pop("records"))
    client = here.ledger.client
    return Facts(
        config=here.config,
        where=address(client),
        fsync=setting(client, "appendfsync"),
        snapshots=setting(client, "save"),
        oldest_key=oldest,
        newest_key=newest,
        catalog=here.catalog.digest,
        broker=broker.answer(),
        backend=backend.answer(),
        versions=versions(),
        **found,
    )


def ask_broker(here: House) -> Question:
    """Ask the broker whether it is there."""
    what = {"amqp": "RabbitMQ", "amqps": "RabbitMQ"}.get(engines.scheme(here.config.broker_url), "Redis")
    beside = engines.is_beside_ledger(here.config, here.celery.conf.broker_write_url)
    shown = f"{what}, the ledger's own server," if beside else what
    return Question(shown, lambda: queue.depth(here.app, here.config, here.catalog.queues()[0]))


def ask_backend(here: House) -> Question:
    """Ask the result backend whether it is there."""
    what = here.config.result_backend.partition("://")[0].removeprefix("db+").partition("+")[0]
    known = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
    return Question(known.get(what, "Redis"), lambda: here.celery.backend.get_task_meta("carillon-doctor"))


def versions() -> dict[str, str]:
    return {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def _asked(keys: Keys, layout: Layout, declared: list[str]) -> Flow[dict[str, Any]]:
    before = now()
    [[seconds, micros]] = yield [("TIME",)]
    here = before + (now() - before) / 2
    *sections, open_runs, count, names = yield [
        *(("INFO", section) for section in SECTIONS),
        ("ZCARD", keys.due),
        ("HLEN", layout.keys.quarantine),
        ("HRANDFIELD", layout.keys.quarantine, HELD),
    ]
    ends = yield [("ZRANGE", keys.causes(kind), place, place) for place in (0, -1) for kind in KINDS]
    wanted = [found[0].decode() if found else "" for found in ends]
    records = yield [("GETRANGE", keys.record(cause), 0, HEAD - 1) if cause else ("ECHO", "") for cause in wanted]
    return {
        "info": {name: value for section in sections for name, value in section.items()},
        "skew": here.timestamp() - (int(seconds) + int(micros) / 1e6),
        "open": open_runs,
        "held": sorted(name.decode() for name in names or ()),
        "held_count": count,
        "records": (records[: len(KINDS)], records[len(KINDS) :]),
        "readiness": (yield from readiness.look(keys, layout.timetable)),
        "processes": (yield from alive(keys)),
        "queues": (yield from queue_views(keys, declared)),
    }


def _key(here: House, records: list[bytes]) -> int | None:
    """Return which of our keys seals *records*, the oldest key of any: -1 for one that is none of ours."""
    places = [here.bus.keyring.sealed_with(record) for record in records if record]
    if not places:
        return None
    return -1 if None in places else max(place for place in places if place is not None)
