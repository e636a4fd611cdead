"""The runs of the dashboard: the list with its search, what is done to many, and one run's page."""

import json

import pytest
from visiting import Visitor

from core.causes import Cause
from core.dashboard import bulk_acts
from core.house import house
from core.ledger.acceptance import Request, accept
from core.ledger.running import claim, note
from core.testing import drain, runs

HANDLERS = """
    from core import *
    from core import emit

    class Placed(Event, type="order.placed"):
        order: int
        note: str = ""

    class Mirrored(Event, type="release.mirrored"):
        order: int

    @on(Placed, name="shop.send", queue="mail", retries=1, backoff=[60])
    def send(event: Placed) -> dict:
        run.log(f"looks at {event.note}")
        if event.order % 2:
            raise RuntimeError(f"no stock for {event.note or event.order}")
        return {"sent": event.order, "note": event.note}

    @on("order.*", name="shop.archive")
    def archive(event: Event) -> None:
        emit(Mirrored(order=1))

    @on(Mirrored, name="shop.index")
    def index(event: Mirrored) -> None: ...

    @task(name="tidy", retries=0)
    def tidy(shelf: str) -> None:
        raise Discard("empty")
"""
BEARER = {"Authorization": "Bearer test-token"}
LIST = "/dashboard/runs"
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{ 7 * 191 }}'


def place(app, *orders, kind="order.placed", run=True, **data):
    for n in orders:
        body = {"type": kind, "data": {"order": n, **data}}
        answer = app.test_client().post("/api/v1/events", json=body, headers=BEARER)
        assert answer.status_code == 202, answer.text
        if run:
            drain(app)


def of(app, task, **filters):
    return [run["id"] for run in runs(app, task=task, **filters)]


def states(app, task="shop.send"):
    return [run["state"] for run in runs(app, task=task)]


def ticks(page):
    return [value for tag, name, value in page.attributes if (tag, name) == ("input", "aria-label")]


def form(page, action):
    [found] = [fields for _, target, fields in page.forms if target == action]
    return dict(found)


class TestList:
    def test_before_anything_has_run_it_teaches(self, visitor):
        page = visitor.get(LIST)
        assert "Every handler of an event, every fire of a schedule" in page.words
        assert "Retry" not in page.words

    def test_rows_states_and_counts(self, app, visitor):
        place(app, 2, 3)
        page = visitor.get(LIST)
        assert len(ticks(page)) == 6
        assert "6 are kept, the oldest from" in page.words
        assert "all6" in page.words
        assert "retrying1" in page.words
        assert "RuntimeError: no stock for 3; next attempt in" in page.words
        assert "apply to all 6 runs" in page.words
        assert {"/dashboard/runs?q=state%3Adead", f"/dashboard/runs/{of(app, 'shop.send')[0]}"} <= set(page.links())

    @pytest.mark.parametrize(
        ("q", "count"),
        [
            ("task:shop.send", 2),
            ("task:shop.*", 6),
            ("arch", 2),
            ('task:"shop.send" state:retrying', 1),
            ("state:failed,succeeded", 5),
            ("event:order.*", 4),
            ("event:order.placed queue:mail", 2),
            ("data.order:3", 2),
            ("data.order:3 from:1h task:shop.send", 1),
            ("to:1h", 0),
            ("from:00:00", 6),
            ("schedule:none", 0),
            ("queue:nowhere", 0),
        ],
    )
    def test_a_search_is_in_the_address_and_in_the_box(self, app, visitor, q, count):
        place(app, 2, 3)
        page = visitor.get(f"{LIST}?q={q.replace(' ', '+')}")
        assert len(ticks(page)) == count
        assert q in page.values("value")
        assert f"{count} match, newest first" in page.words

    def test_links_of_states_keep_the_rest_of_the_search(self, app, visitor):
        place(app, 2)
        page = visitor.get(f"{LIST}?q=state:dead+event:%22order.placed%22+from:24h")
        assert "/dashboard/runs?q=event%3Aorder.placed+from%3A24h+state%3Aparked" in page.links()
        assert "/dashboard/runs?q=event%3Aorder.placed+from%3A24h" in page.links()

    @pytest.mark.parametrize(
        ("q", "said"),
        [
            ("state:done", "Found state:done; wanted scheduled, pending"),
            ("colour:red", "Found colour:, which is no key here. Known: task: state: event:"),
            ("task:a task:b", "Found task: more than once; one is the most."),
            ("from:yesterday", "Found from:yesterday; wanted a time such as 14:25"),
            ('task:"shop', "a quotation mark has no partner"),
            ("state:", "Found state: with nothing behind it"),
            ("data.:1", "Found data.:, which is no key here"),
            ("x" * 1001, "1,000 are the most"),
        ],
    )
    def test_what_is_not_understood_is_said_under_the_box_and_the_list_stays(self, app, visitor, q, said):
        place(app, 2)
        page = visitor.get(f"{LIST}?q={q}", 422)
        assert said in page.words
        assert "q-wrong" in page.values("id")
        assert len(ticks(page)) == 3
        assert "matching" not in page.words

    @pytest.mark.parametrize(
        "query",
        ["cursor=x", "cursor=-1", "cursor=%00", "q=%00", "q=%ff", "q=data.a:%00", "q=task:[", "q=event:%5B*", "live=x"]
        + ["q=from:0001-01-01", "q=to:9999-12-31T23:59:59-23:59", "q=from:999999d", "q=data." + "a." * 300 + ":1"],
    )
    def test_whatever_is_asked_is_a_page(self, app, visitor, query):
        place(app, 2)
        answer = visitor.client.get(f"{LIST}?{query}", base_url=visitor.base)
        assert answer.status_code in (200, 422), answer.text

    def test_pages_go_back_in_time(self, app, visitor, monkeypatch):
        monkeypatch.setattr("core.dashboard.run_list.SHOWN", 2)
        place(app, 2, 4)
        seen, address = [], LIST
        while address:
            page = visitor.get(address)
            seen += ticks(page)
            older = [link for link in page.links() if "cursor=" in link and "live=" not in link and link != address]
            address = older[0] if older else ""
        assert len(seen) == len(set(seen)) == 6
        assert LIST in page.links()

    def test_where_nothing_was_found_so_far_one_may_look_further(self, app, visitor, monkeypatch):
        monkeypatch.setattr("core.ledger.listing.SCANNED", 1)
        monkeypatch.setattr("core.dashboard.run_list.SHOWN", 1)
        place(app, 2)
        page = visitor.get(f"{LIST}?q=data.order:9")
        assert "None of the runs that were looked at fits, back to" in page.words

    def test_words_of_strangers_stay_words(self, app, visitor):
        place(app, 3, note=HOSTILE)
        [run] = of(app, "shop.send")
        for path in (LIST, f"{LIST}/{run}"):
            page = visitor.get(path)
            assert HOSTILE not in page.html
            assert HOSTILE in page.text
            assert "img" not in page.tags

    def test_who_may_only_look_sees_no_buttons(self, app):
        place(app, 3)
        app.config["DASHBOARD_ACCESS"] = lambda: "read_only"
        reader = Visitor(app)
        assert "Act on runs" not in reader.get(LIST).words
        [run] = of(app, "shop.send")
        page = reader.get(f"{LIST}/{run}")
        assert not {"Run again", "Run now", "Cancel …", "Edit and run again"} & set(page.words.split("  "))
        assert not [action for _, action, _ in page.forms if "/runs/" in action]
        for path in ("retry", "cancel", f"{run}/retry", f"{run}/cancel", f"{run}/again"):
            assert "it takes the right" in reader.post(f"{LIST}/{path}", status=403).text
        for path in ("retry", "cancel", f"{run}/cancel"):
            reader.get(f"{LIST}/{path}", 403)
        app.config["DASHBOARD_ACCESS"] = lambda: {"runs.retry"}
        words = Visitor(app).get(LIST).words
        assert "Retry" in words
        assert "Cancel …" not in words


class TestMany:
    def test_ticked_runs_are_retried_at_once(self, app, visitor):
        place(app, 1, 3, 2)
        ids = of(app, "shop.send")
        page = visitor.post(f"{LIST}/retry", {"on": "ticked", "id": ids, "q": "task:shop.send"})
        assert "Retried 2 runs. 1 run stayed as before: retry takes what is scheduled, retrying" in page.words
        assert sorted(states(app)) == ["pending", "pending", "succeeded"]
        assert "task:shop.send" in page.values("value")

    def test_nothing_ticked_is_nothing_done(self, app, visitor):
        place(app, 1)
        assert "No run was ticked, so nothing was done." in visitor.post(f"{LIST}/retry", {"on": "ticked"}).words
        assert states(app) == ["retrying"]

    def test_cancel_asks_first_and_says_how_many(self, app, visitor):
        place(app, 1, 3, run=False)
        ids = of(app, "shop.send")
        page = visitor.post(f"{LIST}/cancel", {"on": "ticked", "id": ids[:1]})
        assert "Cancel 1 run" in page.words
        assert "They end as cancelled and do not run." in page.words
        assert states(app) == ["pending", "pending"]
        page = visitor.post(f"{LIST}/cancel", form(page, f"{LIST}/cancel"))
        assert "Cancelled 1 run." in page.words
        assert states(app) == ["cancelled", "pending"]

    @pytest.mark.parametrize(("act", "q"), [("retry", ""), ("retry", "task:shop.send"), ("cancel", "data.order:1")])
    def test_all_that_match_ask_first(self, app, visitor, act, q):
        place(app, 1)
        [run] = of(app, "shop.send")
        house(app).ledger.client.hset(house(app).keys.run(run), "state", "dead" if act == "retry" else "retrying")
        if act == "retry":
            index = house(app).keys.state
            house(app).ledger.client.zadd(index("dead"), {run: 1})
        page = visitor.post(f"{LIST}/{act}", {"on": "all", "q": q})
        assert f"{act.capitalize()} 1 run" in page.words
        assert f"Of all runs{f' that match {q}' if q else ''}, those that are" in page.words
        page = visitor.post(f"{LIST}/{act}", form(page, f"{LIST}/{act}"))
        assert f"{ {'retry': 'Retried', 'cancel': 'Cancelled'}[act] } 1 run." in page.words

    def test_of_very_many_it_is_said_how_many_at_least(self, app, visitor, monkeypatch):
        place(app, 1, 3, 5, run=False)
        monkeypatch.setattr(bulk_acts, "COUNTED", 2)
        assert "Cancel at least 2 runs" in visitor.get(f"{LIST}/cancel?on=all&q=task:shop.send").words

    def test_what_is_left_goes_on_and_a_form_sent_twice_counts_once(self, app, visitor, monkeypatch):
        monkeypatch.setattr("core.operating.BATCH", 2)
        monkeypatch.setattr(bulk_acts, "TIME", 0.0)
        place(app, *range(1, 11, 2), run=False)
        page = visitor.get(f"{LIST}/cancel?on=all&q=task:shop.send")
        first = form(page, f"{LIST}/cancel")
        page = visitor.post(f"{LIST}/cancel", first)
        assert "Cancelled 2 runs so far" in page.words
        assert "Go on" in page.words
        assert states(app).count("cancelled") == 2
        visitor.post(f"{LIST}/cancel", first)
        assert states(app).count("cancelled") == 2 + 2  # what it cancelled is no match any more: the next ones are
        while "Go on" in page.words:
            page = visitor.post(f"{LIST}/cancel", form(page, f"{LIST}/cancel"))
        assert states(app).count("cancelled") == 5

    def test_a_double_click_counts_once(self, app, visitor):
        place(app, 1)
        [run] = of(app, "shop.send")
        page = visitor.get(LIST)
        fields = form(page, f"{LIST}/retry") | {"on": "ticked", "id": run}
        visitor.post(f"{LIST}/retry", fields)
        drain(app)
        visitor.post(f"{LIST}/retry", fields)
        assert states(app) == ["retrying"]
        assert "Retried 1 run." in visitor.post(f"{LIST}/retry", fields | {"nonce": "0" * 16}).words
        assert states(app) == ["pending"]
        page = visitor.post(f"{LIST}/cancel", fields | {"sure": "yes", "nonce": "0" * 16})
        assert states(app) == ["cancelled"]  # the same nonce is another act's

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"on": "all", "q": "state:running", "sure": "yes"}, 403),
            ({"on": "all", "q": "state:x", "sure": "yes"}, 400),
            ({"on": "all", "cursor": "x", "sure": "yes"}, 403),
            ({"on": "ticked", "id": [f"x.{n}" for n in range(501)]}, 403),
            ({"on": "all", "done": "x", "nonce": "\x00"}, 303),
            ({"on": "ticked", "id": ["\x00", "x" * 3000], "sure": "yes"}, 303),
        ],
    )
    def test_odd_forms(self, app, visitor, fields, status):
        place(app, 1)
        for act in ("retry", "cancel"):
            visitor.post(f"{LIST}/{act}", fields, status=status, follow=False)
        assert states(app) == ["retrying"]

    def test_hints_are_published(self, app, visitor, monkeypatch):
        published = []
        place(app, 1)
        house(app).publisher.flush(5)
        monkeypatch.setattr(house(app).publisher, "_work", published.extend)
        [run] = of(app, "shop.send")
        visitor.post(f"{LIST}/retry", {"on": "ticked", "id": run})
        visitor.post(f"{LIST}/{run}/cancel")
        visitor.post(f"{LIST}/{run}/retry")
        house(app).publisher.flush(5)
        assert [hint.run for hint in published] == [run, run]


class TestOne:
    def test_a_run_that_succeeded(self, app, visitor):
        place(app, 2, note="Ann")
        [run] = of(app, "shop.send")
        page = visitor.get(f"{LIST}/{run}")
        assert "succeeded at attempt 1" in page.words
        assert '"sent": 2' in page.words
        assert "looks at Ann" in page.words
        assert "1 attempt, of" in page.html
        assert "accepted with event order.placed" in page.words
        assert "1, backoff 1 min" in page.words
        assert "subject.py:" in page.words
        assert "for 6 d more" in page.words
        assert page.words.count("Run again") == 1
        assert "Cancel …" not in page.words

    def test_a_run_that_waits_for_its_next_attempt(self, app, visitor):
        place(app, 1)
        [run] = of(app, "shop.send")
        page = visitor.get(f"{LIST}/{run}")
        assert "retrying after attempt 1, due" in page.words
        assert "Copy traceback" in page.words
        assert "<em>RuntimeError: no stock for 1</em>" in page.html
        assert "attempt 1 on" in page.words
        assert ", raised" in page.words
        page = visitor.post(f"{LIST}/{run}/retry")
        assert "It starts again now." in page.words
        drain(app)
        page = visitor.get(f"{LIST}/{run}")
        assert "at attempt 2 of 2" in page.words or "retrying after attempt 2 of 2" in page.words
        assert "waiting, backoff" in page.words

    def test_a_run_that_is_running_shows_how_far_it_is(self, app, visitor):
        place(app, 2, run=False)
        [run] = of(app, "shop.send")
        here = house(app)
        here.ledger.run(claim(here.keys, run, "t", "w1"))
        here.ledger.run(note(here.keys, run, "t", "37/120", ["page 37"]))
        page = visitor.get(f"{LIST}/{run}")
        assert "37 of 120" in page.words
        assert "attempt 1 on w1" in page.words
        assert "data-live" in page.names
        assert "37 of 120 done" in visitor.get(LIST).words
        for act in ("retry", "cancel"):
            assert f"Run {run} is running" in visitor.post(f"{LIST}/{run}/{act}", status=409).words

    def test_a_pending_one_is_cancelled_after_a_question(self, app, visitor):
        place(app, 2, run=False)
        [run] = of(app, "shop.send")
        page = visitor.get(f"{LIST}/{run}")
        assert "It waits for a worker that serves the queue mail." in page.words
        assert f"{LIST}/{run}/cancel" in page.links()
        question = visitor.get(f"{LIST}/{run}/cancel")
        assert states(app) == ["pending"]
        page = visitor.post(f"{LIST}/{run}/cancel", form(question, f"{LIST}/{run}/cancel"))
        assert "It is cancelled." in page.words
        assert states(app) == ["cancelled"]

    def test_what_came_of_it_and_where_it_came_from(self, app, visitor):
        place(app, 2)
        [run] = of(app, "shop.archive")
        page = visitor.get(f"{LIST}/{run}")
        assert "release.mirrored" in page.words
        assert "shop.index succeeded" in page.words
        assert "1 event or call on the way" in page.words
        [child] = of(app, "shop.index")
        assert "the run that emitted it" in visitor.get(f"{LIST}/{child}").words
        assert f"{LIST}/{run}" in visitor.get(f"{LIST}/{child}").links()

    def test_a_call_shows_its_arguments_and_is_not_edited(self, app, visitor):
        with app.app_context():
            from core import enqueue

            enqueue(house(app).catalog.task("tidy").function, shelf="c")
        drain(app)
        [run] = of(app, "tidy")
        page = visitor.get(f"{LIST}/{run}")
        assert '"shelf": "c"' in page.words
        assert "discarded" in page.words
        assert "Edit and run again" not in page.words
        assert "only events are replayed" in visitor.post(f"{LIST}/{run}/again", status=409).words

    @pytest.mark.parametrize("run", ["x", "x.0", "%00", "é", "x" * 3000, "a%2Fb"])
    def test_a_run_that_is_gone(self, visitor, run):
        page = visitor.get(f"{LIST}/{run}", 404)
        if "%2F" not in run:
            assert "its retention is over" in page.words
            assert "x" * 100 not in page.words
            for act in ("retry", "cancel", "again"):
                visitor.post(f"{LIST}/{run}/{act}", status=404)

    def test_a_run_whose_record_is_gone(self, app, visitor):
        place(app, 1)
        [run] = of(app, "shop.send")
        house(app).ledger.client.delete(house(app).keys.record(run.rpartition(".")[0]))
        page = visitor.get(f"{LIST}/{run}")
        assert "Run now" not in page.words
        visitor.post(f"{LIST}/{run}/retry", status=410)
        visitor.get(LIST)

    def test_a_task_that_this_release_does_not_know(self, app, visitor):
        place(app, 2)
        [run] = of(app, "shop.send")
        house(app).ledger.client.hset(house(app).keys.run(run), "task", "shop.old")
        assert "not known to this release" in visitor.get(f"{LIST}/{run}").words


class TestAgain:
    def test_with_edited_data(self, app, visitor):
        place(app, 1)
        [run] = of(app, "shop.send")
        page = visitor.get(f"{LIST}/{run}")
        fields = form_of(page, f"{LIST}/{run}/again")
        page = visitor.post(f"{LIST}/{run}/again", fields | {"data": '{"order": 4}'})
        assert "A new run, just made." in page.words
        assert "a replay of" in page.words
        drain(app)
        assert sorted(states(app)) == ["retrying", "succeeded"]
        visitor.post(f"{LIST}/{run}/again", fields | {"data": '{"order": 4}'})
        assert len(states(app)) == 2
        assert of(app, "shop.archive") == of(app, "shop.archive", states=("succeeded",))
        assert len(of(app, "shop.archive")) == 1

    def test_without_a_change_as_it_was_recorded(self, app, visitor):
        place(app, 2)
        [run] = of(app, "shop.send")
        visitor.post(f"{LIST}/{run}/again")
        visitor.post(f"{LIST}/{run}/again", {"data": '{"order": 2, "note": ""}'})
        assert len(states(app)) == 3

    def test_what_was_recorded_need_not_fit_the_type_of_today(self, app, visitor):
        here = house(app)
        old = {"order": 2, "colour": "red"}
        cause = Cause(kind="event", id="old", type="order.placed", source="/s", time="2026-11-22T12:00:00Z", data=old)
        requests = [Request(task="shop.send", queue="mail")]
        run = here.ledger.run(accept(here.keys, here.bus.keyring, cause, requests)).runs[0][0]
        visitor.post(f"{LIST}/{run}/again", {"data": json.dumps(old)})
        visitor.post(f"{LIST}/{run}/again", {"data": json.dumps(old | {"order": 4})}, status=422)
        assert len(states(app)) == 2

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ('{"order": ', "This is not JSON"),
            ("", "Found an empty body"),
            ('{"order": "x"}', "order"),
            ("[]", "order.placed"),
            ('{"order": 1, "order": 2}', "twice"),
            ("[" * 100, "levels of nesting"),
        ],
    )
    def test_what_does_not_fit_is_kept_with_the_reason_beside_it(self, app, visitor, data, said):
        place(app, 1)
        [run] = of(app, "shop.send")
        page = visitor.post(f"{LIST}/{run}/again", {"data": data}, status=422)
        assert data in page.text
        assert said in page.words
        assert ("textarea", "aria-invalid", "true") in page.attributes
        assert len(states(app)) == 1

    def test_large_data_are_not_put_into_a_form(self, app, visitor):
        place(app, 2, note="x" * 70_000)
        [run] = of(app, "shop.send")
        page = visitor.get(f"{LIST}/{run}")
        assert "Its data have more than 64 KB" in page.words
        assert len(page.html) < 150_000
        visitor.post(f"{LIST}/{run}/again")
        assert len(states(app)) == 2


def form_of(page, action):
    return next(dict(fields) for _, target, fields in page.forms if target == action)
