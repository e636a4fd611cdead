"""Every state of the abstract protocol: none is unsafe, and from each one a way leads to the end of every run."""

import pytest
from protocol import ENDED, FLAKY, POISON, RULES, Protocol, Run, Unsafe, World, put
from search import explored, stuck

MISSED_IN_THE_END = {  # without these nothing unsafe happens, but this run never ends
    "a dead worker loses its runs": FLAKY,
    "a lost hint is published again": FLAKY,
    "a retry gets a hint": FLAKY,
    "suspects run alone": POISON,
    "charges come to an end": POISON,
}


def test_every_state_is_safe_and_leads_to_an_end():
    worlds, before = explored(Protocol())
    assert len(worlds) > 10_000
    assert {run.state for world in worlds for run in world.runs} == {"", "pending", "running", "retrying", *ENDED}
    assert stuck(worlds, before) == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in MISSED_IN_THE_END])
def test_without_a_rule_something_unsafe_happens(rule):
    with pytest.raises(Unsafe):
        explored(Protocol(rule))


@pytest.mark.parametrize(("rule", "r"), MISSED_IN_THE_END.items())
def test_without_a_rule_some_run_never_ends(rule, r):
    runs = put((Run("dead"), Run("dead")), r, Run("pending"))
    assert stuck(*explored(Protocol(), World(runs))) == []
    assert stuck(*explored(Protocol(rule), World(runs)))
