"""Hints as Celery messages: what is in them, where they go, and who else can read them."""

import asyncio
import json
import uuid

import kombu
import pytest
from celery import Celery, signals
from celery.worker.request import Request
from kombu import Consumer, Queue
from kombu.transport.redis import Channel
from test_emit import HANDLERS

from core import Event, emit, emit_async, queue
from core.config import celery_url
from core.engines import is_beside_ledger
from core.house import house
from core.ledger.running import Hint
from core.slots import Taker
from core.testing import config

EXECUTE = "carillon.execute"
SIGNALS = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)


def messages(app, *hints):
    """Return the messages of *hints* as they would be written, by list."""
    found = app.extensions["celery"].messages.of(hints).lists
    return {name: [json.loads(text) for text in texts] for name, texts in found.items()}


def placed(n=1):
    return Event(type="order.placed", data={"order_id": n})


def written(app, name="default"):
    """Return the messages that wait in a queue of *app*, whatever their priority."""
    here = house(app)
    lists = here.ledger.client.scan_iter(f"{here.config.prefix}.{name}*")
    return [json.loads(text) for one in lists for text in here.ledger.client.lrange(one, 0, -1)]


def publish_by_celery(app):
    name = queue.queue_name(house(app).config, "default")
    app.extensions["celery"].tasks[EXECUTE].apply_async(("abc.0",), queue=name, priority=4)


def test_hints_are_known_by_their_looks_and_nothing_else_is(app):
    """Whoever wrote them; and where looks do not tell, the message does."""
    taker = Taker(lambda *_: None, lambda: False)
    publish_by_celery(app)
    here, name = house(app), queue.queue_name(house(app).config, "default")
    [theirs] = here.ledger.client.lrange(app.extensions["celery"].messages.list_of(name, 4), 0, -1)
    [[ours]] = app.extensions["celery"].messages.of([Hint("abc.0", "default", 5)]).lists.values()
    for text in (theirs, ours.encode()):
        assert (taker.run_of(text), taker.run_in(json.loads(text))) == ("abc.0", "abc.0")
        for other in (
            text.replace(EXECUTE.encode(), b"some.task"),
            text.replace(b'"lang": "py"', b'"lang": "js"'),
            text.replace(b'"body": "W1s', b'"body": "W3s'),
            text.replace(b'{"body"', b'{"x": 1, "body"'),
        ):
            assert other != text
            assert taker.run_of(other) is None


def test_a_message_is_what_celery_and_kombu_would_write(app):
    """All but what is random, and what a hint has no use for: where a result is wanted."""
    publish_by_celery(app)
    [theirs], [[ours]] = written(app), messages(app, Hint("abc.0", "default", 5)).values()
    assert ours["headers"].keys() == theirs["headers"].keys()
    for message in (ours, theirs):
        properties, headers = message["properties"], message["headers"]
        idents = {headers.pop("id"), headers.pop("root_id"), properties.pop("correlation_id")}
        assert len(idents) == 1
        assert uuid.UUID(idents.pop())
        assert uuid.UUID(properties.pop("delivery_tag"))
        for name in ("reply_to", "kwargsrepr", "argsrepr"):
            properties.pop(name, None)
    assert ours == theirs


def test_no_message_is_like_another(app):
    [found] = messages(app, *[Hint("abc.0", "default", 5)] * 20).values()
    assert len({one["properties"]["delivery_tag"] for one in found}) == 20


@pytest.mark.parametrize("options", [{}, {"priority_steps": [0, 3, 6, 9]}, {"priority_steps": [0, 5], "sep": ":"}])
def test_lists_are_those_that_kombu_reads(app, options):
    celery = app.extensions["celery"]
    celery.conf.broker_transport_options |= options
    with celery.connection_for_read() as connection:
        channel = connection.default_channel
        for priority in range(10):
            [name] = messages(app, Hint("abc.0", "default", priority))
            assert name == channel._q_for_pri(f"{house(app).config.prefix}.default", 9 - priority)


def test_a_global_prefix_is_heeded_by_whoever_writes(app):
    app.extensions["celery"].conf.broker_transport_options |= {"global_keyprefix": "g:"}
    with app.app_context():
        emit(placed())
    queue.publish(app, house(app).config, [Hint("abc.0", "default", 5)])
    publish_by_celery(app)
    assert house(app).ledger.client.llen(f"g:{house(app).config.prefix}.default\x06\x164") == 3
    assert queue.depth(app, house(app).config, "default") == 3
    assert queue.depth(app, house(app).config, "other") == 0


def test_a_consumer_of_kombus_own_reads_them(app, server_url):
    with app.app_context():
        receipt = emit(placed())
    name, got = queue.queue_name(house(app).config, "default"), []
    with kombu.Connection(celery_url(server_url), transport_options={"priority_steps": list(range(10))}) as connection:
        assert type(connection.default_channel) is Channel
        with Consumer(connection, [Queue(name, routing_key=name)], callbacks=[lambda *both: got.append(both)]):
            connection.drain_events(timeout=5)
        [(body, message)] = got
        assert [*message.channel.qos._delivered] == [message.delivery_tag]
        message.ack()
    assert body == [[receipt.runs[0][0]], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    assert message.headers["task"] == EXECUTE
    assert message.content_type == "application/json"


def test_celerys_own_strategy_runs_them(app, server_url):
    """As a stock worker of another Celery app would: its consumer's strategy makes a request and traces the task."""
    other, ran = Celery(broker=celery_url(server_url), set_as_current=False), []

    @other.task(name=EXECUTE, shared=False, ignore_result=True)
    def follow(run):
        ran.append((run, follow.request.id, follow.request.delivery_info["priority"]))

    with app.app_context():
        receipt = emit(placed())
    name = queue.queue_name(house(app).config, "default")
    options = {"priority_steps": list(range(10))}
    with other.connection_for_read(transport_options=options) as connection:
        message = Queue(name, routing_key=name)(connection.default_channel).get()
        task = other.tasks[EXECUTE]
        request = Request(message, app=other, task=task, on_ack=lambda *_: message.ack(), connection_errors=())
        request.execute()
    assert ran == [(receipt.runs[0][0], message.headers["id"], 4)]


@pytest.fixture
def told():
    """What Celery's publish signals say; whoever hears of a message puts a header of its own into it."""
    heard = []

    def hear(signal, **message):
        heard.append((SIGNALS.index(signal), message))
        if signal is signals.before_task_publish:
            message["headers"]["traceparent"] = f"00-{len(heard)}"

    for signal in SIGNALS:
        signal.connect(hear)
    yield heard
    for signal in SIGNALS:
        signal.disconnect(hear)


@pytest.mark.parametrize("way", ["beside", "apart"])
def test_celerys_publish_signals_are_sent_and_what_they_add_travels(make_app, server_url, told, way):
    app = make_app(HANDLERS, **({} if way == "beside" else {"broker_url": apart(server_url)}))
    with app.app_context():
        receipt = emit(placed())
        emit(placed(), delay=60)
        house(app).flush(5)
    [before, after, sent] = [message for _, message in told]
    assert [n for n, _ in told] == [0, 1, 2]
    assert before["sender"] == after["sender"] == sent["sender"] == EXECUTE
    assert after["headers"]["traceparent"] == "00-1"
    assert after["headers"]["id"] == sent["task_id"] == before["properties"]["correlation_id"]
    assert after["body"][0] == sent["args"] == (receipt.runs[0][0],)
    assert before["routing_key"] == queue.queue_name(house(app).config, "default")
    if way == "beside":
        [message] = written(app)
        assert message["headers"] == json.loads(json.dumps(after["headers"]))


def test_a_priority_that_a_listener_chose_counts(app, told):
    def hasten(properties, **_):
        properties["priority"] = 0

    signals.before_task_publish.connect(hasten)
    try:
        assert [*messages(app, Hint("abc.0", "default", 5))] == [f"{house(app).config.prefix}.default"]
    finally:
        signals.before_task_publish.disconnect(hasten)


def test_of_a_duplicate_no_message_is_sent(app, told):
    with app.app_context():
        emit(placed(), id="a")
        told.clear()
        assert emit(placed(), id="a").duplicate
    assert [n for n, _ in told] == [0]
    assert len(written(app)) == 1


def apart(url):
    """Return the URL of another database of the server."""
    return celery_url(f"{url}&db=1" if "?" in url else f"{url}?db=1")


@pytest.mark.parametrize("way", ["beside", "apart"])
def test_the_ledger_and_hints_take_one_round_trip_where_they_can(make_app, server_url, way):
    app = make_app(HANDLERS, **({} if way == "beside" else {"broker_url": apart(server_url)}))
    client, name = house(app).ledger.client, queue.queue_name(house(app).config, "default")
    with app.app_context():
        emit(placed(0))
        house(app).flush(5)
        before = client.info("stats")["total_reads_processed"]
        emit(placed(1))
        assert (house(app).publisher._pid == 0) is (way == "beside")
        house(app).flush(5)
        reads = client.info("stats")["total_reads_processed"] - before - 1
        assert reads == 1 if way == "beside" else reads > 1
        asyncio.run(emit_async(placed(2)))
        house(app).flush(5)
    assert queue.depth(app, house(app).config, "default") == 3
    assert client.llen(f"{name}\x06\x164") == (3 if way == "beside" else 0)


def test_runs_that_wait_get_no_hint(app):
    with app.app_context():
        emit(placed(), delay=60)
    assert written(app) == []


SAME = [
    ("redis://one/0", "redis://one/0"),
    ("redis://one", "redis://one:6379/0"),
    ("redis://user:a@one:6380/2", "redis://user:b@ONE:6380/2"),
    ("rediss://one/0?ssl_cert_reqs=none", "rediss://one"),
    ("unix:///s.sock?db=2", "redis+socket:///s.sock?virtual_host=2"),
]
OTHERS = [
    ("redis://one/0", "redis://one/1"),
    ("redis://one/0", "redis://two/0"),
    ("redis://one/0", "rediss://one/0"),
    ("redis://one/0", "redis://one:6380/0"),
    ("redis://a@one/0", "redis://b@one/0"),
    ("redis://one/0?db=3", "redis://one/0?db=3"),
    ("unix:///s.sock?db=2", "redis+socket:///s.sock?virtual_host=0"),
    ("unix:///s.sock", "redis+socket:///t.sock?virtual_host=0"),
    ("redis://one/0", "amqp://one//"),
    ("redis://one/0", ["redis://one/0"]),
    ("redis://one/0", "redis://one/0;redis://two/0"),
]


@pytest.mark.parametrize(("ledger", "broker", "same"), [(*p, True) for p in SAME] + [(*p, False) for p in OTHERS])
def test_which_brokers_are_beside_the_ledger(ledger, broker, same):
    assert is_beside_ledger(config(ledger, broker_url=str(broker)), broker) is same


def test_sentinels_name_the_same_service():
    one, url = "redis+sentinel://a:1,b:2/shop/0", celery_url("redis+sentinel://a:1,b:2/shop/0")
    assert is_beside_ledger(config(one, broker_service="shop"), url)
    assert not is_beside_ledger(config(one, broker_service="other"), url)
    assert not is_beside_ledger(config(one, broker_service="shop"), celery_url("redis+sentinel://a:1/shop/0"))
