"""Hints are followed right where they are popped, unless something listens to Celery's signals of tasks."""

import pytest
from processes import clone
from waiting import wait_until

pytestmark = pytest.mark.processes

HANDLERS = """
    import asyncio
    import os

    import celery
    from celery.signals import task_postrun, task_prerun

    from core import Event, on, run

    class Told(Event, type="told.it"):
        n: int

    @on(Told, name="slow")
    async def slow(event: Told) -> list:
        before = celery.current_task.request.id if celery.current_task else None
        await asyncio.sleep(0.2)
        after = celery.current_task.request.id if celery.current_task else None
        return [run.id, before, after]

    @on(Told, name="sync")
    def sync(event: Told) -> str:
        return run.id

    if os.environ.get("LISTEN"):
        @task_prerun.connect
        def before(task_id=None, task=None, **_):
            with open(os.environ["LISTEN"], "a") as file:
                print("before", task.name, task_id, file=file)

        @task_postrun.connect
        def after(task_id=None, task=None, **_):
            with open(os.environ["LISTEN"], "a") as file:
                print("after", task.name, task_id, file=file)
"""


@pytest.mark.parametrize("listened", [True, False])
def test_signals_of_tasks_are_sent_where_something_listens(tmp_path, listened):
    with clone(tmp_path, handlers__told=HANDLERS) as house:
        seen = tmp_path / "seen"
        house.environment |= {"LISTEN": str(seen)} if listened else {}
        for name in ("web", "worker"):
            house.start(name)
        wait_until(lambda: told(house, 0), timeout=30, what="web answers")
        for n in range(1, 50):
            assert told(house, n)
        wait_until(lambda: len(house.runs("&state=succeeded")) == 100, timeout=30, what="all runs succeeded")
        runs = [house.request("GET", f"/api/v1/runs/{run['id']}")[1] for run in house.runs()]
        for run in runs:
            own, *tasks = run["result"] if isinstance(run["result"], list) else [run["result"]]
            assert own == run["id"]
            if tasks:
                assert tasks[0] == tasks[1]
                assert (tasks[0] is not None) == listened
        lines = seen.read_text().split("\n")[:-1] if listened else []
        for when in ("before", "after"):
            assert sum(line.startswith(f"{when} carillon.execute ") for line in lines) == (100 if listened else 0)


def told(house, n):
    try:
        return house.request("POST", "/api/v1/events", {"type": "told.it", "id": f"e{n}", "data": {"n": n}})[0] == 202
    except OSError:
        return False
