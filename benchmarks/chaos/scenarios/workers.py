"""Workers die, freeze and come back."""

from benchmarks.chaos.criteria import done_once, kept, nobody_exits, rarely_twice, recovers, waits
from benchmarks.chaos.faults import At, Each
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.shape import Shape

SCENARIOS = (
    Scenario(
        name="C2",
        title="a random worker is killed, whole tree, each 3 s",
        load=Load(6000, 100),
        faults=(Each(3, ("kill_worker",)),),
        criteria=(kept, rarely_twice(), recovers(30), waits(40), nobody_exits),
    ),
    Scenario(
        name="C2b",
        title="the parent of a random worker is killed alone, each 4 s, and some work is poisoned",
        load=Load(4000, 100, poison=1000),
        faults=(Each(4, ("kill_worker_alone",)),),
        criteria=(kept, rarely_twice()),
    ),
    Scenario(
        name="C3",
        title="a random child of the prefork pool is killed each second",
        load=Load(2400, 40, milliseconds=15),
        faults=(Each(1, ("kill_pool_child",)),),
        shape=Shape(prefork=True),
        criteria=(kept, rarely_twice(), recovers(2, 0.99), waits(40), nobody_exits),
    ),
    Scenario(
        name="C8",
        title="workers are frozen, 100 events arrive, the workers are killed",
        load=Load(100, 100),
        before=("freeze_workers",),
        after=("kill_workers",),
        criteria=(kept, done_once, waits(33)),
    ),
    Scenario(
        name="C15",
        title="workers are stopped as Heroku does, each 8 s, under handlers of 4 s",
        load=Load(480, 8, milliseconds=4000),
        faults=(Each(8, ("stop_worker",)),),
        shape=Shape(children=16),
        criteria=(kept, done_once, recovers(5)),
    ),
    Scenario(
        name="C16",
        title="a worker is frozen for 25 s and comes back to runs that others took",
        load=Load(400, 10, milliseconds=1500),
        faults=(At(6, "freeze_worker"), At(31, "thaw_workers")),
        shape=Shape(children=16),
        criteria=(kept, rarely_twice(0.1), waits(40), nobody_exits),
    ),
)
