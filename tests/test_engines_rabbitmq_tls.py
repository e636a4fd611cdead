"""``amqps://``: the certificate and its name are verified, and a CA of one's own is named in a setting."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from engines import RABBITMQ, broker, rabbitmq
from processes import clone
from tls_proxy import tls_proxy
from waiting import wait_until

pytestmark = pytest.mark.processes

HANDLER = """
    from core import Event, on

    @on("told.*")
    async def told(event: Event) -> dict:
        return event.data
"""


@pytest.fixture
def house(tmp_path, authority):
    """A clone whose RabbitMQ is behind TLS, as the host that its ``name`` says."""
    _, certificate, key = authority
    where = urlsplit(RABBITMQ)
    with rabbitmq():
        pass
    (tmp_path / "house").mkdir()
    with (
        tls_proxy((where.hostname, where.port or 5672), certificate, key) as port,
        broker("rabbitmq", "") as (_, prefix),
        clone(tmp_path / "house", handlers__told=HANDLER) as house,
    ):
        house.environment["CARILLON_PREFIX"] = prefix
        house.broker = where._replace(scheme="amqps", netloc=f"{where.username}:{where.password}@%s:{port}").geturl()
        yield house


def run_with(house, host: str, ca: Path | None):
    house.environment["CELERY_BROKER_URL"] = house.broker % host
    if ca:
        house.environment["FLASK_CELERY__broker_use_ssl__ca_certs"] = str(ca)
    for name in ("web", "worker"):
        house.start(name)


def test_a_ca_of_ones_own(house, authority):
    run_with(house, "localhost", authority[0])
    wait_until(lambda: answer(house) == 202, timeout=30, what="web answers")
    wait_until(lambda: house.runs("&state=succeeded"), timeout=30, what="the run succeeded")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["unknown-ca", "other-name"])
def test_refused(house, authority, host):
    run_with(house, host, authority[0] if host == "127.0.0.1" else None)
    wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in house.log("worker"), timeout=30, what="the worker refuses it")


def answer(house) -> int:
    try:
        return house.request("POST", "/api/v1/events", {"type": "told.it", "data": {"n": 1}})[0]
    except OSError:
        return 0
