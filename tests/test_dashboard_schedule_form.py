"""The form of a schedule: what it shows, what it refuses and where it says so, and that a preview stores nothing."""

import pytest
from scheduling_api import HANDLERS as HANDLERS
from test_dashboard_schedules import HOSTILE, LIST

from core.clock import now
from core.dashboard import schedule_edit
from core.dashboard import schedule_form as forms
from core.house import house
from core.testing import fire_due
from core.wording import span, spelled

NEW = f"{LIST}/-/new"
FILLED = {"name": "mine", "target": "bells.report", "kind": "cron", "cron": "30 7 * * *", "timezone": "Europe/Berlin"}


def edit(name="mine"):
    return f"{LIST}/-/edit/{name}"


def fields(page, action):
    """Return the texts of the form as a browser would send them; radios, options and areas stay as they are stored."""
    [sent] = [sent for _, where, sent in page.forms if where == action]
    return {name: text or "" for name, text in sent.items() if name not in ("do", "data", "kind", *forms.CHOICES)}


class TestNew:
    def test_offers_what_there_is(self, visitor):
        page = visitor.get(NEW)
        assert {"bells.report", "tidy", "order.placed", "Europe/Berlin", "UTC"} <= page.values("value")
        assert "receipt" not in page.values("value")  # a handler
        assert "Say when, then look here" in page.words
        assert "every" in visitor.get(f"{NEW}?kind=every&every=5min").values("value")

    def test_stores_a_schedule_and_leads_to_it(self, api, visitor):
        page = visitor.post(NEW, FILLED, jitter="90s", max_runs="3", catch_up="all", catch_up_window="2h", overlap="")
        assert "mine is stored. Its next time is" in page.words
        assert "made on the dashboard, today" in page.words
        stored = api.get("/schedules/mine")
        assert {name: stored[name] for name in ("task", "cron", "timezone", "owner", "jitter", "max_runs")} == {
            "task": "bells.report",
            "cron": "30 7 * * *",
            "timezone": "Europe/Berlin",
            "owner": "dashboard",
            "jitter": 90.0,
            "max_runs": 3,
        }
        assert (stored["catch_up"], stored["catch_up_window"], stored["overlap"]) == ("all", 7200.0, "allow")

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ({"kind": "every", "every": "5 min", "cron": "left over"}, {"every": 300.0, "overlap": "skip"}),
            ({"kind": "at", "at": "2031-07-01T09:00"}, {"at": "2031-07-01T07:00:00Z"}),
            ({"kind": "rrule", "rrule": "FREQ=DAILY;BYHOUR=9"}, {"rrule": "FREQ=DAILY;BYHOUR=9"}),
            ({"starts_at": "2031-07-01T09:00", "ends_at": "2031-12-01"}, {"starts_at": "2031-07-01T07:00:00Z"}),
            ({"target": "order.placed", "data": '{"order": 7}'}, {"event": "order.placed", "data": {"order": 7}}),
            ({"target": "shop.any"}, {"event": "shop.any"}),
            ({"target": "tidy", "data": '{\r\n"days": 3}'}, {"task": "tidy", "data": {"days": 3}}),
        ],
    )
    def test_reads_the_chosen_kind_and_times_on_the_clocks_of_its_zone(self, api, visitor, given, found):
        visitor.post(NEW, FILLED | given)
        stored = api.get("/schedules/mine")
        assert {name: stored[name] for name in found} == found

    @pytest.mark.parametrize(
        ("given", "field", "words"),
        [
            ({"name": "-odd"}, "name", "must be 1 to 128 letters"),
            ({"target": "bells.nothing"}, "target", "no job or task has this name"),
            ({"target": "receipt"}, "target", "is a handler: schedule the event that it answers"),
            ({"target": ""}, "target", "no job or task has this name"),
            ({"cron": "61 * * * *"}, "cron", "61"),
            ({"cron": ""}, "cron", "A schedule of the kind cron wants this field."),
            ({"kind": "every", "every": "often"}, "every", "Found 'often'; wanted seconds"),
            ({"kind": "every", "every": "0s"}, "every", "wanted seconds from 1 up"),
            ({"kind": "at", "at": "soon"}, "at", "Found 'soon'; wanted a time such as"),
            ({"kind": "at", "at": "1999-01-01T00:00"}, "at", "never fires"),
            ({"kind": "rrule", "rrule": "FREQ=NEVER"}, "rrule", "NEVER"),
            ({"timezone": "Mars/Olympus", "starts_at": "2031-01-01"}, "timezone", "Found the timezone 'Mars/Olympus'"),
            ({"starts_at": "9999-99-99"}, "starts_at", "Found '9999-99-99'; wanted a time"),
            ({"timezone": "x", "kind": "at", "at": "2031-01-01"}, "timezone", "Found the timezone 'x'"),
            ({"jitter": "2d"}, "jitter", "from 0 to a day"),
            ({"jitter": "x"}, "jitter", "Found 'x'; wanted seconds"),
            ({"max_runs": "0"}, "max_runs", "must be a whole number from 1 on"),
            ({"max_runs": "-1"}, "max_runs", "Found '-1'; wanted a whole number"),
            ({"max_runs": "²"}, "max_runs", "wanted a whole number"),
            ({"overlap": "odd"}, "overlap", "must be one of allow, skip, queue_one"),
            ({"catch_up_window": "999w"}, "catch_up_window", "366 days"),
            ({"grace": "0"}, "grace", "from 1 to 366 days"),
            ({"data": "{"}, "data", "This is not JSON"),
            ({"data": "[1]"}, "data", "must be an object"),
            ({"data": '{"a": 1, "a": 2}'}, "data", "twice in one object"),
            ({"target": "tidy", "data": '{"days": "x"}'}, "data", "days: "),
            (
                {"target": "order.placed", "overlap": "skip", "data": '{"order": 1}'},
                "overlap",
                "must be allow for an event",
            ),
        ],
    )
    def test_says_beside_each_field_what_is_wrong_and_keeps_what_was_written(self, api, visitor, given, field, words):
        page = visitor.post(NEW, FILLED | given, status=422)
        assert f"f-{field}-wrong" in page.values("id")
        assert words in page.words
        assert len([value for tag, name, value in page.attributes if name == "aria-invalid"]) == 1
        assert "Nothing was stored. 1 field needs another look" in page.words
        kept = {text for name, text in (FILLED | given).items() if name not in ("data", "kind", "overlap") and text}
        assert kept <= page.values("value")
        api.get("/schedules/mine", 404)

    def test_says_all_that_is_wrong_at_once(self, visitor):
        page = visitor.post(NEW, FILLED, status=422, name="", cron="x", jitter="y", data="z", max_runs="0")
        assert {f"f-{name}-wrong" for name in ("name", "cron", "jitter", "data", "max_runs")} <= page.values("id")
        assert "5 fields need another look" in page.words

    def test_a_name_that_is_taken_is_said_to_be(self, api, visitor):
        api.make()
        assert "There is a schedule 'mine' already" in visitor.post(NEW, FILLED, status=409).words

    @pytest.mark.parametrize(
        "odd", ["\x00", "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"), HOSTILE]
    )
    def test_takes_odd_words_for_words(self, visitor, odd):
        for do in ({}, {"do": "preview"}, {"do": "fragment"}):
            given = dict.fromkeys(forms.FIELDS, odd) | do
            page = visitor.client.post(NEW, data=given | {"form_token": visitor.token("/dashboard/login")})
            assert page.status_code in (200, 422)
            assert "<script>alert" not in page.text


class TestPreview:
    def test_shows_the_next_times_with_what_clock_changes_do_and_stores_nothing(self, api, visitor):
        given = FILLED | {"cron": "30 2 28 3 *", "name": "", "data": "{"}
        page = visitor.post(NEW, given, status=200, do="preview")
        assert "A clock change falls on a planned time" in page.words or "02:30 does not exist" not in page.words
        assert page.html.count("CET</time>") + page.html.count("CEST</time>") == 10
        assert "30 2 28 3 *" in page.values("value")
        api.get("/schedules/mine", 404)

    def test_of_what_cannot_be_says_why(self, visitor):
        page = visitor.post(NEW, FILLED, status=422, do="preview", cron="99 * * * *")
        assert "No planned times yet" in page.words
        assert "f-cron-wrong" in page.values("id")
        page = visitor.post(
            NEW, FILLED, status=422, do="preview", kind="at", at="2020-01-01T00:00", ends_at="2019-01-01"
        )
        assert "never fires" in page.words

    def test_alone_is_a_fragment(self, api, visitor):
        api.make()
        for where in (NEW, edit()):
            page = visitor.post(where, FILLED, status=200, do="fragment", kind="every", every="90s")
            assert page.html.lstrip().startswith('<div aria-live="polite" id="preview">')
            assert "Every 90 seconds" in page.words
            assert "form" not in page.tags

    def test_wants_the_token_and_the_right(self, app, visitor):
        visitor.post(NEW, FILLED, status=403, do="fragment", form_token="")
        app.config["DASHBOARD_ACCESS"] = lambda: {"schedules.run"}
        visitor.post(NEW, FILLED, status=403, do="fragment")
        visitor.get(NEW, 403)


class TestEdit:
    def test_shows_what_is_stored_and_saving_it_unchanged_changes_nothing(self, api, visitor):
        made = api.make(starts_at="2031-10-26T00:30:00.123Z", timezone="Europe/Berlin", grace=120, jitter=1.5)
        page = visitor.get(edit())
        assert {"2031-10-26T02:30:00.123", "2min", "1.5s", "1h", "*/5 * * * *"} <= page.values("value")
        assert "Next times" in page.words
        assert "is stored" in visitor.post(edit(), fields(page, edit())).words
        assert api.get("/schedules/mine")["etag"] == made["etag"]

    def test_changes_what_was_changed(self, api, visitor):
        api.make(task="tidy", data={"days": 3}, jitter=60, max_runs=9)
        given = fields(visitor.get(edit()), edit())
        visitor.post(edit(), given, jitter="", max_runs="7", cron="0 6 * * *", overlap="queue_one", data='{"days": 4}')
        stored = api.get("/schedules/mine")
        assert (stored["jitter"], stored["max_runs"], stored["cron"], stored["overlap"]) == (
            0,
            7,
            "0 6 * * *",
            "queue_one",
        )
        assert stored["data"] == {"days": 4}
        given = fields(visitor.get(edit()), edit())
        visitor.post(edit(), given, kind="every", every="10min", data="", target="bells.report")
        stored = api.get("/schedules/mine")
        assert (stored["every"], stored["task"], "cron" in stored, "data" in stored) == (
            600,
            "bells.report",
            False,
            False,
        )

    def test_in_another_zone_the_clocks_stay_and_the_instants_move(self, api, visitor):
        api.make(cron=None, at="2031-07-01T07:00:00Z", timezone="Europe/Berlin", ends_at="2031-08-01T00:00:00Z")
        given = fields(visitor.get(edit()), edit())
        assert given["at"] == "2031-07-01T09:00"
        visitor.post(edit(), given, timezone="America/New_York")
        stored = api.get("/schedules/mine")
        assert (stored["at"], stored["ends_at"]) == ("2031-07-01T13:00:00Z", "2031-08-01T06:00:00Z")

    def test_somebody_elses_change_in_between_is_shown_and_not_overwritten_unseen(self, api, visitor):
        api.make()
        given = fields(visitor.get(edit()), edit())
        api.patch("mine", {"cron": "0 8 * * *", "jitter": 5})
        page = visitor.post(edit(), given, status=412, cron="0 9 * * *")
        assert "Somebody has changed it since you opened the form; nothing was stored." in page.words
        assert "Cron expression: now 0 8 * * *, yours 0 9 * * *" in page.words
        assert "Jitter: now 5s, yours 0s" in page.words
        assert api.get("/schedules/mine")["cron"] == "0 8 * * *"
        visitor.post(edit(), fields(page, edit()))
        assert (api.get("/schedules/mine")["cron"], api.get("/schedules/mine")["jitter"]) == ("0 9 * * *", 0)
        visitor.post(edit(), given, status=412, etag="")

    def test_not_even_where_it_comes_while_the_form_is_read(self, api, visitor, monkeypatch):
        api.make()
        given, genuine = fields(visitor.get(edit()), edit()), schedule_edit.changed

        def meanwhile(*words):
            monkeypatch.setattr(schedule_edit, "changed", genuine)
            api.patch("mine", {"jitter": 5})
            return genuine(*words)

        monkeypatch.setattr(schedule_edit, "changed", meanwhile)
        page = visitor.post(edit(), given, status=412, cron="0 9 * * *")
        assert "Jitter: now 5s, yours 0s" in page.words
        assert api.get("/schedules/mine")["cron"] == "*/5 * * * *"

    def test_a_fire_in_between_is_no_change(self, app, api, visitor):
        api.make(cron="* * * * *")
        given = fields(visitor.get(edit()), edit())
        fire_due(app, now())
        visitor.post(edit(), given, cron="0 9 * * *")

    def test_of_code_only_the_timing_can_be_changed(self, app, api, visitor):
        house(app).clockwork.add_missing(now())
        page = visitor.get(edit("bells.report"))
        off = {name for name in forms.FIELDS if f'id="f-{name}"' in page.html and _is_off(page, name)}
        assert off == {"name", "target", "data", *forms.POLICIES}
        assert "subject.py:" in page.words
        given = {name: text for name, text in fields(page, edit("bells.report")).items() if name not in off}
        visitor.post(edit("bells.report"), given, cron="0 8 * * *")
        assert api.get("/schedules/bells.report")["cron"] == "0 8 * * *"
        given["etag"] = api.get("/schedules/bells.report")["etag"]
        refused = visitor.post(edit("bells.report"), given, status=422, jitter="5s")
        assert "is declared by code at" in refused.words

    def test_of_nothing_is_a_page(self, visitor):
        visitor.get(edit("nothing"), 404)
        visitor.post(edit("nothing"), FILLED, status=404)


def _is_off(page, name):
    tag = page.html.partition(f'id="f-{name}"')[2].partition(">")[0]
    return tag.endswith(" disabled") or " disabled " in tag


class TestFields:
    @pytest.mark.parametrize("seconds", [0.0, 1.0, 1.5, 90.0, 60.0, 300.0, 3600.0, 86_400.0, 604_800.0, 0.001, 90061.0])
    def test_a_span_is_read_as_it_is_written(self, seconds):
        assert span(spelled(seconds)) == seconds

    def test_a_span_is_written_in_the_largest_unit(self):
        assert [spelled(n) for n in (0, 90, 300, 7200, 172_800)] == ["0s", "90s", "5min", "2h", "2d"]

    def test_errors_are_parted_by_field(self):
        found = forms.by_field(
            [
                {"pointer": "/task", "detail": "a"},
                {"pointer": "/event", "detail": "b"},
                {"pointer": "/data/days", "detail": "c"},
                {"pointer": "", "detail": "d"},
            ]
        )
        assert found == {"target": "a b", "data": "days: c", "": "d"}
