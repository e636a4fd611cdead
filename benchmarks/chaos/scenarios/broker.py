"""The broker forgets, its queue is long, or it is away."""

from benchmarks.chaos.criteria import (
    amplifies,
    answers_within,
    done_once,
    drains,
    holds_up,
    kept,
    never_refused,
    never_restarted,
    nobody_exits,
)
from benchmarks.chaos.faults import At
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.shape import Shape

SCENARIOS = (
    Scenario(
        name="C9",
        title="the broker's queue is deleted with all runs in it",
        load=Load(5000, 250),
        before=("hold_workers",),
        after=("delete_queue", "release_workers"),
        drain=150,
        criteria=(kept, done_once, amplifies(2.05, 1.95)),
    ),
    Scenario(
        name="C10",
        title="RabbitMQ is the broker, and is killed and down for 60 s",
        load=Load(4200, 50),
        faults=(At(8, "rabbit_down"), At(68, "rabbit_up")),
        shape=Shape(rabbitmq=True),
        criteria=(
            kept,
            done_once,
            never_restarted,
            never_refused,
            answers_within(0.3, 2),
            holds_up(50),
            drains(30),
            nobody_exits,
        ),
    ),
    Scenario(
        name="C18",
        title="50,000 runs wait for one slow worker, ten minutes long",
        load=Load(25_000, 250, milliseconds=25),
        shape=Shape(workers=1, children=2, threads=2),
        drain=1200,
        adapters=("ours",),
        criteria=(kept, done_once, never_restarted, amplifies(1.05)),
    ),
)
