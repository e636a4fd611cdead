"""A hint for RabbitMQ is the very message that Celery would have sent, however long the id of its run is."""

import re

import amqp
import pytest
from celery.signals import after_task_publish
from engines import broker, rabbitmq

from core import queue
from core.house import house
from core.ledger.running import Hint

RUNS = ["abc.0", "0Y5MPzdYx6xbxPOGZ.0", "x" * 200 + ".999"]


@pytest.fixture
def app(make_app):
    with broker("rabbitmq", "") as (url, prefix):
        app = make_app(broker_url=url, prefix=prefix)
        app.extensions["celery"].set_default()
        yield app
        app.extensions["celery"].pool.force_close_all()


def published(app, *hints):
    """Publish *hints*; returns the messages that wait then, as RabbitMQ has them."""
    queue.publish(app, house(app).config, hints)
    with rabbitmq() as channel:
        return [channel.basic_get(f"{house(app).config.prefix}.default", no_ack=True) for _ in hints]


def by_celery(app, *hints):
    """Do the same with somebody who listens, so that Celery has to send them; returns what he was told, too."""
    told = []

    def listen(**message):
        told.append(message["headers"]["id"])

    after_task_publish.connect(listen)
    try:
        return published(app, *hints), told
    finally:
        after_task_publish.disconnect(listen)


def without_ids(message: amqp.Message):
    headers, properties = message.headers, dict(message.properties)
    ids = {headers.pop("id"), headers.pop("root_id"), properties.pop("correlation_id")}
    assert len(ids) == 1
    assert properties.pop("application_headers") is headers
    properties.pop("reply_to")  # nobody replies to a hint; Celery names the thread that sent it
    return message.body, headers, properties


@pytest.mark.parametrize("priority", [0, 5, 9])
def test_it_is_celerys_message(app, priority):
    hints = [Hint(run, "default", priority) for run in RUNS]
    theirs, told = by_celery(app, *hints)
    assert told == [message.headers["id"] for message in theirs]
    ours = published(app, *hints)
    assert [without_ids(message) for message in ours] == [without_ids(message) for message in theirs]
    assert [re.search(r'"([^"]+)"', message.body)[1] for message in ours] == RUNS


def test_no_message_is_like_another(app):
    messages = published(app, *[Hint("abc.0", "default", 5)] * 20)
    assert len({message.headers["id"] for message in messages}) == 20
