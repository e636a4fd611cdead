"""The checker of the chaos harness: it must see what is lost, doubled, half or from nowhere, and nothing else."""

import pytest

from benchmarks.chaos.acceptance import ACCEPTED, AMBIGUOUS, UNSENT, Acceptance
from benchmarks.chaos.check import check, quantile
from benchmarks.chaos.evidence import Line, Reader
from benchmarks.chaos.faults import Done

HANDLERS = ("first", "second")


@pytest.fixture
def log(tmp_path):
    log = Acceptance(tmp_path / "acceptance.csv")
    yield log
    log.close()


class Story:
    """Offers and evidence, told line by line; the time is a number that grows."""

    def __init__(self, log):
        self.log, self.lines, self.now = log, [], 0.0

    def offer(self, event, *statuses, how=""):
        for status in statuses:
            self.log.answered(self.log.offered(event, how), status, 0.01)

    def write(self, event, handler, what, *, run="", attempt=1, pid=1):
        self.now += 1
        self.lines.append(Line(run or f"{event}.{handler}", event, handler, attempt, pid, what, self.now))

    def do(self, event, *handlers, **more):
        for handler in handlers or HANDLERS:
            self.write(event, handler, "start", **more)
            self.write(event, handler, "end", **more)

    def check(self, *faults):
        return check(self.log.offers, self.lines, HANDLERS, faults)


@pytest.fixture
def story(log):
    story = Story(log)
    for n in range(5):
        story.offer(f"fine-{n}", ACCEPTED)
        story.do(f"fine-{n}")
    return story


def complaints(found):
    names = ("lost", "half", "unexpected", "ended_twice", "started_again", "doubled", "untraced")
    return {name: value for name in names if (value := getattr(found, name))}


def test_where_all_is_well_it_finds_nothing(story):
    found = story.check()
    assert complaints(found) == {}
    assert (found.offered, found.acked, found.ambiguous, len(found.answers)) == (5, 5, 0, 5)


def test_what_was_accepted_and_never_ended_is_lost(story):
    story.offer("gone", ACCEPTED)
    story.do("gone", "first")
    story.write("gone", "second", "start")
    assert complaints(story.check()) == {"lost": [("gone", "second")]}


def test_what_never_even_started_is_lost_without_a_trace(story):
    story.offer("gone", ACCEPTED)
    assert complaints(story.check()) == {"lost": [("gone", "first"), ("gone", "second")], "untraced": ["gone"]}


def test_what_was_not_accepted_may_be_done_or_not(story):
    story.offer("maybe", AMBIGUOUS)
    story.offer("perhaps", 503)
    story.do("perhaps")
    found = story.check()
    assert complaints(found) == {}
    assert (found.acked, found.ambiguous, dict(found.refused)) == (5, 2, {503: 1})


def test_but_it_may_not_be_done_by_half(story):
    story.offer("maybe", AMBIGUOUS)
    story.do("maybe", "first")
    assert complaints(story.check()) == {"half": ["maybe"]}


@pytest.mark.parametrize("status", [422, UNSENT])
def test_what_was_surely_refused_must_not_be_done(story, status):
    story.offer("no", status)
    story.do("no")
    assert complaints(story.check()) == {"unexpected": [("no", "first"), ("no", "second")]}


def test_what_nobody_offered_must_not_be_done(story):
    story.do("stranger")
    assert complaints(story.check()) == {"unexpected": [("stranger", "first"), ("stranger", "second")]}


def test_an_offer_that_was_refused_first_and_accepted_then_counts_once(story):
    story.offer("again", 503, AMBIGUOUS, ACCEPTED)
    story.do("again")
    found = story.check()
    assert complaints(found) == {}
    assert (found.offered, found.acked, found.ambiguous) == (6, 6, 0)


def test_work_that_is_done_twice_is_told_from_work_that_is_begun_again(story):
    story.offer("twice", ACCEPTED)
    story.do("twice")
    story.do("twice", "first", attempt=2)
    story.offer("broken", ACCEPTED)
    story.write("broken", "first", "start")
    story.do("broken", "second")
    story.do("broken", "first", attempt=2)
    assert complaints(story.check()) == {"ended_twice": [("twice", "first")], "started_again": [("broken", "first")]}


def test_two_runs_made_of_one_are_seen(story):
    story.offer("two", ACCEPTED)
    story.do("two")
    story.write("two", "first", "start", run="another")
    assert complaints(story.check())["doubled"] == [("two", "first")]


def test_a_poisoned_event_has_to_start_and_cannot_end(story):
    story.offer("poison", ACCEPTED, how="kill")
    story.write("poison", "first", "start")
    assert complaints(story.check()) == {"lost": [("poison", "second")]}


def test_recovery_is_from_the_kill_to_the_next_start(story):
    for event in ("a", "b", "c"):
        story.offer(event, ACCEPTED)
        story.do(event, "second")
        story.write(event, "first", "start", pid=77)
    story.write("c", "first", "end", pid=77)
    killed = Done("kill_worker", "worker.1", story.now + 0.5, (76, 77))
    story.do("a", "first", attempt=2, pid=78)
    found = story.check(killed)
    assert (found.interrupted, found.unrecovered, found.recoveries) == (2, 1, [0.5])
    assert story.check().interrupted == 0


def test_the_acceptance_log_is_on_disk_line_by_line(tmp_path):
    log = Acceptance(tmp_path / "acceptance.csv")
    log.answered(log.offered("one"), ACCEPTED, 0.5)
    log.answered(log.offered("two"), AMBIGUOUS, 1.5)
    log.close()
    rows = [line.split(",")[:3] for line in (tmp_path / "acceptance.csv").read_text().splitlines()]
    assert [row[:2] for row in rows] == [
        ["offered", "one"],
        ["answered", "one"],
        ["offered", "two"],
        ["answered", "two"],
    ]
    assert [row[2] for row in rows if row[0] == "answered"] == ["202", "0"]


def test_a_half_written_line_of_evidence_waits_for_its_end(tmp_path):
    reader = Reader(tmp_path / "evidence.csv")
    assert reader.read() == 0
    with reader.path.open("w") as file:
        file.write("r,e,first,1,7,start,1.5\nr,e,first,1,7,en")
        file.flush()
        assert (reader.read(), reader.read(), reader.ended) == (1, 0, set())
        file.write("d,2.5\n")
    assert reader.read() == 1
    assert reader.ended == {("e", "first")}
    assert reader.lines[1] == Line("r", "e", "first", 1, 7, "end", 2.5)


def test_quantiles():
    assert quantile([], 0.5) == 0
    assert [quantile([3, 1, 2, 4], share) for share in (0.5, 0.99, 1.0)] == [3, 4, 4]
