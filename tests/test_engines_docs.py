"""docs/engines.md: each engine's block makes an application that keeps hints and results there."""

import re
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from celery.backends.database import DatabaseBackend
from celery.backends.redis import RedisBackend
from engines import backend, broker
from processes import REPOSITORY

from core import queue
from core.app import create_app
from core.config import Config
from core.house import house
from core.ledger.running import Hint

DOCS = (REPOSITORY / "docs/engines.md").read_text()
BLOCKS = dict(re.findall(r"<!-- engine: (\w+) -->\n```sh\n(.*?)```", DOCS, re.DOTALL))
WRITTEN = {
    "redis": "redis://127.0.0.1:6379/0",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
    "postgres": "db+postgresql+psycopg://postgres@127.0.0.1:5432/test",
    "sqlite": "db+sqlite:////var/tmp/carillon-results.db",
}


def test_every_engine_has_its_block():
    assert set(BLOCKS) == {*WRITTEN, "tls", "sentinel"}
    assert DOCS.count("\nexport ") == len(BLOCKS) + 1
    for lock in re.findall(r"requirements-\w+\.txt", DOCS):
        assert (REPOSITORY / lock).exists(), lock


@pytest.mark.parametrize("engine", ["tls", "sentinel"])
def test_its_block_is_understood(tmp_path, engine):
    """tests/test_engines_redis.py connects to such servers; their addresses here are nobody's."""
    (tmp_path / "our-ca.pem").touch()
    block = BLOCKS[engine].replace("/etc/ssl", str(tmp_path))
    environ = {"SECRET_KEY": "key", "API_TOKEN": "token"} | dict(
        re.findall(r"^export (\w+)=(\S+)", block, re.MULTILINE)
    )
    config = Config.from_env(environ, data=tmp_path)
    if engine == "tls":
        assert parse_qs(urlsplit(config.broker_url).query)["ssl_ca_certs"] == [f"{tmp_path}/our-ca.pem"]
    else:
        assert (config.broker_service, config.broker_url.count("sentinel://")) == ("service", 2)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
@pytest.mark.parametrize("engine", WRITTEN)
def test_its_block_works(server_url, tmp_path, package, engine):
    assert WRITTEN[engine] in BLOCKS[engine]
    name = engine if engine == "rabbitmq" else "redis"
    kind = engine if engine in ("postgres", "sqlite") else "redis"
    with broker(name, server_url) as (broker_url, prefix), backend(kind, server_url, tmp_path) as backend_url:
        here = {"redis": server_url, "rabbitmq": broker_url}.get(engine, backend_url)
        block = BLOCKS[engine].replace(WRITTEN[engine], here)
        environ = {"REDIS_URL": server_url, "CARILLON_PREFIX": prefix, "SECRET_KEY": "key", "API_TOKEN": "token"}
        environ |= dict(re.findall(r"^export (\w+)=(\S+)$", block, re.MULTILINE))
        app = create_app(Config.from_env(environ, data=tmp_path), packages=(package(subject=""),))
        conf, celery, task = house(app).config, app.extensions["celery"], uuid.uuid4().hex
        queue.publish(app, conf, [Hint("run.0", "default", 5)])
        assert queue.depth(app, conf, "default") == 1
        celery.backend.store_result(task, {"sum": 3}, "SUCCESS")
        answer = app.test_client().get(f"/api/v1/tasks/{task}", headers={"Authorization": "Bearer token"})
        assert (answer.json["state"], answer.json["value"]) == ("SUCCESS", {"sum": 3})
        assert isinstance(celery.backend, DatabaseBackend if kind != "redis" else RedisBackend)
        if engine == "rabbitmq":
            celery.pool.force_close_all()
        house(app).close()
