"""Several hosts of RabbitMQ: whichever of them answers, it is spoken to through our transport."""

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from engines import DELAYED, RABBITMQ, Line, broker, has_queue, rabbitmq, waiting
from processes import clone, free_port
from tls_proxy import tls_proxy
from waiting import wait_until

from core import queue, rabbit
from core.house import house
from core.ledger.running import Hint
from core.rabbit_hosts import Connection

HANDLER = """
    import pathlib
    from core import Event, on

    class Numbered(Event, type="numbered"):
        n: int

    @on(Numbered, name="number")
    def number(event: Numbered) -> None:
        with pathlib.Path("ran").open("a") as file:
            file.write(f"{event.n} ")
"""
SERVER = urlsplit(RABBITMQ)


def address(port: int, scheme: str = "amqp", host: str = "127.0.0.1") -> str:
    return SERVER._replace(scheme=scheme, netloc=f"{SERVER.username}:{SERVER.password}@{host}:{port}").geturl()


@contextmanager
def lines(count: int):
    """Give lines to the server that can be cut."""
    with rabbitmq():
        pass
    found = [Line(SERVER.hostname, SERVER.port or 5672) for _ in range(count)]
    try:
        yield found
    finally:
        for line in found:
            line.close()


@pytest.fixture
def made(make_app):
    """A function that makes an application whose broker has these URLs."""
    apps = []

    def make(*urls):
        app = make_app(broker_url=";".join(urls), prefix=prefix)
        apps.append(app)
        return app

    with broker("rabbitmq", "") as (_, prefix):
        yield make
        for app in apps:
            app.extensions["celery"].pool.force_close_all()


def publish(app, count):
    queue.publish(app, house(app).config, [Hint(f"run.{n}", "default", 5) for n in range(count)])


def producers(app):
    """Return the connections that hints are sent through."""
    with app.extensions["celery"].producer_pool.acquire() as producer:
        return producer.connection


def test_a_dead_host_and_one_that_dies(made):
    with lines(2) as (one, two):
        app = made(address(free_port()), address(one.port), address(two.port))
        here = house(app)
        publish(app, 3)
        link = producers(app)
        assert (link.port, type(link.default_channel)) == (one.port, rabbit.Channel)
        one.cut()
        publish(app, 4)
        assert producers(app) is link
        assert (link.port, type(link.default_channel)) == (two.port, rabbit.Channel)
        assert link.default_channel.connection.hints == {f"{here.config.prefix}.default"}
        assert queue.depth(app, here.config, "default") == waiting(f"{here.config.prefix}.default") == 7
        with app.extensions["celery"].connection_for_read() as reader:
            reader.ensure_connection()
            assert (reader.port, type(reader.channel())) == (two.port, rabbit.Channel)
            assert reader.as_uri().startswith(f"amqp://{SERVER.username}:**@127.0.0.1:{two.port}/")


def test_a_host_that_says_nothing_does_not_stand_in_the_way(made):
    with lines(1) as (line,), socket.create_server(("127.0.0.1", 0)) as silent:
        app = made(address(silent.getsockname()[1]), address(line.port))
        app.extensions["celery"].conf.broker_connection_timeout = 0.3
        publish(app, 2)
        app.extensions["celery"].send_task("any", queue=f"{house(app).config.prefix}.default", mandatory=True)
        assert waiting(f"{house(app).config.prefix}.default") == 3


def test_each_host_is_tried_as_often_as_one_alone_would_be():
    dead, tried = [free_port() for _ in range(3)], []
    with Connection(";".join(address(port) for port in dead)) as connection:
        with pytest.raises(ConnectionRefusedError):
            connection._ensure_connection(
                lambda *_: tried.append(connection.port), 1, 0, 0, 0, reraise_as_library_errors=False
            )
        assert [*tried, connection.port] == dead * 2


def test_a_host_without_a_port_does_not_get_that_of_another():
    with Connection("amqp://one:1/shop;amqps://two") as connection:
        connection.maybe_switch_next()
        assert (connection.hostname, connection.port, connection.virtual_host) == ("two", None, "/")
        assert type(connection.transport) is rabbit.SSLTransport
        assert connection.info()["port"] == 5671


def test_each_host_has_to_show_a_certificate_of_its_own(made, authority):
    ca, certificate, key = authority
    with rabbitmq(), tls_proxy((SERVER.hostname, SERVER.port or 5672), certificate, key) as port:
        app = made(address(free_port(), "amqps"), address(port, "amqps", "localhost"))
        app.extensions["celery"].conf.broker_use_ssl |= {"ca_certs": str(ca)}
        publish(app, 2)
        with app.extensions["celery"].connection_for_write() as link:
            for _ in range(2):  # the second time it begins with the name that kombu replaces by an address
                link.ensure_connection()
                assert link.hostname == "localhost"
                link.collect()


@pytest.mark.processes
def test_web_and_worker_follow_from_host_to_host(tmp_path):
    with (
        lines(2) as (one, two),
        broker("rabbitmq", "") as (_, prefix),
        clone(tmp_path, handlers__subject=HANDLER) as house,
    ):
        house.environment |= {"CARILLON_PREFIX": prefix}
        house.environment |= {"CELERY_BROKER_URL": f"{address(one.port)};{address(two.port)}"}
        one.cut()
        for name in ("web", "worker", "beat"):
            house.start(name)
        house.ready()
        emit(house, range(20))
        one.mend()
        two.cut()
        emit(house, range(20, 40))
        wait_until(lambda: ran(house) == list(range(40)), timeout=20, what="all ran, each once")
        assert "delayed delivery" not in house.log("worker")  # Celery would wait for the dead host before it works
        with rabbitmq() as channel:
            assert has_queue(channel, DELAYED[0])


def emit(house, numbers):
    for n in numbers:
        assert house.request("POST", "/api/v1/events", {"type": "numbered", "data": {"n": n}})[0] == 202
    wait_until(lambda: set(numbers) <= set(ran(house)), timeout=20, what="they ran")


def ran(house):
    file = house.folder / "ran"
    return sorted(int(n) for n in file.read_text().split()) if file.exists() else []
