"""The transport without a worker: which URLs get it, what a channel pops and gives back, what a full server refuses."""

import json
from contextlib import contextmanager, suppress

import kombu
import pytest
import redis
from celery import Celery
from kombu import Consumer, Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.utils.eventio import poll
from redis_household import Road
from waiting import wait_until

from core import queue, redis_transport
from core.clock import monotonic
from core.config import celery_url
from core.embedded import running
from core.house import house
from core.ledger.running import Hint
from core.redis_hints import HintChannel, Slots
from core.redis_transport import Connection

URLS = {
    "redis://127.0.0.1:1/0": "Transport",
    "rediss://127.0.0.1:1/0?ssl_cert_reqs=required": "Transport",
    "redis+socket:///nowhere?virtual_host=0": "Transport",
    "sentinel://127.0.0.1:1/0;sentinel://127.0.0.1:2/0": "SentinelTransport",
}


@pytest.mark.parametrize("url", URLS)
def test_every_redis_url_gets_our_transport(make_app, url):
    celery = make_app(broker_url=url).extensions["celery"]
    for connection in (
        celery.connection_for_read(),
        celery.connection_for_write(),
        celery.connection_for_read().clone(),
    ):
        assert connection.get_transport_cls() is getattr(redis_transport, URLS[url])
        connection.maybe_switch_next()
        assert connection.get_transport_cls() is getattr(redis_transport, URLS[url])
        assert connection.transport_options["hints"]


def test_other_apps_keep_kombus_transport(make_app):
    make_app()
    connection = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False).connection_for_read()
    assert connection.get_transport_cls() is kombu.transport.redis.Transport


class Line:
    """A connection with a consumer of the queue of hints ``h`` and the plain queue ``p``; *slots* are free."""

    def __init__(self, url, **options):
        url = celery_url(url)
        options = {"hints": ["h"], "priority_steps": [0, 5], "queue_order_strategy": "priority"} | options
        self.connection = Connection(url, transport_options=options)
        self.channel = self.connection.default_channel
        self.channel.free_slots = lambda queue: self.slots - len(self.got)
        self.slots = 3
        self.got = []
        queues = [Queue(name, Exchange("line"), routing_key=name) for name in ("h", "p")]
        self.consumer = Consumer(self.channel, queues, on_message=self.got.append, auto_declare=True)
        self.producer = self.connection.Producer(exchange=Exchange("line"))

    def publish(self, *words, queue="h", priority=0):
        for word in words:
            self.producer.publish(word, routing_key=queue, priority=priority, serializer="json")

    def drain(self, seconds=0.3):
        """Read what comes until nothing came for a while."""
        with suppress(TimeoutError):
            while True:
                self.connection.drain_events(timeout=seconds)

    @property
    def words(self):
        return [message.payload for message in self.got]


@pytest.fixture
def line(server_url):
    with opened(server_url) as found:
        yield found


@contextmanager
def opened(url, **options):
    client = redis.Redis.from_url(url)
    client.flushdb()
    client.config_resetstat()
    found = Line(url, **options)
    found.client = client
    try:
        yield found
    finally:
        found.connection.close()
        client.flushdb()
        client.close()


@pytest.mark.parametrize("prefix", ["", "some:"])
def test_hints_come_in_bulk_by_priority_up_to_the_free_slots(server_url, prefix):
    with opened(server_url, global_keyprefix=prefix) as line:
        line.publish("late 1", "late 2", priority=5)
        line.publish("soon 1", "soon 2")
        line.consumer.consume()
        line.drain()
        assert line.words == ["soon 1", "soon 2", "late 1"]
        assert not line.client.exists(f"{prefix}unacked")
        for message in line.got:
            message.ack()
        line.slots = 5
        line.drain()
        assert line.words[3:] == ["late 2"]
        assert "cmdstat_rpush" not in line.client.info("commandstats")  # none was popped to go back


@pytest.mark.parametrize("prefix", ["", "some:"])
def test_plain_messages_are_recorded_until_they_are_acknowledged(server_url, prefix):
    with opened(server_url, global_keyprefix=prefix) as line:
        line.publish("one", "two", queue="p")
        line.consumer.qos(prefetch_count=1)
        line.consumer.consume()
        line.drain()
        assert line.words == ["one"]
        [record] = line.client.hvals(f"{prefix}unacked")
        assert json.loads(record)[1:] == ["line", "p"]
        assert line.client.zcard(f"{prefix}unacked_index") == 1
        line.got[0].ack()
        assert not line.client.exists(f"{prefix}unacked", f"{prefix}unacked_index")
        line.drain()
        assert line.words == ["one", "two"]
        line.connection.close()
        assert line.client.llen(f"{prefix}p") == 1


def test_what_a_closing_channel_gets_goes_back_to_the_head(line):
    line.consumer.consume()
    line.drain(0.1)
    pending = line.channel._hints[False]
    assert pending._in_poll
    with line.client.pipeline() as pipe:
        for word in ("1", "2", "3", "4"):
            pipe.lpush("h", word)
        pipe.execute()
    socket_is_readable(pending)
    line.connection.close()
    assert line.got == []
    assert line.client.lrange("h", 0, -1) == [b"4", b"3", b"2", b"1"]


def socket_is_readable(channel):
    waiting = poll()
    waiting.register(channel.client.connection._sock, 1)
    wait_until(lambda: waiting.poll(0), what="an answer has come")


def test_more_hints_than_slots_go_back_to_the_head(line):
    line.consumer.consume()
    line.drain(0.1)
    line.slots = 0
    with line.client.pipeline() as pipe:
        for word in ("one", "two", "three"):
            pipe.lpush("h", json.dumps(raw(word)))
        pipe.execute()
    line.drain()
    assert line.words == ["one"]
    assert [json.loads(m)["body"] for m in line.client.lrange("h", 0, -1)] == ["three", "two"]
    line.slots = 9
    line.drain()
    assert line.words == ["one", "two", "three"]


def raw(word):
    about = {"delivery_tag": word, "delivery_info": {"exchange": "", "routing_key": "h"}}
    return {"body": word, "content-type": "text/plain", "content-encoding": "utf-8", "headers": {}, "properties": about}


def test_a_plain_message_that_has_come_is_recorded_though_no_slot_is_free(line):
    line.consumer.consume()
    line.drain(0.1)
    line.channel.qos.can_consume = lambda: False  # as Celery sets it, to ask for no more
    line.client.lpush("p", json.dumps(raw("plain")))
    line.drain()
    assert line.words == ["plain"]
    assert line.client.hlen("unacked") == 1


def test_dead_connections_delay_nobody(server_url):
    road = Road(server_url.removeprefix("unix://").partition("?")[0])
    with opened(server_url) as there, Line(f"redis://127.0.0.1:{road.port}/0", socket_timeout=0.5).connection as here:
        channel = here.default_channel
        channel.qos.append(channel.Message(raw("one") | {"body": ""}, channel), "one")
        assert there.client.hlen("unacked") == 1
        road.block()
        channel.qos.ack("one")
        assert there.client.hlen("unacked") == 0
        road.block()
        channel.client.connection_pool.disconnect()
        channel.client.ping()
        begun = monotonic()
        assert channel._size("h") == 0
        assert monotonic() - begun < 0.4


def test_a_consumer_may_leave_one_queue(line):
    line.consumer.consume()
    line.consumer.cancel_by_queue("h")
    line.publish("hint")
    line.publish("plain", queue="p")
    line.drain()
    assert line.words == ["plain"]
    assert line.client.llen("h") == 1


def test_a_binding_that_was_refused_is_made_up_for_before_a_message_is_routed(tmp_path):
    with running(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", 1)
        line = Line(url)
        with pytest.raises((OperationalError, redis.exceptions.OutOfMemoryError)):
            line.publish("refused", queue="p")
        client.config_set("maxmemory", 0)
        line.publish("taken", queue="p")
        assert client.llen("p") == 1
        line.connection.close()


def test_the_poller_asks_for_abandoned_messages_through_either_channel(line):
    asked = []
    line.consumer.consume()
    line.channel.qos.restore_visible = lambda **options: asked.append(options)
    assert isinstance(line.channel._hints[False], HintChannel)
    assert isinstance(line.channel._hints[False].qos, Slots)
    line.channel._hints[False].qos.restore_visible(num=1)
    assert asked == [{"num": 1}]


def hints(number):
    return [Hint(run=f"r{n}", queue="default", priority=5) for n in range(number)]


def test_hints_are_published_in_one_round_trip(make_app):
    app = make_app()
    client, config = house(app).ledger.client, house(app).config
    queue.publish(app, config, hints(1))
    before = client.info("stats")["total_reads_processed"]
    queue.publish(app, config, hints(50))
    assert client.info("stats")["total_reads_processed"] - before < 25  # large ones are read in pieces
    assert queue.depth(app, config, "default") == 51


def test_a_depth_is_known_or_an_error(make_app, tmp_path):
    with running(tmp_path) as url, redis.Redis.from_url(url) as client:
        app = make_app(broker_url=celery_url(url))
        config = house(app).config
        assert queue.depth(app, config, "default") == 0
        queue.publish(app, config, hints(3))
        client.config_set("maxmemory", 1)
        assert queue.depth(app, config, "default") == 3
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            queue.publish(app, config, hints(1))
        client.config_set("maxmemory", 0)
        client.flushdb()
        assert queue.depth(app, config, "default") == 0
        client.set(queue.queue_name(config, "default"), "not a list")
        with pytest.raises(redis.exceptions.ResponseError):
            queue.depth(app, config, "default")
