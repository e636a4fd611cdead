"""The schedules of a seeded week: those that the shop declares, and many that people made."""

from datetime import timedelta
from random import Random

from benchmarks.seed.beats import Beats
from benchmarks.seed.dated import Dial
from benchmarks.seed.lives import Lives
from core.clock import from_ms, to_ms
from core.drafting import drafted
from core.house import House
from core.ledger.firing import Stored
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.listing import Page, RunFilter, list_runs
from core.scheduling import put

STEP = 300_000  # ms between two looks: no schedule of the shop fires more often
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
LATER = timedelta(seconds=9)  # between two looks at what jitter put off: with more, no beat would have been alive
SILENT = 1 / 400  # share of looks after which nobody looks for an hour
STUCK, STUCK_SINCE = "shop.sync_stock", 4_500_000  # ms before the end
MOST = 500  # runs of one step
MADE = 40  # schedules that people made


class Bells:
    """Fires what is due, step by step; *lives* gets the runs of each step.

    In the last hour a run of STUCK begins and does not end, so that another one is parked behind it.
    """

    def __init__(self, here: House, dial: Dial, dice: Random, lives: Lives) -> None:
        self._here, self._dice, self._lives = here, dice, lives
        self._beats = Beats(here, dial)
        self.next = 0  # when something may be due next, in ms
        self._stuck: list[str] = []
        self._away = 0  # looks that no beat will take

    def begin(self, at: int) -> None:
        """Store all schedules, as of *at* (ms)."""
        self.next = at - at % STEP + STEP
        self._beats.begin(from_ms(at))
        for number in range(MADE):
            members = {"name": f"customer-{number:02}", "task": "shop.reindex", "data": {"shelf": f"c{number}"}}
            minute, hour = self._dice.randrange(0, 60, 5), self._dice.randrange(24)
            kind = ({"cron": f"{minute} {hour} * * *"}, {"cron": f"{minute} * * * *"}, {"every": 7200})[number % 3]
            zone = {"timezone": self._dice.choice(ZONES)} if "cron" in kind else {}
            schedule = drafted(members | kind | zone, self._here.catalog, at, owner="api")
            nothing = Stored(self._here.layout.key(schedule.name), b"", b"", b"")
            self._here.ledger.run(put(self._here.layout, schedule, nothing))

    def ring(self) -> int:
        """Fire what is due at ``next``; returns until when (ms) it did. Now and then no beat is alive for an hour."""
        at, self.next = from_ms(self.next), self.next + STEP
        if self._away:
            self._away -= 1
            if not self._away:
                self._beats.tick(at, watchful=False)
            return to_ms(at)
        self._beats.tick(at)
        for n in (1, 2, 3):
            self._beats.tick(at + n * LATER)
        last = to_ms(at + 3 * LATER) + 1000
        if self.next > self._lives.end - STUCK_SINCE and not self._stuck:
            self._stuck = self._here.ledger.run(_pending(self._here.keys, STUCK))
            self._lives.begin(self._stuck, last)
        pending = self._here.ledger.run(_pending(self._here.keys))
        self._lives.lead([run for run in pending if run not in self._stuck], last)
        self._away = 12 if self._dice.random() < SILENT else 0
        return last


def _pending(keys: Keys, task: str = "") -> Flow[list[str]]:
    found, _ = yield from list_runs(keys, RunFilter(states=("pending",), task=task), Page(limit=MOST), whole=False)
    return [run["id"] for run in found]
