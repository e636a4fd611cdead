"""What the ledger costs: bytes of the server's memory for a mark and for a finished run."""

import bench as benches
from bench import event

from core.ledger.acceptance import Request
from core.testing import server

RUNS = 2000
MARK_LIMIT, RUN_LIMIT = 120, 1600
PAYLOAD = {"text": "x" * 288}
TASK = "handlers.orders.send_receipt"


def test_marks_and_finished_runs_are_small(capsys):
    with server() as url, benches.opened(url) as bench:
        warm = bench.running()
        bench.finish(warm)
        before = used(bench)
        ids = [one_run(bench, n) for n in range(RUNS)]
        each = (used(bench) - before) / RUNS
        marks = [bench.client.memory_usage(bench.keys.mark(ident)) for ident in ids[:50]]
        bench.accept(event(), idempotency="POST /events " + "k" * 200)
        [key] = bench.client.scan_iter(bench.keys.idempotency("*"), count=10_000)
        idempotency = bench.client.memory_usage(key)
    with capsys.disabled():
        print(f"\n  memory: a finished run {each - max(marks):.0f} B, mark {max(marks)} B, key {idempotency} B")  # noqa: T201
    assert max(marks) <= MARK_LIMIT
    assert idempotency <= MARK_LIMIT
    assert each - max(marks) <= RUN_LIMIT


def one_run(bench, n):
    accepted = bench.accept(
        event(f"01997ab0-0000-7000-8000-{n:012}", data=PAYLOAD, source="/api", type="order.placed"),
        [Request(task=TASK, queue="default")],
    )
    run = accepted.runs[0][0]
    bench.claim(run, f"{n:016x}", "worker-host-1.12345.a1b2c3")
    bench.finish(run, f"{n:016x}")
    return accepted.id


def used(bench):
    return bench.client.info("memory")["used_memory"]
