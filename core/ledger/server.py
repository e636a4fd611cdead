"""Can this Redis server keep the ledger? Asked once, before anything is written to it."""

from collections.abc import Mapping
from typing import Any, cast

import redis

from core.errors import CoreError, LedgerUnavailable, ServerRefused

OLDEST = (7, 0)
CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
WAITAOF = (7, 2)  # the first Redis that tells when a write is on its disk


def check(client: redis.Redis, wanted: str = "") -> list[str]:
    """Refuse a server that would lose or garble the ledger; return warnings about one that could do better.

    *wanted* is the durability that is demanded: memory, everysec, fsync, or '' for what the server gives.

    Raises:
        ServerRefused: it is too old, it may evict what it holds, it is less durable than demanded, or it does not
            let us in.
        LedgerUnavailable: it did not answer.
    """
    where = address(client)
    try:
        client.ping()
        info = {**_info(client, "server"), **_info(client, "memory"), **_info(client, "persistence")}
    except redis.RedisError as error:
        kind, what = _failure(error)
        raise kind(
            f"The Redis server at {where} {what} ({_reason(error)}). Check REDIS_URL and the server, then try again."
        ) from error
    refuse(info, where)
    if wanted in ("everysec", "fsync"):
        demand(info, wanted, where)
    return [] if wanted == "memory" else warnings(info, snapshots=setting(client, "save") != "")


def durability(client: redis.Redis) -> str:
    """Return what an acceptance survives: ``memory`` no crash of the server, ``everysec`` one, ``fsync`` a power cut.

    Where the server does not say, the lesser level is named.
    """
    try:
        if not int(_info(client, "persistence").get("aof_enabled", 0)):
            return "memory"
    except redis.RedisError:
        return "memory"
    return "fsync" if setting(client, "appendfsync") == "always" else "everysec"


def refuse(info: Mapping[str, Any], where: str) -> None:
    """Raise ServerRefused where *info*, the server's INFO, describes one that cannot keep the ledger."""
    if found := too_old(info):
        raise ServerRefused(
            f"The server at {where} is {found}; the ledger's scripts need Redis 7.0 or Valkey 7.2. "
            "Upgrade it, or leave REDIS_URL empty and make run starts its own."
        )
    policy = str(info.get("maxmemory_policy") or "noeviction")
    if policy != "noeviction":
        raise ServerRefused(
            f"The server at {where} has maxmemory-policy {policy}: short of memory, it throws accepted work away. "
            "It must be noeviction. Try: CONFIG SET maxmemory-policy noeviction"
        )


def too_old(info: Mapping[str, Any]) -> str:
    """Return name and version of the server of *info* where it is older than what works, or ''."""
    name = "Valkey" if info.get("valkey_version") else "Redis"
    found = str(info.get("valkey_version") or info.get("redis_version") or "unknown")
    return f"{name} {found}" if version(found) < OLDEST else ""


def demand(info: Mapping[str, Any], wanted: str, where: str) -> None:
    """Raise ServerRefused where the server of *info* cannot give the durability *wanted*."""
    if not int(info.get("aof_enabled", 0)):
        raise ServerRefused(
            f"DURABILITY is {wanted}, and the server at {where} keeps no AOF. Set appendonly yes there, "
            "or DURABILITY=memory if what was accepted may be lost with the server."
        )
    if wanted == "fsync" and not info.get("valkey_version") and version(info["redis_version"]) < WAITAOF:
        raise ServerRefused(
            f"DURABILITY is fsync, and the server at {where} is Redis {info['redis_version']}, which cannot say when "
            "a write is on its disk. Upgrade it to Redis 7.2 or Valkey, or set appendfsync always there and leave "
            "DURABILITY empty."
        )


def warnings(info: Mapping[str, Any], *, snapshots: bool) -> list[str]:
    """Return a sentence for each thing that weakens what *info* describes."""
    found = []
    if not int(info.get("aof_enabled", 0)):
        rest = "restarts from its last snapshot" if snapshots else "restarts empty"
        found.append(
            f'The Redis server keeps no AOF: durability is "memory", and after a crash it {rest}. '
            "Set appendonly yes to keep what was accepted."
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        found.append("The Redis server could not write its AOF; look at its log and its disk.")
    return found


def version(text: str) -> tuple[int, int]:
    """Return major and minor of a version such as ``7.2.4``; ``(0, 0)`` where there is none."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor) if minor.isdecimal() else 0) if major.isdecimal() else (0, 0)


def address(client: redis.Redis) -> str:
    """Return where *client* connects to, without a password."""
    pool = client.connection_pool
    if service := getattr(pool, "service_name", ""):
        return f"the primary of {service}"
    options = pool.connection_kwargs
    if path := options.get("path"):
        return f"unix://{path}"
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


def setting(client: redis.Redis, name: str) -> str | None:
    """Return a setting of the server; None where CONFIG is closed, as managed servers do."""
    try:
        return cast("dict[str, str]", client.config_get(name)).get(name, "")
    except redis.RedisError:
        return None


def _info(client: redis.Redis, section: str) -> dict[str, Any]:
    return client.info(section)


def _failure(error: redis.RedisError) -> tuple[type[CoreError], str]:
    """Tell a server that may be there in a moment from one that will not have us, however often we ask."""
    passes = isinstance(error, redis.ConnectionError | redis.TimeoutError)
    refuses = isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError)
    if passes and not refuses and CERTIFICATE not in str(error):
        return LedgerUnavailable, "did not answer"
    return ServerRefused, "cannot be used"


def _reason(error: redis.RedisError) -> str:
    text = str(error).rstrip(".") or type(error).__name__
    if CERTIFICATE not in text:
        return text
    return "its certificate is not signed by a CA we know; name it in REDIS_CA_FILE, or set REDIS_TLS_VERIFY=no"
