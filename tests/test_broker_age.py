"""A broker of its own beside the ledger: one that is too old is refused in a sentence, one that is not is used."""

import pytest
import redis
from engines import Line
from processes import clone
from waiting import wait_until

from benchmarks.chaos.servers import Server

pytestmark = pytest.mark.processes

HANDLER = """
    from core import Event, on

    @on("told.*")
    def told(event: Event) -> dict:
        return event.data
"""


def aged(answer: bytes) -> bytes:
    """Return an answer of Valkey as Redis 6 would give it."""
    return answer.replace(b"valkey_version:", b"another_server:").replace(b"\nredis_version:7.", b"\nredis_version:6.")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "broker").mkdir()
    server = Server(tmp_path / "broker")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def house(tmp_path):
    (tmp_path / "house").mkdir()
    with clone(tmp_path / "house", handlers__told=HANDLER) as house:
        yield house


def test_an_old_one_is_refused(server, house):
    line = Line("127.0.0.1", server.port, lambda: (bytes, aged))
    try:
        with redis.Redis(port=line.port) as client:
            found = client.info("server")["redis_version"]
        house.environment["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{line.port}/0"
        assert house.start("worker").wait(30) == 1
    finally:
        line.close()
    house.processes.clear()
    said = (
        f"The worker cannot start. The broker at 127.0.0.1:{line.port} is Redis {found}; hints are taken from Redis 7.0"
    )
    assert found.startswith("6.")
    assert house.log("worker").count(said) == 1
    assert "Traceback" not in house.log("worker")


def test_a_newer_one_works_and_may_say_nothing_of_its_age(server, house):
    server.client.execute_command("ACL SETUSER", "shy", "on", "nopass", "~*", "&*", "+@all", "-info")
    house.environment["CELERY_BROKER_URL"] = f"redis://shy:any@127.0.0.1:{server.port}/0"
    for name in ("web", "worker", "beat"):
        house.start(name)
    house.ready()
    assert house.request("POST", "/api/v1/events", {"type": "told.it", "data": {"n": 1}})[0] == 202
    wait_until(lambda: house.runs("&state=succeeded"), timeout=20, what="the run succeeded")
