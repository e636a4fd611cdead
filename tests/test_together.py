"""Flows that go side by side."""

import pytest

from core.ledger.flow import together


def walk(flow):
    """Return what each step asks for, answered with what was asked, and what is returned."""
    steps, answers = [], None
    try:
        while True:
            asked = flow.send(answers)
            steps.append(asked)
            answers = [f"<{command}>" for command in asked]
    except StopIteration as end:
        return steps, end.value


def asking(*steps):
    """A flow that asks for *steps*, one after the other, and returns all answers."""
    found = []
    for step in steps:
        found += yield list(step)
    return found


def test_a_step_of_all_goes_out_together_and_each_gets_its_own_answers():
    steps, found = walk(together([asking("ab", "c"), asking(), asking("d", "", "ef")]))
    assert steps == [["a", "b", "d"], ["c"], ["e", "f"]]
    assert found == [["<a>", "<b>", "<c>"], [], ["<d>", "<e>", "<f>"]]


def test_of_none_nothing_is_asked():
    assert walk(together([])) == ([], [])
    assert walk(together([asking(), together([asking()])])) == ([], [[], [[]]])


def test_what_one_raises_is_raised():
    def broken():
        yield ["x"]
        raise LookupError

    with pytest.raises(LookupError):
        walk(together([asking("a", "b", "c"), broken()]))
