"""What a process takes of memory, wherever it is read from."""

from core import footprint
from core.worker import self_description


def test_it_grows_with_what_is_kept():
    before = footprint.resident()
    kept = bytearray(b"x" * 40_000_000)
    assert before + 30_000_000 < footprint.resident() < before + 80_000_000
    assert kept


def test_without_a_kernel_that_tells_it_is_the_most_there_ever_was(monkeypatch):
    now = footprint.resident()
    monkeypatch.setattr(footprint, "STATM", "/proc/nowhere")
    assert now * 0.9 <= footprint.resident() < 2**36


def test_every_process_says_so_with_its_heartbeat():
    assert self_description()["memory"] > 10_000_000
