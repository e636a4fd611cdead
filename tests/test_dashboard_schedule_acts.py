"""What people do to schedules on pages: run, pause, skip, backfill, delete. Each act is a form; some ask first."""

from datetime import timedelta

import pytest
from scheduling_api import HANDLERS, Schedules
from test_dashboard_schedules import HOSTILE, LIST, fired
from visiting import Visitor

from core.clock import now, rfc3339
from core.house import house
from core.testing import drain, runs

ACTS = ("run", "pause", "resume", "skip", "backfill", "delete")
MINUTE = timedelta(minutes=1)


def act(name, schedule="mine"):
    return f"{LIST}/-/{name}/{schedule}"


def local(moment):
    return moment.strftime("%Y-%m-%dT%H:%M")


def test_run_now_makes_a_run_and_says_its_id(app, api, visitor):
    api.make()
    page = visitor.post(act("run"))
    [run] = drain(app)
    assert f"mine runs now: {run['id']}." in page.words
    assert f"/dashboard/runs/{run['id']}" in page.links()
    api.make(name="unheard", task=None, event="shop.odd")
    visitor.post(act("run", "unheard"))


def test_from_the_list_the_list_is_shown_again_as_it_was_searched(api, visitor):
    api.make()
    [fields] = [fields for _, action, fields in visitor.get(f"{LIST}?q=mi%26ne").forms if "form_token" in fields] or [
        {}
    ]
    assert fields == {}  # nothing fits, so there is nothing to do
    [fields] = [fields for _, _, fields in visitor.get(f"{LIST}?q=mine").forms if "back" in fields]
    answer = visitor.post(act("run"), back=fields["back"], follow=False)
    assert answer.headers["Location"] == f"{LIST}?q=mine"
    odd = visitor.post(act("run"), back="//evil.example/\r\nX: y", follow=False)
    assert odd.headers["Location"] == LIST


class TestPause:
    def test_with_a_note_and_until_a_time_on_the_clocks_of_the_page(self, make_app):
        app = make_app(HANDLERS, dashboard_timezone="Pacific/Auckland")
        api, visitor = Schedules(app), Visitor(app)
        api.make()
        page = visitor.post(act("pause"), note=HOSTILE, until="2031-01-01T09:00")
        assert "mine is paused until Wed 1 Jan 2031, 09:00." in page.words
        assert api.get("/schedules/mine")["pause"] | {"since": ""} == {
            "since": "",
            "until": "2030-12-31T20:00:00Z",
            "note": HOSTILE,
        }
        assert "<script>alert" not in page.html

    def test_what_cannot_be_is_said_beside_its_field_and_kept(self, api, visitor):
        api.make()
        for until, wrong in (("1999-01-01T00:00", "It lies before now"), ("soon", "Found 'soon'; wanted a time")):
            page = visitor.post(act("pause"), status=422, note="n" * 300, until=until)
            assert wrong in page.words
            assert "It must be text of at most 200 characters." in page.words
            assert {until, "n" * 300} <= page.values("value")
            assert {"f-until-wrong f-until-hint", "f-note-wrong f-note-hint"} <= page.values("aria-describedby")
        assert api.get("/schedules/mine")["paused"] is False

    def test_and_resume(self, api, visitor):
        api.make()
        assert "Paused" in visitor.post(act("pause")).words
        assert "mine fires again from now on." in visitor.post(act("resume")).words
        assert api.get("/schedules/mine")["paused"] is False


def test_skip_skips_the_time_that_was_shown_and_not_another(api, visitor):
    api.make(cron="0 7 1 1 *")
    page = visitor.get(f"{LIST}/mine")
    [planned] = [value for tag, name, value in page.attributes if (tag, name) == ("button", "value") and value]
    assert "mine will not fire at" in visitor.post(act("skip"), planned=planned).words
    assert "Will be skipped" in visitor.get(f"{LIST}/mine").words
    assert api.get("/schedules/mine")["skips"] == [planned]
    visitor.post(act("skip"), status=409, planned="2031-05-05T00:00:00Z")
    visitor.post(act("skip"), status=400, planned="odd")


class TestBackfill:
    def test_counts_first_and_then_makes_the_runs(self, app, api, visitor):
        begin = fired(app, 3, 60)  # of the first ten only two fired
        before = len(runs(app))
        page = visitor.post(act("backfill"), status=200, **{"from": local(begin), "to": local(begin + 9 * MINUTE)})
        assert "8 planned times" in page.words
        assert "the other 2 have fired" in page.words
        assert len(runs(app)) == before
        [fields] = [fields for _, action, fields in page.forms if action == act("backfill")]
        done = visitor.post(act("backfill"), fields)
        assert "8 runs made for 10 planned times of mine." in done.words
        assert len(runs(app)) == before + 8
        again = visitor.post(act("backfill"), status=422, **{key: fields[key] for key in ("from", "to")})
        assert "all 10 planned times" in again.words
        forced = visitor.post(act("backfill"), status=200, force="1", **{key: fields[key] for key in ("from", "to")})
        assert "10 planned times" in forced.words
        assert "Make 10 runs" in forced.words

    def test_of_an_odd_range_says_what_is_wrong(self, api, visitor):
        api.make(cron="* * * * *")
        here, ago = local(now()), f"{local(now() - timedelta(days=3))}:30"
        for given, wrong in (
            ({}, "A time is wanted here."),
            ({"from": here, "to": ago}, "It lies before from."),
            ({"from": "odd", "to": here}, "Found 'odd'; wanted a time"),
            ({"from": ago, "to": "2099-01-01T00:00"}, "It lies after now"),
            ({"from": ago, "to": ago}, "There is nothing to make up for: none is planned"),
        ):
            assert wrong in visitor.post(act("backfill"), status=422, **given).words

    def test_takes_in_so_many_times_and_no_more(self, app, api, visitor):
        fired(app, 60)
        schedule = api.get("/schedules/mine")
        assert schedule
        page = visitor.post(
            act("backfill"), status=422, **{"from": rfc3339(now() - timedelta(days=9)), "to": rfc3339(now() - MINUTE)}
        )
        assert "takes in more than 1,000 planned times" in page.words


class TestDelete:
    def test_asks_first(self, api, visitor):
        api.make()
        page = visitor.get(act("delete"))
        [fields] = [fields for _, action, fields in page.forms if action == act("delete")]
        assert "mine is deleted." in visitor.post(act("delete"), fields).words
        api.get("/schedules/mine", 404)
        visitor.get(act("delete"), 404)
        visitor.post(act("delete"), fields, 404)

    def test_refuses_what_was_changed_meanwhile_and_what_code_declares(self, app, api, visitor):
        api.make()
        [fields] = [fields for _, action, fields in visitor.get(act("delete")).forms if action == act("delete")]
        api.patch("mine", {"cron": "0 0 * * *"})
        assert "was changed since it was read" in visitor.post(act("delete"), fields, 412).words
        house(app).clockwork.add_missing(now())
        assert "is declared by code at" in visitor.post(act("delete", "bells.report"), None, 409).words


@pytest.mark.parametrize("name", ACTS)
def test_each_act_wants_its_right(app, api, name):
    api.make()
    app.config["DASHBOARD_ACCESS"] = lambda: {"events.emit"}
    assert "You may look, but not do this" in Visitor(app).post(act(name), None, 403).words


@pytest.mark.parametrize("name", ACTS)
def test_an_act_on_nothing_is_a_page(visitor, name):
    page = visitor.post(act(name, "no/such"), {"from": "2026-01-01", "to": "2026-01-02"}, 404)
    assert "There is no schedule 'no/such'" in page.words
