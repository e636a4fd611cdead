"""Every guard of every script is marked, and for each one some test is known that fails without it."""

import subprocess
import sys

import mutants
import pytest


@pytest.mark.parametrize(("name", "text"), mutants.scripts().items(), ids=mutants.scripts())
def test_a_script_marks_its_guards(name, text):
    assert not mutants.unmarked(text)
    assert mutants.mutants(name, text) or name == "accept"


def test_what_was_tried_is_still_there():
    assert mutants.known().keys() <= mutants.scripts().keys()
    for name, entry in mutants.known().items():
        if name not in mutants.changed():
            assert entry["guards"] == list(mutants.guards(mutants.scripts()[name]))


def test_no_mutant_of_a_changed_script_survives():
    """Tried here only where killed.json does not know the script as it is: ``make mutants`` writes that down."""
    trial = subprocess.run(
        [sys.executable, "tests/mutants.py", "--changed"], cwd=mutants.ROOT, capture_output=True, text=True, check=False
    )
    assert trial.returncode == 0, trial.stdout + trial.stderr


@pytest.mark.parametrize(
    ("line", "variants"),
    [
        ("if a then return end", ["if false then return end", "if true then return end"]),
        (
            "  if a ~= 'x and y' and b(c or d) then",
            ["  if false then", "  if true then", "  if true and b(c or d) then", "  if a ~= 'x and y' and true then"],
        ),
        (
            "if not (a or b) then",
            ["if false then", "if true then", "if not (false or b) then", "if not (a or false) then"],
        ),
        ("local x = a == 1  -- why", ["local x = false", "local x = true"]),
        ("redis.call('DEL', key)", [""]),
    ],
)
def test_how_a_guard_is_taken_out(line, variants):
    [first, *_] = made = mutants.mutants("s", f"-- guard: g\n{line}\nreturn 1\n")
    assert [mutant.line for mutant in made] == variants
    assert first.text == f"-- guard: g\n{variants[0]}\nreturn 1\n"


def test_each_operand_inside_parentheses_is_taken_out():
    found = mutants.without_each_operand("(a and not b) or (c and d)")
    assert found == [
        "false or (c and d)",
        "(true and not b) or (c and d)",
        "(a and true) or (c and d)",
        "(a and not b) or false",
        "(a and not b) or (true and d)",
        "(a and not b) or (c and true)",
    ]


def test_a_script_without_marks_is_found():
    assert mutants.unmarked("local a = 1\nreturn a\n")
    assert not mutants.unmarked("-- words\nreturn f()\n")
