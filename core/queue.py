"""Config and catalog to the Celery app: its settings, queues and the one task that follows hints."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from celery import Celery, Task
from flask import Flask
from kombu.entity import Queue

from core.config import Config
from core.ledger.running import Hint
from core.loop import Loop

EXECUTE = "carillon.execute"
PRIORITIES = 10

carried: ContextVar[tuple[str, Any]] = ContextVar("carried", default=("", None))  # an async task's name and request


def make_celery(app: Flask, config: Config, queues: Sequence[str], loop: Loop) -> Celery:
    """Return the Celery app, configured by ``app.config["CELERY"]``, and make it the default one.

    As in Flask's documentation: it is ``app.extensions["celery"]``, and tasks run inside the app's context. An
    ``async def`` task runs on the process's event loop.
    """

    class AppTask(Task):
        """A plain task: sync or async, inside the Flask app's context."""

        abstract = True

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                answer = self.run(*args, **kwargs)
                if not hasattr(answer, "__await__") or loop.here():
                    return answer
                before = carried.set((self.name, self.request))
                try:
                    return loop.run(answer)
                finally:
                    carried.reset(before)

        @property
        def request(self) -> Any:
            """The present call. Celery keeps it with the thread, so an async task has to carry its own."""
            name, request = carried.get()
            return request if name == self.name and not self.request_stack else self._get_request()

    celery = Celery(app.name, task_cls=AppTask, set_as_current=False)
    settings = defaults(config) | app.config["CELERY"]
    settings["task_queues"] = [*_queues(config, queues, settings), *settings.get("task_queues", ())]
    celery.config_from_object(settings)
    celery.set_default()
    app.extensions["celery"] = celery
    return celery


def add_execute(celery: Celery, execute: Callable[[str], str]) -> None:
    """Give the Celery app the task that follows a hint; it takes a run's id and nothing else."""

    @celery.task(name=EXECUTE, base=Task, shared=False, ignore_result=True, acks_late=False)
    def follow(run: str) -> str:
        return execute(run)


def publish(app: Flask, config: Config, hints: Sequence[Hint]) -> None:
    """Send *hints* to the broker as one batch of valid Celery messages."""
    celery = app.extensions["celery"]
    urgent_first = config.broker_url.startswith("amqp")
    with celery.producer_pool.acquire(block=True, timeout=5) as producer, producer.batch():
        for hint in hints:
            celery.tasks[EXECUTE].apply_async(
                (hint.run,),
                producer=producer,
                queue=queue_name(config, hint.queue),
                priority=hint.priority if urgent_first else PRIORITIES - 1 - hint.priority,
                retry=False,
                argsrepr=f"({hint.run!r},)",
                kwargsrepr="{}",
            )


def depth(app: Flask, config: Config, queue: str) -> int:
    """Return how many messages wait in *queue*; 0 where the broker does not know it."""
    celery = app.extensions["celery"]
    with celery.connection_for_read() as connection:
        try:
            found: int = connection.default_channel.queue_declare(queue_name(config, queue), passive=True).message_count
        except connection.channel_errors:
            return 0
    return found


def queue_name(config: Config, queue: str) -> str:
    """Return the broker's name of a queue: the prefix keeps two applications on one broker apart."""
    return f"{config.prefix}.{queue}"


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
        "broker_transport_options": _transport_options(config),
        "worker_pool": "core.pool:ThreadPool",
        "worker_concurrency": 32,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
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
    return [Queue(name, routing_key=name) for name in dict.fromkeys(names)]  # type: ignore[no-untyped-call]


def _transport_options(config: Config) -> dict[str, Any]:
    if config.broker_url.startswith("amqp"):
        return {}
    options = {"socket_timeout": 5, "health_check_interval": 10}
    steps = {"queue_order_strategy": "priority", "priority_steps": list(range(PRIORITIES))}
    keepalive = {} if "socket://" in config.broker_url else {"socket_connect_timeout": 2, "socket_keepalive": True}
    return options | steps | keepalive
