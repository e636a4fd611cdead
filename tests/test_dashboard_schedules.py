"""Pages of schedules: what the list and a schedule's own page show, whatever is in them and whoever asks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from scheduling_api import HANDLERS as HANDLERS
from scheduling_api import Schedules
from visiting import Visitor

from core.clock import now, to_ms
from core.dashboard import schedule_words as words
from core.dashboard import sparks
from core.dashboard.schedule_page import history
from core.dashboard.schedules import PAGE, read
from core.entries import load
from core.house import house
from core.ledger.fires import Fate
from core.ledger.firing import Fire
from core.quarantine import hold
from core.scheduling import put
from core.testing import drain, fire_due
from core.triggers.plan import Disturbed

LIST = "/dashboard/schedules"
NOW = datetime(2026, 11, 24, 14, 41, 20, tzinfo=ZoneInfo("Europe/Berlin"))
HOUR = timedelta(hours=1)
OUTAGE = "no scheduler was alive from 2026-11-24T13:03:51Z to 2026-11-24T13:12:02Z"
HOSTILE = '"><script>alert(1)</script>{{ 7 * 191 }}</title></svg>'


def fired(app, *steps, name="mine", cron="* * * * *", **members):
    """Make a schedule that began an hour ago and was fired at *steps*, minutes since then."""
    api = Schedules(app)
    api.make(name=name, cron=cron, **members)
    begin, here = now().replace(second=0, microsecond=0) - HOUR, house(app)
    [entry] = here.ledger.run(load(here.layout, [name]))
    schedule = here.layout.read(entry)
    assert here.ledger.run(put(here.layout, type(schedule)(**vars(schedule) | {"cursor": to_ms(begin)}), entry))
    for step in steps:
        fire_due(app, begin + timedelta(minutes=step))
    return begin


class TestList:
    def test_without_schedules_it_teaches(self, visitor):
        page = visitor.get(LIST)
        assert "Nothing rings by the clock yet" in page.words
        assert "New schedule" in page.words

    def test_shows_each_with_its_bars_its_last_run_and_its_next_time(self, app, api, visitor):
        fired(app, 1, 2, 3)
        assert drain(app)
        page = visitor.get(LIST)
        assert "3 schedules: 2 from code, 1 made at run time. Each planned time" in page.words
        for text in ("mine run time", "made over the API, today", "Every minute", "* * * * *"):
            assert text in page.words
        assert "Last 3 fires of mine: 3 on time" in page.values("aria-label")
        assert page.words.count(": on time, ") >= 3
        assert "succeeded" in page.words
        assert f"{LIST}/mine" in page.links()
        assert "has not fired yet" in page.words

    def test_says_what_is_held_paused_and_in_the_way_of_a_clock_change(self, app, api, visitor):
        api.make(name="left.out", cron="30 2 28 3 *", timezone="Europe/Berlin")
        api.make(name="broken")
        api.make(name="resting")
        api.act("pause", {"note": HOSTILE}, name="resting")
        house(app).ledger.run(hold(house(app).layout, {"broken": HOSTILE}, [], now()))
        page = visitor.get(LIST)
        assert "1 paused, 1 held" in page.words
        assert page.words.count(HOSTILE) == 2
        assert "<script>alert" not in page.html
        assert "Resume" in page.words
        years = range(now().year, now().year + 2)
        assert ("clock change on 28 March" in page.words) == any(date(y, 3, 28).weekday() == 6 for y in years)

    def test_is_searched_by_words_state_and_owner(self, app, api, visitor):
        api.make(name="one", task="tidy", data={"days": 1})
        api.make(name="two")
        found = {
            query: [link.rpartition("/")[2] for link in visitor.get(f"{LIST}?q={query}").links() if "/-/" not in link]
            for query in ("tidy", "state:enabled owner:api", "t", "TWO")
        }
        assert {query: [one for one in links if one in ("one", "two")] for query, links in found.items()} == {
            "tidy": ["one"],
            "state:enabled owner:api": ["one", "two"],
            "t": ["one", "two"],
            "TWO": ["two"],
        }
        assert "No schedule fits" in visitor.get(f"{LIST}?q=nothing").words
        page = visitor.get(f"{LIST}?q=state:odd", 422)
        assert "Found state:odd; state: takes one of enabled, paused, held." in page.words
        assert "state:odd" in page.values("value")

    def test_pages_follow_each_other(self, api, visitor):
        names = [f"n{number:02}" for number in range(PAGE + 2)]
        for name in names:
            api.make(name=name)
        first = visitor.get(f"{LIST}?q=n&live=off")
        [following] = [link for link in first.links() if "after=n19" in link]
        second = visitor.get(following)
        assert "n21 run time" in second.words
        assert "n19 run time" not in second.words
        assert {link for link in second.links() if "after=" in link and "n19" not in link} == set()
        assert "Next by name" not in second.words
        assert f"{LIST}?q=n&live=off" in second.links()

    @pytest.mark.parametrize("query", ["q=%ff%00", "after=%ff", "after=[", "q=" + "state:" * 900, "q=owner:", "x=1"])
    def test_any_query_is_answered(self, api, visitor, query):
        api.make()
        assert visitor.client.get(f"{LIST}?{query}").status_code in (200, 422)

    def test_is_small_however_much_fired(self, app, api, visitor):
        rows = [Fire(planned=NOW + n * HOUR, state="fired", cause="on time", late=0.1, run=f"{n}.0") for n in range(99)]
        here = house(app)
        for number in range(PAGE + 1):
            name = f"a.schedule.with.a.name-{number:02}"
            api.make(name=name)

            def kept(name=name):
                yield [("ZADD", here.keys.fires(name), row.ms, row.row()) for row in rows]
                yield [
                    ("HSET", here.keys.run(row.run), "state", "succeeded", "started", 1, "finished", 9) for row in rows
                ]

            here.ledger.run(kept())
        page = visitor.get(LIST)
        assert len(page.html.encode()) < 150_000
        assert page.html.count("<title>") == 60 * PAGE + 1


class TestOwnPage:
    def test_tells_what_became_of_each_planned_time(self, app, api, visitor):
        fired(app, 1, 2, 3)
        drain(app)
        page = visitor.get(f"{LIST}/mine")
        assert "It runs bells.report." in page.words
        assert "Next 10 times" in page.words
        assert page.words.count("fired on time") == 3
        assert any(one and one.startswith("Last 3 fires of mine: 3 on time; ") for one in page.values("aria-label"))
        assert "still runningboth run" in page.words
        assert {f"{LIST}/-/{act}/mine" for act in ("pause", "backfill", "edit", "delete")} <= set(page.links())

    def test_is_paged(self, app, api, visitor):
        fired(app, *range(1, 60))
        first = visitor.get(f"{LIST}/mine")
        [older] = [link for link in first.links() if "cursor=" in link]
        second = visitor.get(older)
        assert 1 <= second.html.count('<td class="lead"') <= 12
        assert f"{LIST}/mine" in second.links()
        visitor.get(f"{LIST}/mine?cursor=odd", 400)

    def test_a_name_may_hold_slashes_and_look_like_an_act(self, app, api, visitor):
        for name in ("team/eu/sweep", "new", "a/edit", "x@y:z"):
            api.make(name=name)
            page = visitor.get(f"{LIST}/{name}")
            assert f"/ {name}" in page.words
            [edit] = [link for link in page.links() if "/-/edit/" in link]
            assert f"Edit {name}" in visitor.get(edit).words
        visitor.get(f"{LIST}/nothing", 404)

    def test_of_an_entry_that_is_redbeats_own_it_shows_what_there_is(self, app, visitor):
        here = house(app)

        def kept():
            yield [
                ("HSET", here.layout.key("plain"), "definition", '{"task": "old.task", "enabled": true}', "meta", "{}"),
                ("ZADD", here.keys.schedules, 0, "plain"),
            ]

        here.ledger.run(kept())
        page = visitor.get(f"{LIST}/plain")
        assert "RedBeat's own entry." in page.words
        assert f"{LIST}/-/delete/plain" in page.links()
        assert "Run now" not in page.words
        assert "old.task" in visitor.get(LIST).words

    def test_who_only_reads_sees_no_buttons(self, app, api):
        api.make()
        app.config["DASHBOARD_ACCESS"] = lambda: "read_only"
        visitor = Visitor(app)
        for path in (LIST, f"{LIST}/mine"):
            page = visitor.get(path)
            assert not [link for link in page.links() if "/-/" in link]
            assert "formaction" not in page.html
            assert "More for" not in page.words

    def test_a_ledger_that_is_away_is_said_to_be(self, make_app):
        away = Visitor(make_app(redis_url="redis://127.0.0.1:1/0"))
        assert "The ledger did not answer" in away.get(LIST, 503).words


def row(minutes=0, state="fired", cause="on time", run=None, **more):
    return Fire(planned=NOW + timedelta(minutes=minutes), state=state, cause=cause, run=run, **more)


class TestBars:
    def test_have_a_shape_for_each_thing_that_can_become_of_a_planned_time(self):
        rows = [
            row(-50, run="a", late=0.1),
            row(-40, run="b", cause=f"late: {OUTAGE}", late=38.0),
            row(-30, run="c", late=0.1),
            row(-20, "missed", HOSTILE),
            row(-10, "skipped", "paused", until=NOW, count=9),
            row(-5, run="d"),
        ]
        done = to_ms(NOW)
        fates = {
            "a": Fate("succeeded", done - 2000, done),
            "b": Fate("running", done - 1000, None),
            "c": Fate("dead", None, None),
            "d": Fate("cancelled", None, None),
        }
        found = sparks.bars(rows, fates, NOW)
        assert [bar.kind for bar in found] == ["ok", "late", "bad", "hole", "skip", "pale"]
        assert [bar.words for bar in found] == [
            "24 Nov 13:51:20: on time, 2.0 s",
            "24 Nov 14:01:20: late by 38 s: no beat was alive from 14:03:51 to 14:12:02, run running, 1.0 s so far",
            "24 Nov 14:11:20: on time, run dead",
            f"24 Nov 14:21:20: missed: {HOSTILE}",
            "24 Nov 14:31:20 to 24 Nov 14:41:20, 9 times: skipped: paused",
            "24 Nov 14:36:20: on time, run cancelled",
        ]
        assert sparks.tally(found) == "1 on time, 1 late, 1 failed, 1 cancelled or discarded, 1 missed, 9 skipped"
        for drawn in (sparks.spark(found, HOSTILE), sparks.chart(found, HOSTILE)):
            assert "<script" not in drawn
            assert drawn.count("<title>") == 6

    def test_of_fires_without_runs_are_low_and_divide_by_nothing(self):
        found = sparks.bars([row()], {}, NOW)
        assert 'd="M236 24v-3"' in sparks.spark(found, "one")
        assert "Last fire of one: 1 on time" in sparks.chart(found, "one")


class TestWords:
    def test_times_are_as_short_as_they_stay_clear(self):
        assert words.day_and_time(NOW.replace(second=0), NOW) == "14:41"
        assert words.day_and_time(datetime(2026, 11, 25, 6, tzinfo=UTC), NOW) == "Wed 25 Nov, 07:00"
        assert words.day_and_time(datetime(2028, 1, 3, 6, tzinfo=UTC), NOW) == "Mon 3 Jan 2028, 07:00"
        assert words.wall("2026-11-28T01:30:00Z", "Europe/Berlin") == "Sat 28 Nov 2026, 02:30 CET"

    def test_a_time_without_a_beat_is_told_once_with_what_came_of_it(self):
        rows = [row(0, "missed", OUTAGE, until=NOW, count=3), row(1, cause=f"late: {OUTAGE}", late=9.0), row(2)]
        assert words.absences(rows, NOW) == [
            "No beat was alive from 14:03:51 to 14:12:02: 3 planned times missed, 1 planned time fired late."
        ]
        over = OUTAGE.replace("2026-11-24T13:12", "2026-11-25T13:12")
        assert "to Wed 25 Nov, 14:12:02" in words.absences([row(0, "missed", over)], NOW)[0]

    def test_what_was_missed_today_is_counted_as_far_as_it_is_known(self):
        yesterday, today = row(-24 * 60, "missed"), row(-60, "missed", until=NOW, count=2)
        assert words.missed_of_late([yesterday, today], NOW, 60) == "2 missed today"
        assert words.missed_of_late([today, today], NOW, 2) == "4 or more missed today"
        assert words.missed_of_late([yesterday], NOW, 60) == ""

    def test_a_clock_change_is_told_with_what_to_do(self):
        low, high = datetime(2027, 3, 28, 2), datetime(2027, 3, 28, 3)  # noqa: DTZ001 - on local clocks
        assert words.warning(Disturbed(NOW, low, high, twice=False)) == (
            "On Sunday 28 March 2027 the clocks leave out the time from 02:00 to 03:00; it fires at 03:00. "
            "To stay clear of it in every year, plan before 02:00 or from 03:00 on."
        )
        assert "twice; it fires the first time only" in words.warning(Disturbed(NOW, low, high, twice=True))

    def test_equal_neighbours_are_one_row_and_fires_are_not(self):
        rows = [row(5, run="a"), row(4, run="b"), row(3, "skipped", "x", count=2, until=NOW + 4 * HOUR)]
        rows += [row(2, "skipped", "x"), row(1, "skipped", "y"), row(0, "missed", "y")]
        told = history(rows, {}, NOW)
        assert [(one.state, one.count) for one in told] == [
            ("fired", 1),
            ("fired", 1),
            ("skipped", 3),
            ("skipped", 1),
            ("missed", 1),
        ]

    def test_a_search_is_read(self):
        found, wrong = read("Backup state:paused x:y owner:code")
        assert (found.words, found.state, found.owner, wrong) == (["backup", "x:y"], "paused", "code", "")
        assert read("owner:")[1].startswith("Found owner:; owner: takes one of code, api, cli, dashboard")
