"""Wait for a condition, never for a time; and look whether one stays."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout: float = 10, what: str = "it to be so") -> T:
    """Return the first true value of *predicate*; fail after *timeout* seconds, naming *what* did not happen."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (found := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}")
        pause.wait(0.02)
    return found


def stays(predicate: Callable[[], bool], seconds: float, what: str = "it") -> None:
    """Look for *seconds* whether *predicate* stays true; fail as soon as it does not, naming *what* did not stay."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        assert predicate(), f"{what} did not stay so for {seconds:g} s"
        pause.wait(0.1)
