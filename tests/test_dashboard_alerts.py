"""What wants reading: each fact with what to do and where; nothing where all is fine; never too much."""

import pytest
from overview_facts import NOW, a_process, a_queue, at, facts, missed

from core.dashboard.alerts import alerts
from core.ledger.admission import Use
from core.quarantine import Held


def told(**known):
    return [
        f"{one.title}: {', '.join(name for name, _ in one.names)} {one.text}" for one in alerts(facts(**known), NOW)
    ]


def test_where_all_is_fine_nothing_is_said():
    assert told() == []
    assert told(use=Use(74, 100), queues=[a_queue(), a_queue(pending=3)], counts={"succeeded": 9_000_000}) == []


@pytest.mark.parametrize(
    ("known", "titles", "words"),
    [
        ({"policy": "allkeys-lru"}, ["Eviction"], "its maxmemory-policy is allkeys-lru. Set it to noeviction."),
        ({"use": Use(75, 100)}, ["Memory"], "uses 75% of its memory; from 80% on nothing new is accepted"),
        ({"use": Use(80, 100)}, ["Memory"], "uses 80% of its memory; nothing new is accepted"),
        ({"counts": {"pending": 7, "retrying": 3}, "backlog": 10}, ["Backlog"], "10 runs have not ended"),
        (
            {"failing": ("workers", "sweeper")},
            ["No worker is alive"],
            "what is accepted waits. Start one with make run",
        ),
        ({"failing": ("sweeper",)}, ["No sweeper is alive"], "The log of the workers says why"),
        ({"processes": [a_process(quiet=True)]}, ["Every worker is quiet"], "Have one resume."),
        ({"failing": ("beat",), "overdue": (3, ["a"])}, ["No beat is alive"], "no schedule fires. Start one"),
        ({"overdue": (4, ["a", "b", "c"])}, ["Overdue"], "a, b, c and 1 more should have fired a minute ago"),
        (
            {"held": {"x": Held("x", "Bad. Mend it.", at(-9))}},
            ["Held"],
            f"x is not fired since {at(-9)}. Bad. Mend it.",
        ),
        ({"processes": [a_process(stuck=1)]}, ["Stuck"], "worker.1 still holds a thread whose function outlived"),
        ({"processes": [a_process(seen=at(-48), age=48)]}, ["Silent"], "worker.1 was last heard of 48 s ago. Others"),
        (
            {"queues": [a_queue(pending=1, wait=2.5, workers=0)]},
            ["Queue"],
            "mail 1 run waits in it, the first for 2.5 s",
        ),
    ],
)
def test_each_thing_is_told_with_what_to_do(known, titles, words):
    found = told(**known)
    assert [one.partition(":")[0] for one in found] == titles
    assert words in found[0]


def test_each_leads_to_a_page():
    known = {
        "failing": ("beat",),
        "missed": [missed()],
        "use": Use(9, 10),
        "queues": [a_queue(pending=1, workers=0, wait=1)],
    }
    found = {one.title: one.see[1] for one in alerts(facts(**known), NOW)}
    assert found == {
        "Memory": "/dashboard/doctor",
        "No beat is alive": "/dashboard/workers",
        "Missed": "/dashboard/schedules/exchange-rates",
        "Queue": "/dashboard/queues",
    }


def test_of_queues_only_those_are_told_that_nobody_serves():
    waits = {"pending": 1, "wait": 1, "workers": 0}
    assert told(queues=[a_queue(**waits, quiet=1), a_queue(pending=0, workers=0)]) == []
    [found] = told(queues=[a_queue(**waits)], failing=("workers",))
    assert found.startswith("No worker is alive")


class TestMissed:
    def test_one_time_with_its_reason_and_policy(self):
        [found] = told(missed=[missed(cause=f"no scheduler was alive from {at(-3000)} to {at(-1700)}")])
        assert found == (
            f"Missed: exchange-rates planned {at(-1880)}. No scheduler was alive from {at(-3000)} to {at(-1700)}; the "
            "policy is catch_up=skip. With catch_up=latest one run makes up for it."
        )

    def test_several_times(self):
        [found] = told(missed=[missed(until=NOW, count=4)])
        assert f"exchange-rates 4 planned times from {at(-1880)} to {at(0)}." in found

    def test_beyond_the_window_of_one_that_makes_up_for_it(self):
        [found] = told(missed=[missed(cause="outside the catch-up window of 60 s: no scheduler was alive")])
        assert found.endswith("was alive. A wider catch_up_window would make up for it.")

    def test_an_outage_of_many_schedules_is_one_thing(self):
        [one] = alerts(facts(missed=[missed(f"s{n}", planned=-n) for n in range(9)]), NOW)
        assert [name for name, _ in one.names] == ["s0", "s1", "s2"]
        assert one.text.startswith(f"and 6 more 9 planned times from {at(-8)} to {at(0)}.")
        assert one.see == ("See schedules", "/dashboard/schedules")

    def test_the_newest_causes_come_first_and_the_rest_is_left_out(self):
        found = told(missed=[missed(f"s{n}", planned=-n, cause=f"cause {n}") for n in (5, 1, 9, 3)])
        assert [words.split()[1] for words in found] == ["s1", "s3", "s5"]


def test_however_much_is_wrong_the_list_stays_short():
    many = range(50)
    known = {
        "held": {f"{n}": Held(f"{n}", "why", at(-n)) for n in many},
        "missed": [missed(f"{n}", cause=f"{n}") for n in many],
        "processes": [a_process(ident=f"{n}", stuck=1, seen=at(-40)) for n in many],
        "queues": [a_queue(f"{n}", pending=1, wait=1, workers=0) for n in many],
        "failing": ("beat",),
    }
    found = told(**known)
    assert len(found) == 1 + 3 + 4 + 3 + 3 + 3
    assert "Held:  47 more schedules are not fired; each says why." in found
