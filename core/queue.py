"""Config and catalog to the Celery app: its settings, queues and the one task that follows hints."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

import redis
from celery import Celery, Task
from flask import Flask
from kombu.entity import Queue

from core import engines, fibers
from core.broker_age import NewEnough
from core.catalog import Catalog
from core.config import Config
from core.engines import queue_name
from core.ledger.acceptance import Outgoing
from core.ledger.running import Hint
from core.loop import Loop
from core.messages import Messages
from core.slots import EXECUTE, Slots

WAYS = ("read", "write")

carried: ContextVar[tuple[str, Any]] = ContextVar("carried", default=("", None))  # an async task's name and request


class OffLoop:
    """An object whose methods run on another thread while the fiber that calls them waits."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._get(), name)
        if not callable(found):
            return found
        fiber = fibers.current()
        if fiber is None or fiber.stepping:  # a coroutine that calls it has to wait itself
            return found
        return lambda *args, **kwargs: fiber.aside(lambda: getattr(self._get(), name)(*args, **kwargs))


def make_celery(app: Flask, config: Config, catalog: Catalog, loop: Loop) -> Celery:
    """Return the Celery app, configured by ``app.config["CELERY"]``, and make it the default one.

    As in Flask's documentation: it is ``app.extensions["celery"]``, and tasks run inside the app's context. An
    ``async def`` task runs on the process's event loop.
    """

    class AppTask(Task):
        """A plain task: sync or async, inside the Flask app's context."""

        abstract = True
        mandatory = engines.is_rabbitmq(config)  # a call that no queue takes is an error, not a loss

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                answer = self.run(*args, **kwargs)
                if not hasattr(answer, "__await__") or loop.awaits():
                    return answer
                before = carried.set((self.name, self.request))
                try:
                    return loop.run(answer)
                finally:
                    carried.reset(before)

        @property
        def backend(self) -> Any:
            """The result backend; on the event loop's thread, one that does not block it."""
            get = partial(Task.backend.fget, self)
            return OffLoop(get) if fibers.current() else get()

        @backend.setter
        def backend(self, value: Any) -> None:
            self._backend = value

        @property
        def request(self) -> Any:
            """The present call. Celery keeps it with the thread, so an async task has to carry its own."""
            name, request = carried.get()
            return request if name == self.name and not self.request_stack else self._get_request()

    queues, async_queues = catalog.queues(), catalog.async_queues()
    hints, light = ([queue_name(config, queue) for queue in names] for names in (queues, async_queues))
    settings = engines.merged(defaults(config) | engines.settings(config, hints, light), app.config["CELERY"])
    settings["task_queues"] = [*_queues(config, queues, settings), *settings.get("task_queues", ())]
    if engines.scheme(config.broker_url) == "amqps":
        settings["broker_use_ssl"] = engines.tls(settings.get("broker_use_ssl"))
    settings["accept_content"] = [*settings["accept_content"], "json"]  # hints are JSON, whatever plain tasks are
    # Celery reads CELERY_BROKER_URL and CELERY_RESULT_BACKEND by itself, without what Config adds to them.
    settings |= {f"broker_{way}_url": settings.get(f"broker_{way}_url") or settings["broker_url"] for way in WAYS}
    on_redis = not engines.is_rabbitmq(config)
    amqp = "core.redis_transport:AMQP" if on_redis else "core.rabbit_hosts:AMQP"
    celery = Celery(app.name, task_cls=AppTask, amqp=amqp, set_as_current=False)
    celery.backend_cls = settings["result_backend"]
    celery.config_from_object(settings)
    celery.loader.override_backends = engines.BACKENDS
    if on_redis:
        celery.steps["consumer"] |= {NewEnough, Slots}
        celery.messages = Messages(celery, config)
    else:
        from core.rabbit_publisher import Publisher  # it takes a driver that is not needed else

        celery.publisher = Publisher(app, celery, config)
    celery.set_default()
    app.extensions["celery"] = celery
    return celery


def add_execute(celery: Celery, execute: Callable[[str], str]) -> None:
    """Give the Celery app the task that follows a hint; it takes a run's id and nothing else."""

    @celery.task(name=EXECUTE, base=Task, shared=False, ignore_result=True, acks_late=False)
    def follow(run: str) -> str:
        return execute(run)


def beside_ledger(celery: Celery, config: Config) -> Callable[[Sequence[Hint]], Outgoing] | None:
    """Return what makes messages of hints that the ledger can put into the broker's queues itself, if it can."""
    return celery.messages.of if engines.is_beside_ledger(config, celery.conf.broker_write_url) else None


def publish(app: Flask, config: Config, hints: Sequence[Hint]) -> None:
    """Send *hints* to the broker as one batch of valid Celery messages.

    RabbitMQ has confirmed them when this returns. While it is away they wait here.
    """
    celery = app.extensions["celery"]
    if engines.is_rabbitmq(config):
        celery.publisher.publish(hints)
    else:
        _push(celery, celery.messages.of(hints))


def _push(celery: Celery, outgoing: Outgoing) -> None:
    """Put messages into their lists on Redis in one round trip; once more where an idle connection had died."""
    with celery.producer_pool.acquire(block=True, timeout=5) as producer:
        channel = producer.channel
        try:
            _lpush(channel.pool, outgoing)
        except channel.connection_errors:
            channel.pool.disconnect(inuse_connections=False)
            _lpush(channel.pool, outgoing)
    outgoing.sent()


def _lpush(pool: Any, outgoing: Outgoing) -> None:
    with redis.Redis(connection_pool=pool).pipeline(transaction=False) as pipe:
        for name, messages in outgoing.lists.items():
            pipe.lpush(name, *messages)
        pipe.execute()


def depth(app: Flask, config: Config, queue: str) -> int:
    """Return how many messages wait in *queue*; 0 where the broker does not know it."""
    celery = app.extensions["celery"]
    with celery.connection_for_read() as connection:
        connection.connect()
        try:
            found: int = connection.channel().queue_declare(queue_name(config, queue), passive=True).message_count
        except connection.channel_errors as error:
            if str(getattr(error, "reply_code", "")) != "404":  # a broker that refuses to answer may hold hints
                raise
            return 0
    return found


def defaults(config: Config) -> dict[str, Any]:
    """Return the settings that ``app.config["CELERY"]`` overrides."""
    return {
        "broker_url": config.broker_url,
        "result_backend": config.result_backend,
        "task_ignore_result": True,
        "task_default_queue": f"{config.prefix}.celery",
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_pool": "core.pool:Pool",
        "worker_concurrency": 32,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_lost_wait": 0.5,
        "worker_enable_remote_control": config.development,
        "beat_scheduler": "core.beat:Scheduler",
        "beat_max_loop_interval": 1,
        "redbeat_redis_url": config.redis_url,
        "redbeat_redis_options": {},
        "redbeat_key_prefix": redbeat_prefix(config),
    }


def redbeat_prefix(config: Config) -> str:
    """Return RedBeat's key prefix: its own default for the first application on a server."""
    return "redbeat:" if config.prefix == "carillon" else f"{config.prefix}:redbeat:"


def _queues(config: Config, queues: Sequence[str], settings: dict[str, Any]) -> list[Queue]:
    names = [*(queue_name(config, queue) for queue in queues), settings["task_default_queue"]]
    arguments = engines.queue_arguments(config)
    return [
        Queue(name, routing_key=name, queue_arguments=arguments)  # type: ignore[no-untyped-call]
        for name in dict.fromkeys(names)
    ]
