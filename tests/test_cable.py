"""The connections of threads: pipelines in pieces, and what becomes of a connection that is lost, forked or left."""

import os

import pytest

from core.ledger.cable import PIECE
from core.ledger.store import Ledger


@pytest.fixture
def ledger(server_url):
    ledger = Ledger(server_url)
    yield ledger
    ledger.close()


def me(ledger):
    """Return the server's number of the connection that is used."""
    return ledger.cable.send([("CLIENT", "ID")])[0]


def test_answers_come_in_order_refusals_among_them(ledger):
    many = [("ECHO", f"{n}") if n % 50 else ("NONSENSE",) for n in range(5 * PIECE + 1)]
    found = ledger.cable.send(iter(many))
    assert [type(one).__name__ == "ResponseError" for one in found] == [n % 50 == 0 for n in range(len(many))]
    assert [int(one) for n, one in enumerate(found) if n % 50] == [n for n in range(len(many)) if n % 50]
    assert ledger.cable.send([]) == []


def test_a_connection_is_used_again_and_a_lost_one_replaced(ledger):
    first = me(ledger)
    assert me(ledger) == first
    ledger.client.client_kill_filter(_id=first)
    many = [("ECHO", f"{n}") for n in range(2 * PIECE)]
    assert [int(one) for one in ledger.cable.send(iter(many))] == list(range(2 * PIECE))
    assert me(ledger) != first


def test_what_was_asked_and_not_read_is_nobody_elses_answer(ledger):
    def commands():
        yield from [("ECHO", "mine")] * PIECE
        raise KeyboardInterrupt

    before = me(ledger)
    with pytest.raises(KeyboardInterrupt):
        ledger.cable.send(commands())
    assert ledger.cable.send([("ECHO", "yours")]) == [b"yours"]
    assert me(ledger) != before


def test_a_forked_child_has_connections_of_its_own(ledger):
    before = me(ledger)
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        try:
            os.write(writing, str(me(ledger)).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert int(os.read(reading, 100)) != before
    assert me(ledger) == before
    os.close(reading)
    os.close(writing)


def test_a_closed_ledger_leaves_no_connection(ledger, server_url):
    mine = me(ledger)
    ledger.close()
    other = Ledger(server_url)
    assert mine not in {int(one["id"]) for one in other.client.client_list()}
    other.close()
