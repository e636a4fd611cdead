"""Clients of the ledger's server, whichever way its URL leads there; each waits no longer than it is told."""

from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from core.sentinel import Sentinels, sentinels

MOST_CONNECTIONS = 32  # of one event loop; who finds none free waits for one


def client(url: str, patience: float, *, tries: int = 1) -> redis.Redis:
    """Return a client for threads. *patience* is in seconds.

    A command is sent again *tries* times where the connection was lost, and not where the answer did not come in time.
    """
    retry = Retry(NoBackoff(), tries, supported_errors=(redis.ConnectionError,))
    if found := sentinels(url):
        asked = Sentinel(found.hosts, sentinel_kwargs=_patience(patience))  # type: ignore[no-untyped-call]
        settings = _login(found) | _settings(url, patience)
        master: redis.Redis = asked.master_for(found.service, **settings, retry=retry)  # type: ignore[no-untyped-call]
        return master
    return redis.Redis.from_url(url, **_settings(url, patience), retry=retry)


def async_client(url: str, patience: float) -> redis.asyncio.Redis:
    """Return a client for the process's event loop."""
    retry = redis.asyncio.retry.Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    if found := sentinels(url):
        settings = _login(found) | _settings(url, patience)
        hosts, waits = found.hosts, _patience(patience)
        asked_async = redis.asyncio.sentinel.Sentinel(hosts, sentinel_kwargs=waits)  # type: ignore[no-untyped-call]
        primary: redis.asyncio.Redis = asked_async.master_for(found.service, **settings, retry=retry)
        return primary
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, **_settings(url, patience), retry=retry, max_connections=MOST_CONNECTIONS, timeout=patience
    )
    return redis.asyncio.Redis.from_pool(pool)


def _login(found: Sentinels) -> dict[str, Any]:
    return {"db": found.db, "username": found.username, "password": found.password}


def _patience(seconds: float) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


def _settings(url: str, patience: float) -> dict[str, Any]:
    # No health checks: a dead connection is found by its command, which is sent again. A check that fails doubles
    # the time until we know, and on a Unix socket redis-py's async client then connects anew without end.
    settings = _patience(patience) | {"protocol": 2}
    return settings if url.startswith("unix:") else settings | {"socket_keepalive": True}
