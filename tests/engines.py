"""Servers of other engines for tests: RabbitMQ and PostgreSQL where they run, and a way to cut the line to them."""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import amqp
import psycopg
import pytest

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")
Through = Callable[[bytes], bytes]
DELAYED = [f"celery_delayed_{level}" for level in range(28)]


def missing(what: str) -> None:
    """Skip a test whose server is not there; on a build machine fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} does not answer, and on a build machine it must")
    pytest.skip(f"{what} does not answer")


@contextmanager
def rabbitmq() -> Iterator[amqp.Channel]:
    """Give a channel to the server."""
    where = urlsplit(RABBITMQ)
    try:
        link = amqp.Connection(
            f"{where.hostname}:{where.port or 5672}", where.username, where.password, connect_timeout=3
        )
        link.connect()
    except OSError:
        missing(f"RabbitMQ at {where.hostname}:{where.port}")
    with link:
        yield link.channel()


@contextmanager
def broker(name: str, url: str) -> Iterator[tuple[str, str]]:
    """Give a broker's URL and a prefix of the test's own; all that bears the prefix is deleted afterwards."""
    prefix = f"t{uuid.uuid4().hex[:10]}"
    if name == "redis":
        yield url, prefix
        return
    with rabbitmq() as channel:
        foreign = has_queue(channel, DELAYED[0])
    try:
        yield RABBITMQ, prefix
    finally:
        with rabbitmq() as channel:
            for queue in [f"{prefix}.{one}" for one in ("default", "slow", "io", "celery")] + DELAYED * (not foreign):
                channel.queue_delete(queue)
            for exchange in [f"{prefix}.work", *([*DELAYED, "celery_delayed_delivery"] * (not foreign))]:
                channel.exchange_delete(exchange)


def has_queue(channel: amqp.Channel, name: str) -> bool:
    try:
        channel.queue_declare(name, passive=True)
    except amqp.NotFound:
        return False
    return True


def waiting(queue: str) -> int:
    """Return how many messages of *queue* RabbitMQ has handed to nobody."""
    with rabbitmq() as channel:
        found: int = channel.queue_declare(queue, passive=True).message_count
    return found


@contextmanager
def backend(name: str, url: str, folder: os.PathLike[str]) -> Iterator[str]:
    """Give a result backend's URL: Redis at *url*, a file in *folder*, or a schema of the test's own."""
    if name == "redis":
        yield url
    elif name == "sqlite":
        yield f"db+sqlite:///{folder}/results.db"
    else:
        with schema() as found:
            yield found


@contextmanager
def schema() -> Iterator[str]:
    """Make a schema in PostgreSQL; gives the URL of a result backend that lives in it."""
    name = f"t{uuid.uuid4().hex[:10]}"
    try:
        link = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        missing(f"PostgreSQL at {urlsplit(POSTGRES).hostname}:{urlsplit(POSTGRES).port}")
    with link:
        link.execute(f'CREATE SCHEMA "{name}"')
        try:
            yield f"db+{POSTGRES.replace('postgresql', 'postgresql+psycopg', 1)}?options=-csearch_path%3D{name}"
        finally:
            link.execute(f'DROP SCHEMA "{name}" CASCADE')


class Line:
    """A TCP line to a server that a test can cut and mend.

    For each connection *through* makes two functions: what the client says and what the server says goes through them.
    """

    def __init__(self, host: str, port: int, through: Callable[[], tuple[Through, Through]] = lambda: (bytes, bytes)):
        self.target = (host, port)
        self.through = through
        self.ends: set[socket.socket] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.whole = True
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def cut(self) -> None:
        """Break every connection; new ones are closed as they come."""
        self.whole = False
        for end in list(self.ends):
            _hang_up(end)

    def mend(self) -> None:
        self.whole = True

    def close(self) -> None:
        self.cut()
        _hang_up(self.listener)
        for thread in self.threads:
            thread.join(5)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._connect, args=(here,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def _connect(self, here: socket.socket) -> None:
        with here, socket.create_connection(self.target) as there:
            if not self.whole:
                return
            self.ends |= {here, there}
            asks, answers = self.through()
            back = threading.Thread(target=_carry, args=(there, here, answers), daemon=True)
            back.start()
            _carry(here, there, asks)
            back.join()
            self.ends -= {here, there}


def _carry(source: socket.socket, sink: socket.socket, through: Through) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(through(data))
    _hang_up(source)
    _hang_up(sink)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
