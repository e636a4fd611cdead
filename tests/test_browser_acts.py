"""Every act of the dashboard in a real browser, clicked through with scripts and without, and what came of it."""

import re
from urllib.parse import urlsplit

import pytest
from browser import elsewhere
from test_browser_processes import SAID

from core.house import house
from core.ledger.alive import alive, beat
from core.testing import drain, runs

RUNS, EVENTS, SCHEDULES, WORKERS = (f"/dashboard/{name}" for name in ("runs", "events", "schedules", "workers"))
REPLAY = re.compile("Replay (it|all)")


class Hand:
    """Somebody at a page of *site*: clicks, fills in, and remembers which acts were sent."""

    def __init__(self, site, page):
        self.site, self.page, self.acts = site, page, set()
        self.adapter = site.app.url_map.bind("127.0.0.1")
        page.on("request", self._note)

    def _note(self, request):
        if request.method == "POST":
            self.acts.add(self.adapter.match(urlsplit(request.url).path, method="POST")[0])

    def open(self, path):
        self.page.goto(self.site.url + path)

    def click(self, name, role="button"):
        self.page.get_by_role(role, name=name, exact=True).first.click()

    def ask(self, link, button):
        """Follow *link* to the page that asks first, and say yes with *button*."""
        self.click(link, "link")
        self.click(button)

    def fill(self, label, text):
        self.page.get_by_label(label, exact=True).fill(text)

    @property
    def here(self):
        """The last part of the address: what the page is about."""
        return urlsplit(self.page.url).path.rpartition("/")[2]

    @property
    def said(self):
        return self.page.locator("[role=status]").inner_text()

    def get(self, path):
        return self.site.api.get(path)


def of_state(hand, state, **wanted):
    return elsewhere(runs, hand.site.app, states=(state,), **wanted)


def in_and_out(hand):
    hand.open(RUNS)
    hand.fill("Token or password", hand.site.token)
    hand.click("Sign in")
    assert hand.page.get_by_role("heading", name="Runs", level=1).is_visible()
    hand.click("Sign out")
    hand.open(RUNS)
    assert hand.page.get_by_label("Token or password").is_visible()


def events(hand):
    hand.open(f"{EVENTS}?test=customer.joined")
    hand.fill("name", "Ann Weber")
    hand.fill("email", "ann@example.org")
    hand.click("Send")
    sent = hand.here
    assert hand.get(f"/events/{sent}")["data"]["name"] == "Ann Weber"
    hand.click(REPLAY)
    again = hand.here
    assert hand.get(f"/events/{again}")["replay_of"] == sent
    hand.page.locator("#edit > summary").click()
    hand.fill("Data for the new runs", '{"name": "Bo", "email": "bo@example.org"}')
    hand.click("Replay with this data")
    edited = hand.here
    assert hand.get(f"/events/{edited}")["data"]["name"] == "Bo"


def failed_runs_of_an_event(hand):
    dead = of_state(hand, "dead")[0]["event"]["id"]
    hand.open(f"{EVENTS}/{dead}")
    hand.click(re.compile("Replay the [0-9]+ failed"))
    new = hand.get(f"/events/{hand.here}")
    assert new["replay_of"] == dead
    assert {run["task"] for run in new["runs"]} == {
        run["task"] for run in hand.get(f"/events/{dead}")["runs"] if run["state"] == "dead"
    }


def one_run(hand):
    dead = next(run for run in of_state(hand, "dead") if run["event"])
    hand.open(f"{RUNS}/{dead['id']}")
    hand.page.locator("summary", has_text="Edit and run again").click()
    hand.click("Run")
    assert hand.said == "A new run, just made."
    assert hand.get(f"/runs/{hand.here}")["replay_of"] == dead["event"]["id"]
    hand.open(f"{RUNS}/{dead['id']}")
    hand.click("Run again")
    assert hand.said == "It starts again now."
    assert hand.get(f"/runs/{dead['id']}")["state"] == "pending"
    hand.open(f"{RUNS}/{dead['id']}")
    hand.ask("Cancel …", "Cancel it")
    assert hand.said == "It is cancelled."
    assert hand.get(f"/runs/{dead['id']}")["state"] == "cancelled"


def many_runs(hand):
    before = {run["id"] for run in of_state(hand, "dead")}
    hand.open(f"{RUNS}?q=state:dead")
    hand.page.locator("tbody input[type=checkbox]").first.check()
    hand.click("Retry")
    assert hand.said == "Retried 1 run."
    hand.open(f"{RUNS}?q=state:dead")
    assert len(of_state(hand, "dead")) == len(before) - 1
    hand.page.get_by_label("apply to all").check()
    hand.click("Retry")
    hand.click("Retry them")
    assert of_state(hand, "dead") == []
    [again] = [run for run in of_state(hand, "pending") if run["id"] in before][:1]
    hand.open(f"{RUNS}?q=state:pending task:{again['task']}")
    hand.page.get_by_label("apply to all").check()
    hand.click("Cancel …")
    hand.click("Cancel them")
    assert of_state(hand, "pending", task=again["task"]) == []


def a_schedule(hand, name):
    hand.open(SCHEDULES)
    hand.click("New schedule", "link")
    hand.fill("Name", name)
    hand.fill("Task or event", "shop.reindex")
    hand.fill("Arguments, JSON", '{"shelf": "a"}')
    hand.fill("Cron expression", "0 7 * * *")
    hand.click("Preview")
    assert hand.page.locator("#preview li, #preview tr").count() >= 10
    hand.click("Save")
    assert hand.get(f"/schedules/{name}")["cron"] == "0 7 * * *"
    hand.open(f"{SCHEDULES}/{name}")
    hand.click("Edit", "link")
    hand.fill("Cron expression", "0 8 * * *")
    hand.click("Save")
    assert hand.get(f"/schedules/{name}")["cron"] == "0 8 * * *"
    hand.click(f"Run now {name}")
    assert hand.said.startswith(f"{name} runs now")
    planned = hand.get(f"/schedules/{name}")["next"]
    hand.click("Skip next")
    assert hand.get(f"/schedules/{name}")["skips"] == [planned]
    hand.click("Pause …", "link")
    hand.fill("Why", "stocktaking")
    hand.click("Pause")
    assert hand.get(f"/schedules/{name}")["pause"]["note"] == "stocktaking"
    hand.click("Resume")
    assert hand.get(f"/schedules/{name}")["paused"] is False
    hand.click("Backfill …", "link")
    hand.fill("From", "2026-11-20T00:00")
    hand.fill("To", "2026-11-22T00:00")
    hand.click("Count them …")
    hand.click("Make 2 runs")
    assert hand.said.startswith("2 runs made")
    hand.ask("Delete …", "Delete it")
    assert hand.said == f"{name} is deleted."
    assert hand.site.api.send(f"/schedules/{name}/run", status=404)


def workers(hand, first, second):
    here = house(hand.site.app)

    def speak(**more):
        for ident in (first, second):
            elsewhere(here.ledger.run, beat(here.keys, "worker", ident, SAID | more))
        hand.open(WORKERS)

    def told():
        orders = {one.id: one.order for one in elsewhere(here.ledger.run, alive(here.keys))}
        return orders[first], orders[second]

    speak()
    hand.click(f"Quiet {first}")
    assert told() == ("quiet", "")
    hand.click(f"Resume {first}")
    assert told() == ("resume", "")
    hand.ask("Quiet all …", "Quiet all")
    assert told() == ("quiet", "quiet")
    speak(quiet=True)
    hand.click("Resume all")
    assert told() == ("resume", "resume")
    hand.ask(f"Stop … {first}", "Stop")
    assert told() == ("stop", "resume")
    hand.ask("Stop all …", "Stop all")
    assert told() == ("stop", "stop")


@pytest.mark.parametrize("scripts", [True, False])
def test_every_act_is_clicked_through(site, locked_site, visit, scripts):
    spoil(site, 4)
    hand, guest = (Hand(place, visit(place, "/", scripts=scripts)) for place in (site, locked_site))
    events(hand)
    failed_runs_of_an_event(hand)
    one_run(hand)
    many_runs(hand)
    name = "with" if scripts else "without"
    a_schedule(hand, f"{name}-scripts")
    workers(hand, f"{name}-1", f"{name}-2")
    in_and_out(guest)
    assert hand.acts | guest.acts == acts(site.app)


def spoil(site, count):
    """Place *count* orders of which a run dies."""
    for number in range(count):
        order = {"order": 501 + 5 * number, "email": "buyer@example.org", "total": 0.0}
        site.api.send("/events", {"type": "order.placed", "data": order})
    elsewhere(drain, site.app)


def acts(app):
    """Return the endpoints of all acts that the dashboard has."""
    pages = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/dashboard")]
    return {rule.endpoint for rule in pages if "POST" in rule.methods}
