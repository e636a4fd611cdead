"""When a job is due: cron expressions, on clocks that change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.triggers import NAMED, At, Cron, Every, TriggerError

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = datetime(2027, 3, 28, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return naive(text).replace(tzinfo=UTC)


MOMENTS = st.datetimes(naive("1971-01-01"), naive("2100-01-01"), timezones=st.just(UTC))


def day_of(expression: str, day: datetime) -> list[str]:
    """Return the times of one local day, as its clocks show them."""
    before = day - timedelta(seconds=1)
    planned = Cron(expression, "Europe/Berlin").between(before, day + timedelta(hours=23, minutes=59), 2_000)
    return [moment.astimezone(BERLIN).strftime("%H:%M%z") for moment in planned]


class TestCron:
    @pytest.mark.parametrize(
        ("expression", "planned"),
        [
            ("* * * * *", "2026-01-01T00:01"),
            ("*/15 * * * *", "2026-01-01T00:15"),
            ("0 7 * * mon-fri", "2026-01-01T07:00"),
            ("0 7 * * SUN", "2026-01-04T07:00"),
            ("0 7 * * 7", "2026-01-04T07:00"),
            ("5,10 22 1-3 feb,MAR *", "2026-02-01T22:05"),
            ("0 0 29 2 *", "2028-02-29T00:00"),
            ("0 0 L * *", "2026-01-31T00:00"),
            ("0 0 LW * *", "2026-01-30T00:00"),
            ("0 9 * * 5L", "2026-01-30T09:00"),
            ("0 9 * * 1#2", "2026-01-12T09:00"),
            ("0 0 * 2 mon#5", "2044-02-29T00:00"),
            ("@hourly", "2026-01-01T01:00"),
            ("@daily", "2026-01-02T00:00"),
            ("@midnight", "2026-01-02T00:00"),
            ("@weekly", "2026-01-04T00:00"),
            ("@Monthly", "2026-02-01T00:00"),
            ("@yearly", "2027-01-01T00:00"),
            ("@annually", "2027-01-01T00:00"),
        ],
    )
    def test_the_first_time_after(self, expression, planned):
        assert Cron(expression).after(utc("2026-01-01T00:00")) == utc(planned)

    def test_strictly_after(self):
        daily = Cron("0 7 * * *")
        assert daily.after(utc("2026-01-01T07:00")) == utc("2026-01-02T07:00")
        assert daily.after(utc("2026-01-01T06:59:59.999999")) == utc("2026-01-01T07:00")
        assert daily.after(utc("2026-01-01T07:00:00.000001")) == utc("2026-01-02T07:00")

    def test_day_of_month_and_day_of_week_as_in_debian(self):
        either = Cron("0 0 1,15 * mon").between(utc("2026-01-01T00:00"), utc("2026-01-20T00:00"), 9)
        assert [moment.day for moment in either] == [5, 12, 15, 19]
        both = Cron("0 0 */2 * mon").between(utc("2026-01-01T00:00"), utc("2026-01-31T00:00"), 9)
        assert [moment.day for moment in both] == [5, 19]

    def test_the_zones_clocks_count_and_the_answer_is_utc(self):
        planned = Cron("0 7 * * *", "America/New_York").after(utc("2026-07-01T00:00"))
        assert planned == utc("2026-07-01T11:00")
        assert planned.tzinfo is UTC
        tokyo = datetime(2026, 7, 1, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
        assert Cron("0 7 * * *", "America/New_York").after(tokyo) == utc("2026-07-01T11:00")

    def test_a_minute_that_does_not_exist_is_the_first_after_the_gap_once(self):
        assert day_of("30 2 * * *", SPRING) == ["03:00+0200"]
        assert day_of("0,15,30,45 2 * * *", SPRING) == ["03:00+0200"]
        assert day_of("0 2,3 * * *", SPRING) == ["03:00+0200"]

    def test_a_minute_that_exists_twice_is_taken_the_first_time(self):
        assert day_of("30 2 * * *", AUTUMN) == ["02:30+0200"]
        assert day_of("0 1,2,3 * * *", AUTUMN) == ["01:00+0200", "02:00+0200", "03:00+0100"]

    @pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (datetime(2026, 5, 5, tzinfo=BERLIN), 24)])
    def test_stars_run_on_elapsed_time(self, day, hours):
        assert len(day_of("*/15 * * * *", day)) == 4 * hours
        assert len(day_of("* * * * *", day)) == 60 * hours
        assert len(day_of("0 * * * *", day)) == hours

    def test_a_star_in_the_hour_that_is_missing_or_doubled(self):
        assert day_of("*/30 2 * * *", SPRING) == []
        assert day_of("*/30 2 * * *", AUTUMN) == ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]

    def test_in_the_second_pass_of_a_doubled_hour_nothing_lies_before(self):
        second_pass = datetime(2026, 10, 25, 2, 20, fold=1, tzinfo=BERLIN)
        planned = Cron("30 2 * * *", "Europe/Berlin").after(second_pass)
        assert planned == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)

    @settings(deadline=None)
    @given(
        MOMENTS,
        st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 */5 * * *", "15,45 1-3 * * sun", "0 0 L * *"]),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
    )
    def test_times_rise_and_after_agrees_with_between(self, moment, expression, zone):
        cron = Cron(expression, zone)
        planned = cron.between(moment, moment + timedelta(days=400), 12)
        assert planned == sorted(set(planned))
        assert all(found > moment for found in planned)
        assert planned[0] == cron.after(moment)

    @pytest.mark.parametrize(
        ("expression", "words"),
        [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("0 0 0 * * *", "6 fields"),
            ("@reboot", "@hourly"),
            ("60 * * * *", "'60' as minute"),
            ("0 24 * * *", "'24' as hour"),
            ("0 0 0 * *", "'0' as day-of-month"),
            ("0 0 1 13 *", "'13' as month"),
            ("0 0 * * fun", "'fun' as day-of-week"),
            ("*/0 * * * *", "as minute"),
            ("5-1 * * * *", "as minute"),
            ("² * * * *", "as minute"),
            ("0 0 31 2 *", "never fires"),
            ("0 0 30,31 feb *", "never fires"),
            ("0 0 31 4,6,9,11 *", "never fires"),
            ("0 0 */29 2 0#2", "never fires"),
            (f"{'0,' * 3_000}0 * * * *", "5 fields"),
            (5, "Found cron 5"),
        ],
    )
    def test_what_is_refused(self, expression, words):
        with pytest.raises(TriggerError) as caught:
            Cron(expression)
        assert words in str(caught.value)
        assert caught.value.field == "cron"
        assert len(str(caught.value)) < 500

    @given(st.text("0123456789*/,-#L wmonfebaug@?²") | st.text())
    @settings(deadline=None)
    def test_no_text_raises_anything_else(self, text):
        try:
            Cron(text).describe()
        except TriggerError:
            return

    @pytest.mark.parametrize(
        ("zone", "near"),
        [
            ("Europe/Berln", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("utc", "UTC"),
            ("../../etc/passwd", "IANA"),
            ("Europe", "IANA"),
            ("", "IANA"),
            ("x\0", "IANA"),
            ("x" * 10_000, "IANA"),
            (None, "IANA"),
            ([], "IANA"),
        ],
    )
    def test_unknown_zones(self, zone, near):
        for make in (lambda: Cron("@daily", zone), lambda: Every(60, None, zone), lambda: At(utc("2026-01-01"), zone)):
            with pytest.raises(TriggerError) as caught:
                make()
            assert near in str(caught.value)
            assert caught.value.field == "timezone"

    @pytest.mark.parametrize(
        ("expression", "words"),
        [
            ("0 7 * * mon-fri", "At 07:00 on Monday through Friday (UTC)"),
            ("*/15 * * * *", "Every 15th minute of every hour (UTC)"),
            ("@daily", "At 00:00 every day (UTC)"),
            ("0 0 31 * *", "At 00:00 on the 31st day of every month (UTC)"),
            ("0 0 1,22 * mon", "At 00:00 on the first and the 22nd day of the month or on Monday (UTC)"),
            ("0 0 */2 * mon", "At 00:00 on every second day of the month if it's on Monday (UTC)"),
        ],
    )
    def test_in_words(self, expression, words):
        assert Cron(expression).describe() == words

    def test_spaces_do_not_make_another_trigger(self):
        assert Cron(" 0  7 *\t* * ") == Cron("0 7 * * *")


def test_every_name_is_a_cron_expression():
    assert len(NAMED) == 7
    assert {Cron(name).after(utc("2026-01-01")) for name in NAMED} == {
        Cron(expression).after(utc("2026-01-01")) for expression in NAMED.values()
    }
