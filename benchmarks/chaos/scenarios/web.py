"""Web processes die while clients wait for their answers."""

from benchmarks.chaos.criteria import done_once, kept, never_refused
from benchmarks.chaos.faults import At, Each
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario

SCENARIOS = (
    Scenario(
        name="C4",
        title="a random web worker is killed each second, the whole server once; clients offer again",
        load=Load(4000, 100, again=True),
        faults=(Each(1, ("kill_web_child",)), At(20, "kill_web")),
        criteria=(kept, done_once, never_refused),
    ),
)
