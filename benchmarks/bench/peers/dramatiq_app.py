"""Dramatiq on Redis, as its guide shows it."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.bench.marks import ended
from benchmarks.bench.offers import ORDER

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def noop(_order: dict) -> None:
    """Do nothing but count."""
    ended()


def fill_noop(count: int) -> None:
    """Send what workers will drain."""
    for _ in range(count):
        noop.send(ORDER)
