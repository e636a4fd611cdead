"""The engines that can stand behind Celery: which URLs are understood, their drivers, and their settings."""

import importlib
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from core.config import Config, celery_url, service
from core.errors import ConfigError

PRIORITIES = 10
REDIS = ("redis", "rediss", "redis+socket", "sentinel")
RABBITMQ = ("amqp", "amqps")
EXPIRE_AFTER = 86_400  # seconds that results are kept; Celery's own default
BACKENDS = {"db": "core.database_results:Backend"}
INSTALL = "pip install --require-hashes -r requirements-{0}.txt (the extra carillon[{0}])"


def check(config: Config) -> None:
    """Refuse a broker or result backend that cannot be spoken to: an unknown scheme, or a driver that is missing.

    Raises:
        ConfigError: naming every problem found.
    """
    problems = [*_broker_problems(config.broker_url), _backend_problem(config)]
    if found := [problem for problem in dict.fromkeys(problems) if problem]:
        raise ConfigError(found)


def is_rabbitmq(config: Config) -> bool:
    return scheme(config.broker_url) in RABBITMQ


def is_beside_ledger(config: Config, broker_url: object) -> bool:
    """Tell whether a broker's queues are in the very database that keeps the ledger, as far as the URLs show it."""
    ledger = celery_url(config.redis_url)
    if is_rabbitmq(config) or not isinstance(broker_url, str) or service(config.redis_url) != config.broker_service:
        return False
    return _database(ledger) == _database(broker_url) != ""


def is_database(config: Config) -> bool:
    return scheme(config.result_backend).startswith("db+")


def scheme(url: str) -> str:
    """Return the scheme of *url*, and nothing of its password."""
    return urlsplit(url).scheme if "://" in url else ""


def settings(config: Config, hints: Sequence[str], light: Sequence[str] = ()) -> dict[str, Any]:
    """Return Celery's settings for the configured engines.

    *hints* are the broker's names of the queues of hints, *light* of those for which a worker always needs no thread.
    """
    broker = _rabbitmq(config, hints) if is_rabbitmq(config) else _redis(config, hints, light)
    return broker | _backend(config)


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings *ours* with *theirs* on top; of options that both have, each by itself."""
    both = [name for name in ours.keys() & theirs.keys() if isinstance(ours[name], dict)]
    return {**ours, **theirs, **{name: {**ours[name], **theirs[name]} for name in both}}


def tls(wanted: object) -> dict[str, Any]:
    """Return how ``amqps://`` is secured: the certificate is verified unless *wanted*, a mapping, says otherwise."""
    return {"cert_reqs": ssl.CERT_REQUIRED} | (dict(wanted) if isinstance(wanted, Mapping) else {})


def queue_arguments(config: Config) -> dict[str, str] | None:
    """Return what a queue is declared with: on RabbitMQ it is replicated and survives a broker's restart."""
    return {"x-queue-type": "quorum"} if is_rabbitmq(config) else None


def queue_name(config: Config, queue: str) -> str:
    """Return the broker's name of a queue: the prefix keeps two applications on one broker apart."""
    return f"{config.prefix}.{queue}"


def priority(config: Config, wanted: int) -> int:
    """Return the broker's number for a priority from 0 to 9: on Redis the lowest goes first."""
    return wanted if is_rabbitmq(config) else PRIORITIES - 1 - wanted


def _database(url: str) -> object:
    """Return what tells one Redis database from another; '' where Celery and redis-py may read the URL differently."""
    parts = urlsplit(url)
    if ";" in url or parts.scheme == "sentinel":
        return url
    if parts.scheme == "redis+socket":
        return parts.path, parts.username, parts.query
    if parts.scheme not in REDIS or "db=" in parts.query:
        return ""
    return parts.scheme, parts.username, parts.hostname, parts.port or 6379, parts.path.strip("/") or "0"


def _rabbitmq(config: Config, hints: Sequence[str]) -> dict[str, Any]:
    # A failed connection is reported soon: who publishes or looks into a queue decides whether to try again.
    patience = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
    return {
        "broker_heartbeat": 20,
        "worker_consumer": "core.rabbit_consumer:Consumer",
        "broker_transport_options": {"confirm_publish": True, "hints": list(hints)} | patience,
        "task_default_exchange": f"{config.prefix}.work",
        "task_default_exchange_type": "topic",  # Celery delays plain tasks by topic
        "task_default_queue_type": "quorum",
        "task_create_missing_queue_type": "quorum",
        "task_create_missing_queue_exchange_type": "topic",
    }


def _redis(config: Config, hints: Sequence[str], light: Sequence[str]) -> dict[str, Any]:
    # Redis answers a waiting worker each second: one that is silent for longer than a health check's interval is gone.
    options = {"socket_timeout": 3, "health_check_interval": 2, "hints": list(hints), "light": list(light)}
    steps = {"queue_order_strategy": "priority", "priority_steps": list(range(PRIORITIES))}
    keepalive = {} if "socket://" in config.broker_url else {"socket_connect_timeout": 2, "socket_keepalive": True}
    primary = {"master_name": config.broker_service} if config.broker_service else {}
    return {"broker_transport_options": options | steps | keepalive | primary, "worker_prefetch_multiplier": 0}


def _backend(config: Config) -> dict[str, Any]:
    if config.result_service:
        return {"result_backend_transport_options": {"master_name": config.result_service}}
    if not is_database(config):
        return {}
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_recycle": 3600}
    if scheme(config.result_backend).startswith("db+postgresql"):
        options["connect_args"] = {"connect_timeout": 3}
    tables = {"database_create_tables_at_setup": False}  # Celery makes them when they are needed
    return {"result_expires": EXPIRE_AFTER, "database_engine_options": options} | tables


def _broker_problems(urls: str) -> list[str]:
    kinds = list(dict.fromkeys(scheme(url) for url in urls.split(";")))
    if problems := [problem for found in kinds if (problem := _broker_problem(found))]:
        return problems
    mixed = f"CELERY_BROKER_URL names hosts of several kinds ({', '.join(kinds)}); all must be of one."
    return [mixed] if len(kinds) > 1 else []


def _broker_problem(found: str) -> str:
    if found in RABBITMQ:
        return _missing("amqp", "CELERY_BROKER_URL", found, "rabbitmq")
    if found in REDIS:
        return ""
    return f"CELERY_BROKER_URL begins with {found!r}; it must be an amqp://, amqps://, redis:// or rediss:// URL."


def _backend_problem(config: Config) -> str:
    found = scheme(config.result_backend)
    if found in REDIS:
        return ""
    if not is_database(config):
        wanted = "redis://, rediss://, db+postgresql+psycopg:// or db+sqlite:///"
        return f"CELERY_RESULT_BACKEND begins with {found!r}; it must be a {wanted} URL."
    if problem := _missing("sqlalchemy", "CELERY_RESULT_BACKEND", found, "postgres"):
        return problem
    return _database_problem(config.result_backend.removeprefix("db+"), found)


def _database_problem(url: str, found: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(url).get_dialect().import_dbapi()
    except NoSuchModuleError:
        known = "db+postgresql+psycopg:// and db+sqlite:/// are"
        return f"CELERY_RESULT_BACKEND begins with {found!r}, which SQLAlchemy does not know; {known} tested."
    except ImportError as error:
        where = "postgresql" in found and INSTALL.format("postgres")
        return f"CELERY_RESULT_BACKEND begins with {found!r}, and its driver is missing ({error}). " + (
            f"Install it: {where}." if where else "Install it with pip."
        )
    except (ArgumentError, ValueError):
        return "CELERY_RESULT_BACKEND is not a URL that SQLAlchemy understands, e.g. db+postgresql+psycopg://host/name."
    return ""


def _missing(module: str, variable: str, found: str, extra: str) -> str:
    try:
        importlib.import_module(module)
    except ImportError:
        return f"{variable} begins with {found!r}, and {module} is not installed. Install it: {INSTALL.format(extra)}."
    return ""
