"""Brokers and result backends without processes: what is refused at boot, and what RabbitMQ is asked."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import amqp
import pytest
from celery.signals import before_task_publish
from engines import RABBITMQ, broker, has_queue, rabbitmq, waiting
from kombu.exceptions import OperationalError
from processes import REPOSITORY, Clone

from core import emit, queue
from core.engines import check
from core.errors import ConfigError
from core.house import house
from core.ledger.running import Hint
from core.rabbit import Channel, Unconfirmed
from core.testing import config

REFUSED = {
    "broker": ({"broker_url": "kafka://:secret@host"}, "CELERY_BROKER_URL begins with 'kafka'; it must be an amqp://"),
    "second broker": ({"broker_url": "amqp://a;zmq://b"}, "CELERY_BROKER_URL begins with 'zmq'"),
    "two kinds": (
        {"broker_url": "amqp://a;redis://b"},
        "CELERY_BROKER_URL names hosts of several kinds (amqp, redis); all must be of one.",
    ),
    "no scheme": ({"broker_url": "rabbit.example.org"}, "CELERY_BROKER_URL begins with ''"),
    "backend": (
        {"result_backend": "mongodb://host"},
        "CELERY_RESULT_BACKEND begins with 'mongodb'; it must be a redis",
    ),
    "database": (
        {"result_backend": "db+postgres://host/db"},
        "begins with 'db+postgres', which SQLAlchemy does not know",
    ),
    "no URL": ({"result_backend": "db+sqlite:// nonsense:x"}, "is not a URL that SQLAlchemy understands"),
}
MISSING = {
    "amqp": (
        {"broker_url": RABBITMQ},
        "amqp is not installed.",
        "requirements-rabbitmq.txt (the extra carillon[rabbitmq])",
    ),
    "sqlalchemy": (
        {"result_backend": "db+postgresql+psycopg://host/db"},
        "sqlalchemy is not installed.",
        "requirements-postgres.txt (the extra carillon[postgres])",
    ),
    "psycopg": (
        {"result_backend": "db+postgresql+psycopg://host/db"},
        "its driver is missing (import of psycopg halted",
        "requirements-postgres.txt (the extra carillon[postgres])",
    ),
    "MySQLdb": ({"result_backend": "db+mysql://host/db"}, "its driver is missing", "Install it with pip."),
}


HEARS = """
    from core import Event, on

    class Told(Event, type="told"):
        pass

    @on(Told)
    def hear(event: Told) -> None: ...
"""


def refused(**changes):
    with pytest.raises(ConfigError) as caught:
        check(config("redis://host", **changes))
    [problem] = caught.value.problems
    assert "secret" not in problem
    return problem


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_boot(case):
    changes, words = REFUSED[case]
    assert words in refused(**changes)


@pytest.mark.parametrize("module", MISSING)
def test_a_missing_driver_is_one_sentence(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    changes, words, advice = MISSING[module]
    problem = refused(**changes)
    assert words in problem
    assert advice in problem


def test_what_is_refused_ends_the_process(tmp_path):
    clone = Clone(tmp_path, "redis://127.0.0.1:1")
    environment = clone.environment | {"CELERY_BROKER_URL": "kafka://host", "CELERY_RESULT_BACKEND": "mongodb://host"}
    done = subprocess.run(
        [sys.executable, "-c", "import core.main"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n  - CELERY_") == 2
    assert "Traceback" not in done.stderr


@pytest.fixture
def rabbit_app(make_app):
    with broker("rabbitmq", "") as (url, prefix):
        app = make_app("from core import *\n@task(queue='slow')\ndef f(): ...", broker_url=url, prefix=prefix)
        app.extensions["celery"].set_default()
        yield app
        app.extensions["celery"].pool.force_close_all()


def hints(count):
    return [Hint(f"run.{n}", "default", 5) for n in range(count)]


def test_hints_are_confirmed_in_quorum_queues(rabbit_app):
    conf = house(rabbit_app).config
    queue.publish(rabbit_app, conf, hints(300))
    assert queue.depth(rabbit_app, conf, "default") == waiting(f"{conf.prefix}.default") == 300
    with rabbitmq() as channel, pytest.raises(amqp.PreconditionFailed, match="quorum"):
        channel.queue_declare(f"{conf.prefix}.default", durable=True, auto_delete=False)
    assert queue.depth(rabbit_app, conf, "nowhere") == 0


def test_a_queue_that_was_deleted_is_declared_again(rabbit_app):
    conf = house(rabbit_app).config
    queue.publish(rabbit_app, conf, hints(3))
    with rabbitmq() as channel:
        assert channel.queue_delete(f"{conf.prefix}.default") == 3
        assert not has_queue(channel, f"{conf.prefix}.default")
    queue.publish(rabbit_app, conf, hints(5))
    assert waiting(f"{conf.prefix}.default") == 5


def test_what_no_queue_takes_is_an_error(rabbit_app):
    with (
        rabbit_app.extensions["celery"].producer_pool.acquire() as producer,
        pytest.raises(Unconfirmed, match="nobody"),
    ):
        producer.publish({}, exchange="", routing_key="nobody", mandatory=True)


def test_queues_of_hints_share_the_slots(rabbit_app):
    here = house(rabbit_app)
    names = [f"{here.config.prefix}.{name}" for name in ("default", "slow")]
    queue.publish(rabbit_app, here.config, [Hint(f"{n}", q, 5) for n in range(20) for q in ("default", "slow")])
    got = []
    with here.celery.connection_for_read() as connection:
        channel = connection.channel()
        assert isinstance(channel, Channel)
        channel.basic_qos(0, 8, False)
        for name in names:
            channel.basic_consume(name, callback=got.append)
        with suppress(TimeoutError):
            while True:
                connection.drain_events(timeout=0.5)
    assert len(got) == 8


def test_an_answer_is_not_awaited_for_ever(rabbit_app, monkeypatch):
    monkeypatch.setattr("core.rabbit.PATIENCE", 0.2)
    monkeypatch.setattr("amqp.Channel._on_basic_ack", lambda *_: None)
    begun = time.monotonic()
    with (
        rabbit_app.extensions["celery"].producer_pool.acquire() as producer,
        pytest.raises(amqp.RecoverableConnectionError),
    ):
        producer.publish({}, exchange="", routing_key="nobody")
    assert time.monotonic() - begun < 2


def test_a_broker_that_is_away_is_told_soon(make_app):
    app = make_app(broker_url="amqp://127.0.0.1:1")
    begun = time.monotonic()
    with pytest.raises(OperationalError):
        app.extensions["celery"].send_task("any")
    with pytest.raises(ConnectionRefusedError):
        queue.depth(app, house(app).config, "default")
    assert time.monotonic() - begun < 5


def test_the_locks_of_the_extras_are_there():
    for extra, driver in (("rabbitmq", "amqp"), ("postgres", "psycopg")):
        assert f"\n{driver}==" in (REPOSITORY / f"requirements-{extra}.txt").read_text()


def test_an_option_of_ones_own_does_not_undo_ours(make_app, monkeypatch):
    monkeypatch.setenv("FLASK_CELERY__broker_transport_options__global_keyprefix", "shop:")
    monkeypatch.setenv("FLASK_CELERY__broker_transport_options__socket_timeout", "9")
    app = make_app()
    options = app.extensions["celery"].conf.broker_transport_options
    assert (options["global_keyprefix"], options["socket_timeout"]) == ("shop:", 9)
    assert options["hints"] == [f"{house(app).config.prefix}.default"]
    queue.publish(app, house(app).config, hints(2))
    assert queue.depth(app, house(app).config, "default") == 2


@pytest.mark.parametrize("kind", ["dead", "silent"])
def test_no_emitter_waits_for_rabbitmq(make_app, monkeypatch, kind):
    """Only the publisher's thread speaks to it, so an event is accepted whatever RabbitMQ does, or does not."""
    monkeypatch.setattr("core.rabbit_publisher.HOLD", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if kind == "dead":
            listener.shutdown(socket.SHUT_RDWR)
        app = make_app(HEARS, broker_url=f"amqp://127.0.0.1:{listener.getsockname()[1]}")
        app.extensions["celery"].conf.broker_connection_timeout = 0.5
        speaking, times = set(), []

        def told(**_):
            speaking.add(threading.current_thread().name)

        before_task_publish.connect(told)
        try:
            with app.app_context():
                for _ in range(100):
                    begun = time.perf_counter()
                    emit(house(app).catalog.event("told", {}))
                    times.append(time.perf_counter() - begun)
            assert len(house(app).publisher._items) >= 90  # they wait, and nobody with them
            assert sorted(times)[98] <= 0.3
            assert house(app).publisher.flush(20)
        finally:
            before_task_publish.disconnect(told)
        assert speaking == {"carillon-publisher"}
