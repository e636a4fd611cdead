"""A worker's places: never more than there are, never one that stays empty while somebody waits."""

import random
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from waiting import wait_until

from core.room import Room

HEAVY, LIGHT = "default", "io"


class Places(RuleBasedStateMachine):
    """Runs come and go, turn out to be async, and are asked for; a model keeps the same books."""

    @initialize(most=st.integers(1, 6), threads=st.integers(1, 4))
    def open(self, most, threads):
        self.most, self.threads = max(most, threads), threads
        self.room = Room(self.most, threads, {LIGHT}, self.tell)
        self.entered = {True: deque(), False: deque()}  # heavy -> numbers that have not started
        self.going = {}  # number -> place
        self.refused, self.owed = set(), set()  # who found no room; and those of them for whom there was no place
        self.number, self.closed = 0, False

    def tell(self):
        assert any(self.has_room(heavy) for heavy in self.refused), "told of room where there is none"
        self.refused -= {heavy for heavy in self.refused if self.has_room(heavy)}
        self.owed &= self.refused

    def has_room(self, heavy):
        threads = sum(place.thread for place in self.going.values())
        return len(self.going) < self.most and (not heavy or threads < self.threads)

    @rule(queue=st.sampled_from([HEAVY, LIGHT]), thread=st.sampled_from([None, True, False]))
    def enter(self, queue, thread):
        self.number += 1
        heavy = queue == HEAVY if thread is None else thread
        number = self.number
        if not self.closed:
            self.entered[heavy].append(number)

        def start(place):
            assert self.entered[heavy].popleft() == number
            assert place.thread == heavy
            self.going[number] = place

        self.room.enter(start, queue=queue, thread=thread)

    @precondition(lambda self: self.going)
    @rule(data=st.data())
    def leave(self, data):
        self.going.pop(data.draw(st.sampled_from(sorted(self.going)))).leave()

    @precondition(lambda self: self.going)
    @rule(data=st.data())
    def needs_no_thread(self, data):
        place = self.going[data.draw(st.sampled_from(sorted(self.going)))]
        place.needs_no_thread()
        assert not place.thread

    @rule(queue=st.sampled_from([HEAVY, LIGHT]))
    def ask(self, queue):
        found = self.room.free(queue)
        threads = self.threads - sum(place.thread for place in self.going.values())
        left = self.most - len(self.going)
        waiting = len(self.entered[True]) + len(self.entered[False])
        assert found == (min(left, threads) if queue == HEAVY else left) - waiting
        if found < 1:
            self.refused.add(queue == HEAVY)
            self.owed |= set() if self.has_room(queue == HEAVY) else {queue == HEAVY}

    @precondition(lambda self: self.number > 12)
    @rule()
    def close(self):
        self.room.close()
        self.closed = True
        for numbers in self.entered.values():
            numbers.clear()

    @invariant()
    def within_bounds(self):
        assert len(self.going) <= self.most
        assert sum(place.thread for place in self.going.values()) <= self.threads

    @invariant()
    def nothing_waits_that_could_start(self):
        for heavy, numbers in self.entered.items():
            assert not numbers or not self.has_room(heavy)

    @invariant()
    def who_was_refused_is_told(self):
        assert not any(self.has_room(heavy) for heavy in self.owed)

    @invariant()
    def empty_tells_whether_all_have_left(self):
        assert self.room.empty(0) is (not self.going)


Places.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPlaces = Places.TestCase


@pytest.mark.parametrize("queue", [HEAVY, LIGHT])
def test_who_was_refused_is_told_when_there_is_room(queue):
    told, places = [], []
    room = Room(2, 2, {LIGHT}, lambda: told.append(room.free(queue)))
    for _ in range(2):
        room.enter(places.append, queue=HEAVY)
    assert room.free(queue) == 0
    places.pop().leave()
    assert told == [1]
    room.enter(places.append, queue=HEAVY)
    places.pop().leave()
    assert told == [1], "nobody was refused since"


def test_a_light_run_goes_past_full_threads():
    places = []
    room = Room(10, 1, {LIGHT}, lambda: None)
    for _ in range(3):
        room.enter(places.append, queue=HEAVY)
    assert len(places) == 1
    room.enter(places.append, queue=LIGHT)
    assert [place.thread for place in places] == [True, False]
    places[0].needs_no_thread()
    assert [place.thread for place in places] == [False, False, True]


def test_from_many_threads():
    """Runs start, turn async and leave on threads of their own, as in a worker; the bounds hold at each moment."""
    most, threads, runs = 12, 4, 3000
    lock, going, on_threads, seen = threading.Lock(), set(), set(), []
    dice = random.Random(1)

    def count(change, *args):
        with lock:
            change(*args)
            seen.append((len(going), len(on_threads)))

    with ThreadPoolExecutor(most) as workers:
        room = Room(most, threads, {LIGHT}, lambda: None)

        def run(place, number, turns):
            if turns and place.thread:
                count(on_threads.discard, number)
                place.needs_no_thread()
            with lock:
                going.discard(number)
                on_threads.discard(number)
            place.leave()

        def start(place, number, turns):
            count(going.add, number)
            if place.thread:
                count(on_threads.add, number)
            workers.submit(run, place, number, turns)

        def enter(numbers):
            for number in numbers:
                queue, turns = dice.choice([HEAVY, LIGHT]), dice.random() < 0.5
                room.enter(lambda place, n=number, t=turns: start(place, n, t), queue=queue)

        entering = [threading.Thread(target=enter, args=(range(n, runs, 4),)) for n in range(4)]
        for thread in entering:
            thread.start()
        for thread in entering:
            thread.join()
        wait_until(lambda: room.empty(1), timeout=30, what="all have left")
    assert len(seen) >= runs
    assert max(one for one, _ in seen) <= most
    assert max(one for _, one in seen) <= threads


def test_waiting_for_all_to_leave_ends_with_its_patience_or_when_they_have():
    places = []
    room = Room(2, 2, (), lambda: None)
    room.enter(places.append)
    assert not room.empty(0.01)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(room.empty, 20)
        threading.Timer(0.05, places[0].leave).start()
        assert waiting.result(10)


def test_a_closed_room_starts_nothing():
    places = []
    room = Room(1, 1, (), lambda: None)
    room.enter(places.append)
    room.enter(places.append)
    room.close()
    room.enter(places.append)
    places[0].leave()
    room.enter(places.append)
    assert len(places) == 1
    assert room.empty(0)
