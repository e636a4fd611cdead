"""What can be written into the search boxes, and what is said of the rest."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from core.dashboard.query import BadQuery, instant, spelled, terms

KNOWN = ("type", "subject", "from", "to", "data.")
NOW = datetime(2026, 11, 24, 14, 41, 20, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", []),
        ("  \t ", []),
        ("type:github.*", [("type", "github.*")]),
        ("type:a type:b  to:24h", [("type", "a"), ("type", "b"), ("to", "24h")]),
        ('subject:"order 7" type:a', [("subject", "order 7"), ("type", "a")]),
        (r'subject:"say \"hi\" \\ there"', [("subject", 'say "hi" \\ there')]),
        ("data.release.tag:v2.8.0", [("data.release.tag", "v2.8.0")]),
        ('data.user:{"id":7}', [("data.user", '{"id":7}')]),
        ("from:2026-11-24T14:25:00+01:00", [("from", "2026-11-24T14:25:00+01:00")]),
        ('data.note:""', [("data.note", "")]),
        ("subject:schöne😀", [("subject", "schöne😀")]),
    ],
)
def test_a_query_is_pairs_in_their_order(query, found):
    assert terms(query, KNOWN) == found
    assert terms(spelled(found), KNOWN) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("typo:x", "Found typo:, which is no key here. Known: type: subject: from: to: data.<path>:."),
        ("data.:x", "Found data.:, which is no key here."),
        ("data:x", "Found data:, which is no key here."),
        ("order", "Found order, a word without a key."),
        ("type: subject:x", "Found type: with nothing behind it."),
        ('subject:"order 7', "a quotation mark has no partner"),
        ('"', "a quotation mark has no partner"),
        ('subject:"a"b', "a quotation mark has no partner"),
        ("x" * 1001, "1,001 characters; 1,000 are the most"),
        ("to:1h " * 21, "21 terms; 20 are the most"),
        (f"{'k' * 99}:x", f"Found {'k' * 39}…:, which is no key"),
    ],
)
def test_what_cannot_be_understood_is_named(query, said):
    with pytest.raises(BadQuery) as refused:
        terms(query, KNOWN)
    assert said in str(refused.value)


def test_words_without_a_key_are_of_one_where_a_page_says_so():
    assert terms('handlers.mail "two words" type:a', KNOWN, bare="task") == [
        ("task", "handlers.mail"),
        ("task", "two words"),
        ("type", "a"),
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("14:25", "2026-11-24T14:25:00+01:00"),
        ("9:05:30", "2026-11-24T09:05:30+01:00"),
        ("23:50", "2026-11-23T23:50:00+01:00"),
        ("24h", "2026-11-23T14:41:20+01:00"),
        ("30min", "2026-11-24T14:11:20+01:00"),
        ("7d", "2026-11-17T14:41:20+01:00"),
        ("90 s", "2026-11-24T14:39:50+01:00"),
        ("2026-11-24", "2026-11-24T00:00:00+01:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
        ("2026-11-24T09:00", "2026-11-24T09:00:00+01:00"),
        ("2026-11-24T09:00:00Z", "2026-11-24T09:00:00+00:00"),
        ("2026-11-24 09:00:00.5", "2026-11-24T09:00:00.500+01:00"),
    ],
)
def test_times_are_ages_clock_times_days_and_instants_in_the_pages_zone(text, meant):
    assert instant("from", text, NOW) == datetime.fromisoformat(meant)


def test_the_last_instant_of_a_day_belongs_to_it():
    assert instant("to", "2026-11-24", NOW, end=True) == datetime.fromisoformat("2026-11-24T23:59:59.999+01:00")
    assert instant("to", "14:25", NOW, end=True) == instant("from", "14:25", NOW)


@pytest.mark.parametrize("text", ["yesterday", "25:00", "14:61", "2026-13-01", "", "x" * 99, "999999d"])
def test_other_times_are_refused(text):
    with pytest.raises(BadQuery) as refused:
        instant("to", text, NOW)
    assert "Found to:" in str(refused.value)
    assert "wanted a time such as 14:25" in str(refused.value)


def test_a_time_that_is_far_away_is_no_fault():
    assert instant("from", "0001-01-02", NOW).year == 1
    with pytest.raises(BadQuery):
        instant("to", "9999-12-31", NOW, end=True)
