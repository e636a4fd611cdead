"""Celery's consumer for a broker of several hosts: a dead one must not keep a worker from its work."""

from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.consumer.delayed_delivery import DelayedDelivery as PerHost

CELERYS = "celery.worker.consumer.delayed_delivery:DelayedDelivery"
OURS = "core.rabbit_consumer:DelayedDelivery"


class DelayedDelivery(PerHost):
    """Declares the queues of delayed plain tasks at one host, for all hosts are of one cluster.

    Celery's own step goes to each host in turn, and waits 18 s for one that is dead before it lets the worker work.
    """

    def _validate_broker_urls(self, broker_urls: Any) -> set[Any]:  # noqa: ARG002 - Celery's protocol
        """Return the one URL to go to: None stands for that of the settings, with all its hosts."""
        return {None}


class Consumer(CeleryConsumer):
    """Celery's consumer with our step in the place of its own."""

    class Blueprint(CeleryConsumer.Blueprint):
        """The steps that bring a worker up."""

        default_steps = [OURS if step == CELERYS else step for step in CeleryConsumer.Blueprint.default_steps]  # noqa: RUF012 - as Celery has it
