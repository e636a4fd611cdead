"""What happens in a seeded week: events with their data, and the runs that they want."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from core.causes import Cause
from core.clock import from_ms, rfc3339
from core.ledger.words import Request

DAY = 86_400_000  # ms
QUEUES = ("default", "mail", "payments", "documents", "slow", "stock")
TASKS = (
    *("reserve_stock", "charge_card", "check_fraud", "geocode", "write_invoice", "order_more", "archive"),
    *("send_receipt", "count_revenue", "announce_parcel", "welcome", "tell_people", "reindex", "print_label"),
    *("ask_for_review", "update_search", "warn_foundry", "book_carrier", "notify_slack", "export_books"),
    *("score_customer", "resize_photos", "translate_note", "refresh_cache", "sync_crm", "weigh_parcel"),
    *("sign_document", "close_books", "post_to_feed"),
)
TYPES = (
    *("order.placed", "order.placed", "order.placed", "order.paid", "parcel.sent", "stock.low", "customer.joined"),
    *("github.push", "github.issues.opened", "order.cancelled", "invoice.overdue"),
)
SOURCES = ("/shop", "/shop", "/shop", "/till/1", "/till/2", "/api")
NAMES = ("Ada", "Grace", "Barbara", "Frances", "Hedy", "Radia", "Jürgen", "Zoë", "李娜", "Søren")
MOST = len(TASKS) - 3  # runs of one event, on average


@dataclass(frozen=True)
class Week:
    """How much happens in the time from *begin* to *end* (ms)."""

    runs: int
    events: int
    begin: int
    end: int

    def moment(self, number: float) -> int:
        """Return when the event *number* happens: more by day than by night."""
        at = self.begin + (self.end - self.begin) * number / self.events
        return min(int(at + DAY / 8 * math.sin(2 * math.pi * at / DAY) * self._room(at)), self.end)

    def _room(self, at: float) -> float:
        """Return 1, and less towards both ends: nothing happens before the week or after it."""
        return min(1.0, (at - self.begin) / DAY, (self.end - at) / DAY)

    def sizes(self, dice: Random) -> Iterator[int]:
        """Return how many runs each event wants, by and by; all of them together are *runs*."""
        lent = 0
        for number in range(self.events):
            size = (number + 1) * self.runs // self.events - number * self.runs // self.events
            if lent:
                size, lent = size - lent, 0
            elif number + 1 < self.events:  # the next event has that many less
                lent = dice.randint(0, min(3, self.runs // self.events))
                size += lent
            yield size


def cause(number: int, at: int, dice: Random) -> Cause:
    """Return the event *number*, which happens at *at* (ms)."""
    kind, name = dice.choice(TYPES), dice.choice(NAMES)
    hook = kind.startswith("github")
    return Cause(
        kind="event",
        id=f"seed-{number}",
        type=kind,
        source="/hooks/github" if hook else dice.choice(SOURCES),
        subject="octo/bells" if hook else f"order/{number // 3}",
        time=rfc3339(from_ms(at)),
        data=_delivery(number, dice) if hook else _order(number, name, dice),
    )


def _order(number: int, name: str, dice: Random) -> dict[str, object]:
    total = round(dice.uniform(9, 900), 2)
    return {"order": number, "name": name, "email": f"{name.lower()}{number}@example.org", "total": total}


def _delivery(number: int, dice: Random) -> dict[str, object]:
    commits = [{"id": f"{dice.getrandbits(64):016x}", "message": "Ring it again"} for _ in range(dice.randint(1, 3))]
    return {"ref": "refs/heads/main", "number": number, "commits": commits, "repository": {"full_name": "octo/bells"}}


@cache
def requests(kind: str, size: int, at: int = 0) -> tuple[Request, ...]:
    """Return the runs that an event of *kind* wants; those of one kind are much alike. *at* is when they may start."""
    first = sum(kind.encode()) % len(TASKS)
    names = [TASKS[(first + n) % len(TASKS)] for n in range(size)]
    return tuple(Request(task=f"shop.{name}", queue=QUEUES[len(name) % len(QUEUES)], at=at) for name in names)
