"""docs/operating.md: every block is run against a living house, and shows what it says."""

import re
import subprocess

import pytest
from processes import REPOSITORY, household
from waiting import wait_until

DOCS = (REPOSITORY / "docs/operating.md").read_text()
BLOCKS = re.findall(r"<!-- run: shows (.+?) -->\n```sh\n(.*?)```", DOCS, re.DOTALL)
HANDLERS = """
    from core import Event, on

    class OrderPlaced(Event, type="order.placed"):
        order_id: int
        email: str

    @on(OrderPlaced, queue="mail", retries=0)
    def send_receipt(event: OrderPlaced) -> None:
        if event.order_id == 13:
            raise RuntimeError("the mail server is gone")
"""


SCHEDULES = """
    from core import cron

    @cron("0 7 * * mon-fri", timezone="Europe/Berlin")
    def morning_report() -> None: ...
"""


def test_every_block_is_run():
    assert DOCS.count("```sh\n") == len(BLOCKS) == 16


@pytest.mark.processes
def test_blocks(tmp_path):
    with household(tmp_path, handlers__orders=HANDLERS, schedules__reports=SCHEDULES) as house:
        order = {"type": "order.placed", "data": {"order_id": 13, "email": "ann@example.org"}}
        event = house.request("POST", "/api/v1/events", order)[1]
        wait_until(lambda: house.runs("&state=dead"), what="a run is dead")
        [worker, *_] = house.request("GET", "/api/v1/workers?role=worker")[1]["items"]
        ids = {"RUN": event["runs"][0]["id"], "EVENT": event["id"], "WORKER": worker["id"]}
        for shows, block in BLOCKS:
            wait_until(lambda: house.runs("&state=dead") and not house.runs("&state=pending,running"), what="rest")
            done = subprocess.run(
                ["sh", "-ec", block.replace("localhost:8000", f"127.0.0.1:{house.port}")],
                cwd=tmp_path,
                env=house.environment | ids,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert shows in done.stdout, block + done.stdout
            assert "Error" not in done.stderr
            assert "/problems/" not in done.stdout
