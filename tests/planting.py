"""Puts words into every field that takes words: what strangers, handlers, people and other programs can write."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from api import Api
from flask import Flask

from core.causes import Cause
from core.clock import now, rfc3339, to_ms
from core.drafting import drafted
from core.events import SOURCE_TEXT, SUBJECT_TEXT
from core.house import House, house
from core.ledger.acceptance import Request, accept
from core.ledger.alive import beat
from core.ledger.firing import Stored
from core.schedule import Pause
from core.scheduling import put
from core.testing import drain

SPOKEN = 20  # processes that bear such names
PAUSED = timedelta(hours=1)  # that schedules were paused


def plant(app: Flask, texts: Sequence[str]) -> None:
    """Plant *texts* into all fields; *app* declares the handlers of ``planted``."""
    here, api = house(app), Api(app)
    for number, text in enumerate(texts):
        _event(api, number, text)
        _schedule(here, api, number, text)
    drain(app, limit=100_000)
    for number, text in enumerate(texts):
        _foreign(here, number, text)
    here.clockwork.tick(now())
    for text in texts[:SPOKEN]:
        said = dict.fromkeys(("host", "started"), text) | {"queues": [text], "pid": 1, "concurrency": 1, "busy": 0}
        here.ledger.run(beat(here.keys, "worker", text, said))


def _event(api: Api, number: int, text: str) -> None:
    """Emit an event whose attributes, names and values are *text*, as far as HTTP takes it."""
    attributes = {"subject": text} if SUBJECT_TEXT.fullmatch(text) else {}
    attributes |= {"source": text} if SOURCE_TEXT.fullmatch(text) else {"source": "/planted"}
    data = {"text": text, "more": {text: [text]}}
    body = {"specversion": "1.0", "id": f"planted-{number}", "type": "planted.word", "data": data, **attributes}
    extension = {"planted": text} if SUBJECT_TEXT.fullmatch(text) else {}
    api.send("/events", body | extension, "application/cloudevents+json")


def _schedule(here: House, api: Api, number: int, text: str) -> None:
    """Make a schedule with *text* in its arguments, paused for an hour with *text* as the note; resume every other."""
    begun, name = to_ms(now() - PAUSED), f"planted-{number}"
    members = {"name": name, "task": "planted.scheduled", "data": {"text": text}, "every": 300}
    made = drafted(members, here.catalog, begun, owner="api")
    paused = replace(made, pause=Pause(since=begun, note=" ".join(text.split())[:200]))
    here.ledger.run(put(here.layout, paused, Stored(here.layout.key(name), b"", b"", b"")))
    if number % 2 == 0:
        api.send(f"/schedules/{name}/resume")  # the note becomes the cause of what did not fire


def _foreign(here: House, number: int, text: str) -> None:
    """Record what our own front door would refuse, but another release may have written: type, task and queue."""
    time_of = text if number % 2 else rfc3339(now())
    cause = Cause(kind="event", id=text[:500], type=text[:500], source=text[:500], time=time_of[:500], data=[text])
    here.ledger.run(accept(here.keys, here.bus.keyring, cause, [Request(task=text, queue=text)]))
