"""Hints are acknowledged in bulk, and never one that was not taken."""

import uuid

import pytest
from engines import RABBITMQ, missing, rabbitmq
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection, Consumer, Producer, Queue
from kombu.asynchronous import get_event_loop, set_event_loop
from kombu.asynchronous.hub import Hub
from waiting import wait_until

from core.acks import Acks


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(("acknowledge", "settled", "send")))))
def test_frames_cover_what_is_done_and_nothing_else(steps):
    acks, told, wanted = Acks(), set(), set()
    for tag in range(1, 31):
        acks.delivered(tag)
    settled = set()
    for tag, step in [*steps, (0, "send")]:
        if step == "send":
            for last, multiple in acks.frames():
                told |= {one for one in range(1, last + 1) if one not in settled} if multiple else {last}
            assert told == wanted
        elif tag not in wanted | settled:
            getattr(acks, step)(tag)
            (wanted if step == "acknowledge" else settled).add(tag)


@pytest.fixture
def hub():
    before, hub = get_event_loop(), Hub()
    set_event_loop(hub)
    yield hub
    hub.close()
    set_event_loop(before)


@pytest.fixture
def consuming(hub):
    """A channel with 20 slots that has been given 20 messages, the messages, and the frames it sends for them."""
    name = f"t{uuid.uuid4().hex[:10]}.acks"
    queue = Queue(name, routing_key=name, queue_arguments={"x-queue-type": "quorum"})
    with Connection(RABBITMQ, transport="core.rabbit:Transport", transport_options={"hints": [name]}) as connection:
        try:
            connection.connect()
        except OSError:
            missing("RabbitMQ")
        channel, got = connection.channel(), []
        queue(channel).declare()
        producer = Producer(channel)
        for n in range(20):
            producer.publish({"n": n}, routing_key=name, exchange="")
        channel.basic_qos(0, 20, False)
        with Consumer(channel, [queue], on_message=got.append):
            wait_until(lambda: drained(connection, got, 20), what="all are delivered")
            yield channel, got, recorded(channel), name
    with rabbitmq() as other:
        other.queue_delete(name)


def drained(connection, got, count):
    connection.drain_events(timeout=1)
    return len(got) == count


def recorded(channel):
    frames, send = [], channel.send_method

    def watched(method, *args, **options):
        if method == (60, 80):
            frames.append(args[1])
        return send(method, *args, **options)

    channel.send_method = watched
    return frames


def left(name):
    with rabbitmq() as other:
        return other.queue_declare(name, passive=True).message_count


def test_acknowledgements_of_one_turn_are_one_frame(hub, consuming):
    _, got, frames, _ = consuming
    for message in got[:8]:
        message.ack()
    assert frames == []
    wait_until(lambda: next(hub.loop) or frames, what="the timer sends them")
    assert frames == [(8, True)]


def test_half_of_the_slots_do_not_wait(consuming):
    _, got, frames, _ = consuming
    for message in got[:11]:
        message.ack()
    assert frames == [(10, True)]


def test_what_was_not_acknowledged_comes_again(consuming):
    channel, got, frames, name = consuming
    for message in [*got[:4], *got[5:9], *got[10:19]]:
        message.ack()
    got[9].reject()
    channel.close()
    assert frames[0] == (4, True)
    assert (19, False) in frames
    wait_until(lambda: left(name) == 2, what="the two that nobody took are there again")
