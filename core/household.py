"""What stands around a worker: it is put together here, and begins and ends with it."""

from functools import partial

from core import prefork, queue, worker
from core.alarm import Alarm
from core.engines import queue_name
from core.house import House
from core.ledger.store import Ledger
from core.retention import Retention
from core.sweeper import Sweeper

WORKER_PATIENCE = 5.0  # seconds; nobody waits for a worker's answer, so it can wait for the ledger's


def attend(house: House) -> None:
    """Let a worker live by our rules: heartbeat, sweeper, retention and alarm around it, the runner inside it."""
    app, config, keys = house.app, house.config, house.keys

    def ledger() -> Ledger:
        return Ledger(config.redis_url, patience=WORKER_PATIENCE)

    queue.add_execute(house.celery, house.runner.execute)
    house.celery.carillon = house

    sweeper = Sweeper(
        app=app,
        keys=keys,
        ledger=ledger(),
        publish=house.bus.publish,
        depth=partial(queue.depth, app, config),
    )
    household = worker.Household(
        app=app,
        keys=keys,
        ledger=ledger(),
        sweeper=sweeper,
        retention=Retention(
            app=app,
            keys=keys,
            ledger=ledger(),
            ident=house.runner.worker,
            room=config.history_memory,
            memory=config.ledger_memory,
        ),
        alarm=Alarm(
            app=app,
            layout=house.layout,
            ledger=ledger(),
            missed=house.mover.missed,
            publish=house.bus.publish,
        ),
        ident=house.runner.worker,
        durability=config.durability,
        release=config.release,
        info=lambda intake: {
            "queues": [queue for queue in house.catalog.queues() if intake.serves(queue_name(config, queue))],
            "busy": len(house.runner.going),
            "release": config.release,
            "catalog": house.catalog.digest,
        },
    )
    prefork.register()
    worker.attend(house.celery, household.begin, household.stop)
