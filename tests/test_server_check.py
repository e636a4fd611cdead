"""Which Redis servers may keep the ledger."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core import embedded
from core.errors import LedgerUnavailable, ServerRefused
from core.ledger.server import check, durability, refuse, version


@pytest.fixture
def server(tmp_path):
    with embedded.running(tmp_path, 64 << 20) as url, redis.Redis.from_url(url) as client:
        yield client


def test_the_embedded_server_is_as_wanted(server):
    assert check(server) == []


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_evicts_is_refused(server, policy):
    server.config_set("maxmemory-policy", policy)
    with pytest.raises(ServerRefused, match=f"maxmemory-policy {policy}.*must be noeviction"):
        check(server)


def test_a_server_without_aof_is_warned_about(server):
    server.config_set("appendonly", "no")
    assert "restarts empty" in check(server)[0]
    server.config_set("save", "60 1")
    assert "restarts from its last snapshot" in check(server)[0]


def test_a_server_that_closed_config_is_checked_all_the_same(server):
    server.acl_setuser("default", enabled=True, nopass=True, commands=["-config"], keys=["*"])
    assert check(server) == []
    assert durability(server) == "everysec"


def test_durability_is_named_as_the_server_is_set(server):
    assert durability(server) == "everysec"
    server.config_set("appendfsync", "always")
    assert durability(server) == "fsync"
    server.config_set("appendonly", "no")
    assert durability(server) == "memory"


def test_nobody_there_is_said_without_the_password():
    url = "redis://someone:hidden@127.0.0.1:1/0"
    with (
        redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(LedgerUnavailable, match=r"127\.0\.0\.1:1 did not answer") as found,
    ):
        check(client)
    assert "hidden" not in str(found.value)


@pytest.mark.parametrize("old", ["2.8.24", "6.2.14", "6.9", "unknown", ""])
def test_an_old_server_is_refused(old):
    with pytest.raises(ServerRefused, match=r"need Redis 7\.0"):
        refuse({"redis_version": old}, "localhost:6379")


@pytest.mark.parametrize("info", [{"redis_version": "7.0.0"}, {"redis_version": "7.2.4", "valkey_version": "8.1.0"}])
def test_a_server_of_today_is_fine(info):
    refuse(info, "localhost:6379")


def test_versions_are_numbers():
    assert version("10.0.1") > version("7.2") > version("7.0.15")
