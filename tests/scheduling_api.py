"""A client of the API for tests of schedules: the methods that they have, and what became of planned times."""

from collections import Counter
from datetime import datetime

from api import BEARER, Api

HANDLERS = """
    from core import Event, cron, every, on, run, task

    class OrderPlaced(Event, type="order.placed"):
        order: int

    @on(OrderPlaced, name="receipt")
    def receipt(event):
        return [event.order, run.cause.id, run.cause.source, run.cause.subject]

    @on("shop.*", "order.placed", name="archive")
    def archive(event): ...

    @task(name="tidy")
    def tidy(days: int, deep: bool = False):
        return [days, deep, f"{run.cause.planned:%H:%M}"]

    @cron("0 7 * * mon-fri", timezone="Europe/Berlin", name="bells.report")
    def report(): ...

    @every(minutes=5, name="bells.refresh")
    def refresh(): ...
"""
GOOD = {"name": "mine", "task": "bells.report", "cron": "*/5 * * * *"}


class Schedules(Api):
    """Paths are those under /api/v1; names are those of schedules."""

    def make(self, status=201, **members):
        return self.send("/schedules", GOOD | members, status=status)

    def patch(self, name, members, status=200, etag="*"):
        given = {} if etag is None else {"If-Match": etag}
        answer = self.client.patch(f"/api/v1/schedules/{name}", json=members, headers=BEARER | given)
        assert answer.status_code == status, answer.text
        self.headers = answer.headers
        return answer.get_json(force=True)

    def delete(self, name, status=204, **headers):
        answer = self.client.delete(f"/api/v1/schedules/{name}", headers=BEARER | headers)
        assert answer.status_code == status, answer.text
        return answer

    def tag(self, name):
        return self.client.get(f"/api/v1/schedules/{name}", headers=BEARER).headers["ETag"]

    def act(self, act, body=None, name="mine", status=202):
        return self.send(f"/schedules/{name}/{act}", body, status=status)

    def fires(self, name="mine"):
        """Return what became of its planned times, oldest first: time, state, cause, number of times."""
        rows = reversed(self.get(f"/schedules/{name}/fires?limit=500")["items"])
        return [(row["planned"][11:19], row["state"], row["cause"], row.get("count", 1)) for row in rows]

    def tally(self, name="mine"):
        """Return how many planned times were fired, skipped and missed; runs that were asked for are none of them."""
        found = Counter()
        for _, state, cause, count in self.fires(name):
            found[state] += count if cause != "asked" else 0
        return {state: found[state] for state in ("fired", "skipped", "missed")}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
