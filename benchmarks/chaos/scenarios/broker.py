"""The broker forgets, or its queue is long."""

from benchmarks.chaos.criteria import amplifies, done_once, kept, never_restarted
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
        name="C18",
        title="50,000 runs wait for one slow worker, ten minutes long",
        load=Load(25_000, 250, milliseconds=25),
        shape=Shape(workers=1, children=2, threads=2),
        drain=1200,
        adapters=("ours",),
        criteria=(kept, done_once, never_restarted, amplifies(1.05)),
    ),
)
