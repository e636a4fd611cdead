"""Anything may happen to a ledger, in any order: it does what its model does, and its invariants hold.

``STATE_MACHINE_RUNS`` in the environment is the number of stories that are told; 200 without it.
"""

import os
from functools import partial

import pytest
from bench import Bench
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Story
from without import without

from core.errors import LedgerUnavailable
from core.testing import server

RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "200"))


@pytest.fixture(scope="module")
def bench():
    with server() as url:
        opened = Bench(url)
        yield opened
        opened.ledger.close()


def tell(bench, stories, phases=tuple(Phase)):
    told = settings(
        max_examples=stories,
        stateful_step_count=50,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(partial(Story, bench), settings=told)


def test_a_ledger_is_as_its_model_whatever_happens(bench):
    tell(bench, RUNS)


@pytest.mark.parametrize(
    ("script", "guard"),
    [
        ("acceptance", "one id, one set of runs"),
        ("claim", "a run that was going on when its worker died runs alone"),
        ("finish", "a stale worker's completion cannot overwrite a newer attempt"),
        ("finish", "its process lived through it, so it is no suspect any more"),
        ("release", "it is given back once, however often that is sent"),
        ("recover", "another sweeper was here already"),
        ("retry", "the same request counts once"),
    ],
)
def test_what_is_taken_out_of_a_script_is_noticed(bench, script, guard):
    with without(script, guard), pytest.raises((AssertionError, LedgerUnavailable)):
        tell(bench, 300, (Phase.generate,))
