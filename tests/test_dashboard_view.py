"""How pages word times, durations, sizes and states."""

from zoneinfo import ZoneInfo

from overview_facts import NOW, at

from core.dashboard import view


def a_run(**changes):
    times = {"created": at(-10), "due": at(-10), "started": at(-9.5), "finished": at(-8.3)}
    return times | {"state": "succeeded", "attempt": 1} | changes


DURATIONS = {None: "", 0: "0 ms", 0.0844: "84 ms", 0.9996: "1.0 s", 1.24: "1.2 s", 9.96: "10 s", 59.6: "1 min"}
LONG = {200: "3 min 20 s", 3600: "1 h", 7500: "2 h 5 min", 93_600: "1 d 2 h", -5: "0 ms"}
NEAR = {0: "now", -0.9: "now", -12: "12 s ago", 540: "in 9 min", -3599: "59 min ago", 2.6e5: "in 3 d"}
SIZES = {None: "", 0: "0 B", 512: "512 B", 1638: "1.6 KB", 1048473: "1 MB", 2**30: "1 GB", 2**50: "1024 TB"}


def test_numbers_have_units():
    assert {seconds: view.duration(seconds) for seconds in DURATIONS | LONG} == DURATIONS | LONG
    assert {seconds: view.relative(seconds) for seconds in NEAR} == NEAR
    assert {count: view.size(count) for count in SIZES} == SIZES


def test_times_that_are_none_are_not_guessed():
    for text in (None, "", "soon", "2026-11-24T25:00:00Z", "2026-12-31T23:59:60Z", 5):
        assert view.moment(text, NOW) is None
    assert view.moment("2026-11-24t13:41:20.5z", NOW).exact == "Tue 24 Nov 2026, 13:41:20.500 UTC"
    assert view.moment("0001-01-01T00:00:00+14:00", NOW).relative.endswith("d ago")
    assert view.moment("9999-12-31T23:59:59-12:00", NOW).relative.startswith("in ")


def test_waited_counts_from_the_due_time_and_took_goes_on_while_a_run_runs():
    assert view.waited(a_run(created=at(-100), due=at(-20), started=at(-18))) == "2.0 s"
    assert view.waited(a_run(created=at(-100), due=at(12), started=at(-99))) == "1.0 s"
    assert view.waited(a_run(created=at(-100), due=at(12), started=at(-9), attempt=3)) == ""

    assert view.took(a_run(), NOW) == "1.2 s"
    assert view.took(a_run(state="running", started=at(-75), finished=None), NOW) == "1 min so far"
    assert view.took(a_run(state="retrying", finished=None), NOW) == ""
    assert view.took(a_run(state="cancelled"), NOW) == ""


def test_schedules_say_when_as_their_author_wrote_it():
    assert view.spelling({"cron": "0 7 * * mon-fri"}) == "0 7 * * mon-fri"
    assert view.spelling({"every": 600}) == "every 10 min"
    assert view.spelling({"at": "2026-11-27T09:00:00+01:00"}) == "at 2026-11-27 09:00:00+01:00"


def test_clocks_show_seconds_and_days_where_they_matter():
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    texts = ("2026-11-24T13:10:00Z", "2026-11-24T13:03:51.5Z", "2026-11-23T13:10:00Z", "2025-11-24T13:10:00Z", "soon")
    assert [view.brief(text, berlin) for text in texts] == ["14:10", "14:03:51", "23 Nov, 14:10", "24 Nov 2025", ""]
    assert view.brief("2026-11-24T23:00:00Z", berlin) == "25 Nov, 00:00"


def test_times_in_sentences_are_told_in_the_zone_and_all_else_is_escaped():
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    found = view.timed("<b> from 2026-11-24T13:03:51Z to 2026-11-24T14:12:02+01:00, or 2026-99-99T99:99:99Z.", berlin)
    assert found == (
        '&lt;b&gt; from <time datetime="2026-11-24T14:03:51+01:00" title="Tue 24 Nov 2026, 14:03:51 CET">14:03:51'
        '</time> to <time datetime="2026-11-24T14:12:02+01:00" title="Tue 24 Nov 2026, 14:12:02 CET">14:12:02</time>, '
        "or 2026-99-99T99:99:99Z."
    )
