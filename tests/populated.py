"""One afternoon in the shop: something in every state, and of every kind that a page can show.

All of it is done by the ledger's own ways on a clock of the past, and by real handlers, so it is true; it is the same
each time but for ids of runs and the time of day.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from unittest.mock import patch

from api import Api
from flask import Flask

from benchmarks.seed.beats import Beats
from benchmarks.seed.dated import Dial, dated
from benchmarks.seed.shop.people import CustomerJoined, reindex
from core import clock, emit, enqueue
from core.clock import to_ms
from core.house import House, house
from core.ledger.running import End, claim, finish_all, note, recover
from core.testing import WEBHOOK_SECRET, drain, runs
from core.timetable import ticked

STEP = 23  # ms that pass with each step of the ledger
HOURS, BETWEEN, JITTER = 3, timedelta(minutes=5), 30  # s
AWAY = range(75, 120)  # minutes ago in which no beat was alive
STUCK = timedelta(minutes=65)  # ago, from when on two schedules' runs do not end
INVOICE = "shop.write_invoice"
TRACE = 'Traceback (most recent call last):\n  File "shop.py", line 3, in wait\nTimeoutError: nobody came'
GONE = json.dumps({"type": "TimeoutError", "reason": "expired", "message": "nobody came", "traceback": TRACE})

Scene = tuple[float, Callable[[], object]]  # how many minutes ago, what happens


def populate(app: Flask) -> None:
    """Fill the ledger of *app*, which is empty and declares the shop."""
    here, now = house(app), datetime.now(UTC)
    with dated(here.ledger.client, here.keys.wake + ":dial", STEP) as dial, patch.object(clock, "datetime", told(dial)):
        Afternoon(app, dial, now).play()
    here.ledger.run(ticked(here.layout, datetime.now(UTC)))


def told(dial: Dial) -> type[datetime]:
    """Return a datetime class by which it is now what *dial* shows."""

    class Told(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.fromtimestamp(int(dial.client.get(dial.key)) / 1000, tz)

    return Told


class Afternoon:
    """The hours up to *now*, scene by scene: the order in which things are accepted is that of the clock."""

    def __init__(self, app: Flask, dial: Dial, now: datetime) -> None:
        self.app, self.dial, self.now = app, dial, now
        self.here: House = house(app)
        self.api = Api(app)
        self.beats = Beats(self.here, dial)
        self.orders = 100
        self.stuck = {"shop.sync_stock", "shop.refresh_rates"}  # whose next run will not end
        self.unpaid = ""  # the run of a card that cannot be charged

    def play(self) -> None:
        """Play all scenes."""
        self.beats.begin(_whole(self.now - timedelta(hours=HOURS)))
        scenes = [*self.rounds(), (4, self.invoice), (8, self.expire), (1.5, self.wait), (6, self.deliveries)]
        scenes += [(ago, self.bad_order) for ago in (52, 31, 12)]
        scenes += [(70, self.bad_card), *((ago, self.try_again) for ago in (59, 49, 39, 29, 19))]
        scenes += [(3, lambda: self.order(3)), (2.5, lambda: self.order(4))]
        for ago, scene in sorted(scenes, key=lambda one: -one[0]):
            self.dial.set(to_ms(self.now - timedelta(minutes=ago)))
            scene()
            drain(self.app)
        self.manage()
        self.emit("customer.joined", "grace", name="Grace", email="grace@example.org")

    def rounds(self) -> list[Scene]:
        """Return what comes again and again: schedules fire, orders come."""
        found: list[Scene] = []
        at = _whole(self.now - timedelta(hours=HOURS)) + BETWEEN
        while at < self.now:
            ago, number = (self.now - at).total_seconds() / 60, len(found)
            if int(ago) not in AWAY:
                found.append((ago, partial(self.fire, at, watchful=int(ago) + 5 not in AWAY)))
            if number % 3 == 0:
                found.append((max(ago - 1, 0), partial(self.buy, number // 3 % 3)))
            at += BETWEEN
        return found

    def fire(self, at: datetime, *, watchful: bool) -> None:
        """Fire what is due at *at*, and what jitter put off."""
        self.beats.tick(at, watchful=watchful)
        for later in range(5, JITTER, 5):
            self.beats.tick(min(at + timedelta(seconds=later), self.now))
        if at > self.now - STUCK:
            self.stuck -= {task for task in self.stuck if self.hold(task)}

    def buy(self, rest: int) -> None:
        self.order(rest)
        self.emit("parcel.sent", f"order/{self.orders}", order=self.orders, carrier="Velo")

    def emit(self, kind: str, subject: str, **data: object) -> str:
        """Emit an event over HTTP; returns its id in the ledger."""
        body = {"type": kind, "source": "/shop", "subject": subject, "data": data}
        return self.api.send("/events", body)["id"]

    def order(self, rest: int, total: float = 129.0) -> str:
        """Place the next order whose number has *rest* by five."""
        self.orders += (rest - self.orders) % 5 or 5
        email = f"buyer{self.orders}@example.{'eu' if self.orders % 3 else 'org'}"
        return self.emit("order.placed", f"order/{self.orders}", order=self.orders, email=email, total=total)

    def bad_order(self) -> None:
        """Order for nothing: a division by zero, of which a run dies."""
        self.order(1, total=0.0)

    def bad_card(self) -> None:
        self.unpaid = self.run_of(self.order(3), "shop.charge_card")

    def try_again(self) -> None:
        """Let the time come of the next attempt; the sixth failure is the last."""
        self.dial.client.zadd(self.here.keys.due, {self.unpaid: 0})
        self.here.ledger.run(recover(self.here.keys, {self.unpaid: True}, trusted=False))

    def hold(self, task: str) -> str:
        """Claim a pending run of *task* and never end it."""
        for run in runs(self.app, task=task, states=("pending",)):
            return self.claimed(run["id"])
        return ""

    def claimed(self, run: str) -> str:
        self.here.ledger.run(claim(self.here.keys, run, f"token {run}", self.here.runner.worker))
        return run

    def run_of(self, event: str, task: str) -> str:
        [run] = [run["id"] for run in self.api.get(f"/events/{event}")["runs"] if run["task"] == task]
        return run

    def invoice(self) -> None:
        """Begin an invoice that takes long, and tell how far it is."""
        run = self.claimed(self.run_of(self.emit("order.paid", "order/100", order=100, total=258.0), INVOICE))
        said = ["page 37 of invoice 100 is written", "the printer is slow today: 3.2 s for a page"]
        self.here.ledger.run(note(self.here.keys, run, f"token {run}", "37/120", said))

    def expire(self) -> None:
        """Let a run expire: nothing does that yet, but the ledger knows the state."""
        run = self.claimed(self.run_of(self.order(0), "shop.send_receipt"))
        self.here.ledger.run(finish_all(self.here.keys, [End(run, f"token {run}", "expired", error=GONE)]))

    def deliveries(self) -> None:
        """Let GitHub deliver."""
        for number, kind in enumerate(("push", "issues", "star")):
            told = {"number": number, "repository": {"full_name": "octo/bells"}}
            body = json.dumps(told if kind == "push" else told | {"action": "opened"}).encode()
            digest = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
            named = {"X-GitHub-Event": kind, "X-GitHub-Delivery": f"{self.here.keys.prefix}-{number}"}
            named |= {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
            answer = self.app.test_client().post("/hooks/github", data=body, headers=named)
            assert answer.status_code == 202, answer.text

    def wait(self) -> None:
        """Leave something for later, and take one back."""
        with self.app.app_context():
            enqueue(reindex, delay=5400, shelf="a'", deep=True)
            [(kept, _)] = enqueue(reindex, delay=7200, shelf="g").runs
            emit(CustomerJoined(name="Ada", email="ada@example.org"), source="/shop", subject="ada", delay=600)
        self.api.send(f"/runs/{kept}/cancel")

    def manage(self) -> None:
        """Make and pause schedules by hand."""
        self.dial.set(to_ms(self.now))
        shelves = {"name": "tidy-shelves", "task": "shop.reindex", "data": {"shelf": "c''"}, "cron": "*/20 * * * *"}
        closing = {"name": "closing-time", "event": "stock.low", "data": {"bell": "a'", "left": 2}, "every": 3600}
        feasts = {"name": "feast-days", "task": "shop.backup", "rrule": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24"}
        for members in (shelves, closing, feasts):
            self.api.send("/schedules", members, status=201)
        self.api.send("/schedules/shop.watch_prices/pause", {"note": "the neighbour asked us to"})


def _whole(at: datetime) -> datetime:
    """Return the start of the five minutes that *at* is in."""
    return at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)
