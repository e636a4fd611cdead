"""The lead of beat: one has it, the others know when it may be free."""

import pytest

from core.beat import STANDBY, standby
from core.house import house
from core.ledger.leading import LEASE, give_up, lead


@pytest.fixture
def here(make_app):
    return house(make_app())


def test_one_beat_leads_and_the_other_knows_when_that_may_end(here):
    def taken(by):
        return here.ledger.run(lead(here.layout.lock, by))

    assert taken("first").held
    second = taken("second")
    assert not second.held
    assert 0 < second.left <= LEASE / 1000
    here.ledger.client.pexpire(here.layout.lock, 300)
    assert standby(taken("second")) <= 0.301
    here.ledger.client.persist(here.layout.lock)  # by hand, or by a RedBeat of another age
    assert standby(taken("second")) == STANDBY
    assert here.ledger.run(give_up(here.keys, here.layout.lock, "second")) is False
    assert here.ledger.run(give_up(here.keys, here.layout.lock, "first")) is True
    assert taken("second").held
