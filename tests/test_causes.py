"""How a cause is written: what earlier releases have recorded must be known again, byte for byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import compact
from core.causes import Cause, Keyring, unsealed
from core.errors import InvalidEvent

WORDS = {"id": "e-1", "type": "order.placed", "source": "/shop", "time": "2026-11-22T12:00:00Z", "subject": 'é"s'}
DATA = {"b": 1.5, "a": [None, True, "é😀\n"], "n": 10**20}
CAUSE = Cause(kind="event", **WORDS, data=DATA, extensions={"traceparent": "00-a"}, replay_of="x")
SEALED = """1 719c425c Dswq75PD1g5LlG2WeF0sryT0
{"kind":"event","id":"e-1","type":"order.placed","source":"/shop","time":"2026-11-22T12:00:00Z","runs":2,\
"nonce":"abcd1234","print":"ec0xF-75Q290","subject":"é\\"s","ext":{"traceparent":"00-a"},"of":"x"}
{"b":1.5,"a":[null,true,"é😀\\n"],"n":100000000000000000000}"""

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
)


def test_ids_fingerprints_and_records_are_those_of_earlier_releases():
    assert (CAUSE.ledger_id, CAUSE.fingerprint) == ("1UYRbBfXM6tYAKVUi", "ec0xF-75Q290")
    assert Keyring(("key",)).seal(CAUSE, runs=2, nonce="abcd1234").decode() == SEALED
    assert unsealed(SEALED.encode()) == CAUSE


@given(values)
def test_text_is_what_json_writes(value):
    assert compact.text(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert compact.ordered(value) == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(text, text, st.none() | text, values)
def test_a_record_says_what_the_cause_says(ident, source, subject, value):
    cause = Cause(kind="event", id=ident, type="t", source=source, time="now", subject=subject, data=value)
    assert unsealed(Keyring(("key",)).seal(cause, runs=1, nonce="n")) == cause


ROUND: list[object] = []
ROUND.append(ROUND)


ODD = {
    "nan": float("nan"),
    "half": "\ud800",
    "long": 10**5000,
    "set": {1, 2},
    "object": {"a": object()},
    "round": ROUND,
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_what_is_no_json_is_refused(data):
    cause = Cause(kind="event", id="e", type="t", source="/s", time="now", data=data)
    for act in (lambda: cause.content, lambda: Keyring(("key",)).seal(cause, runs=1, nonce="n")):
        with pytest.raises(InvalidEvent, match="cannot be recorded"):
            act()


@pytest.mark.parametrize("change", [{"time": "\ud800"}, {"time": None}, {"extensions": {"x": {1}}}], ids=repr)
def test_an_envelope_that_is_no_json_is_refused(change):
    words = {"id": "e", "type": "t", "source": "/s", "time": "now"} | change
    with pytest.raises(InvalidEvent, match="cannot be recorded"):
        Keyring(("key",)).seal(Cause(kind="event", **words), runs=1, nonce="n")
