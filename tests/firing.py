"""A schedule's entry on a bench, and the moves that tests make with it."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import bench as benches

from core.causes import fire as cause_of_fire
from core.ledger.fires import counts, fires
from core.ledger.firing import Fire, Move, Stored, fire
from core.ledger.packing import Wanted
from core.ledger.words import Request

PLANNED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Tower:
    """One entry called ``tidy``, stored as ``def``, ``meta0``, ``ours0``; a move number *n* writes ``meta<n>``."""

    def __init__(self, bench):
        self.bench, self.keys = bench, bench.keys
        self.key = f"{{{bench.keys.prefix}}}:entry"
        self.timetable = f"{bench.keys.prefix}:timetable"
        bench.client.hset(self.key, mapping={"definition": "def", "meta": "meta0", "carillon": "ours0"})
        bench.client.zadd(self.timetable, {self.key: 1})

    def stored(self, read=0, key=None):
        return Stored(key or self.key, b"def", f"meta{read}".encode(), f"ours{read}".encode())

    def move(self, n, *, read=0, key=None, last=None, overlap="skip", rows=(), runs=True, told=None, score=0.5):
        """Return the move past planned time *n*, by one that read the entry after move *read*."""
        planned = PLANNED + timedelta(minutes=n)
        cause = cause_of_fire("tidy", planned)
        fired = Fire(planned=planned, state="fired", cause="on time", late=0.0, run=f"{cause.ledger_id}.0")
        return Move(
            name="tidy",
            stored=self.stored(read, key),
            meta=f"meta{n}",
            ours=f"ours{n}",
            score=None if score is None else n + score,
            fired=fired if runs else None,
            accepted=Wanted(cause, [Request(task="tidy", queue="q")]) if runs else None,
            overlap=overlap if last else "",
            last_run=last,
            skipped=(f"meta{n}", f"skip{n}"),
            rows=rows,
            told=told,
        )

    def script(self, *moves):
        return fire(self.keys, self.bench.keyring, self.timetable, moves)

    def ring(self, *moves):
        """Make *moves* in one call; returns the verdicts."""
        return self.verdicts(self.bench.run(asked(self.script(*moves)))[0])

    @staticmethod
    def verdicts(answer):
        return [verdict.decode() for verdict, _ in answer]

    def stands(self, key=None):
        return [value.decode() for value in self.bench.client.hmget(key or self.key, "meta", "carillon")]

    def score(self):
        return self.bench.client.zscore(self.timetable, self.key)

    def rows(self):
        return [(row.planned.minute, row.state) for row in self.bench.run(fires(self.keys, "tidy", 100))]

    def counts(self):
        return {name: count for name, count in self.bench.run(counts(self.keys)).items() if count}

    def run_of(self, n):
        return f"{cause_of_fire('tidy', PLANNED + timedelta(minutes=n)).ledger_id}.0"


def asked(*scripts):
    return (yield list(scripts))


@contextmanager
def towers(url):
    with benches.opened(url) as bench:
        yield Tower(bench)
