"""The guard in front of every JSON body."""

import contextlib
import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.web.strict_json import MAX_INT, JsonTooComplex, MalformedJson, lenient, parse

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)
JSON_LIKE = st.text('[]{}",:\\ \n0123456789eE+-.truefalsnNaIiuUdD8cb\ud83d\ude00é').map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + b"1" + closing * levels


@given(PLAIN, st.booleans())
@settings(deadline=None)
def test_whatever_json_dumps_writes_comes_back(value, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(body) == value
    assert lenient(body) == value


@given(st.binary() | JSON_LIKE)
@settings(deadline=None)
@example(b"\xff\xfe[\x00]\x00")
@example(b'{"a":"\\ud800"')
@example(b'"\\')
@example(b"]" * 40 + b"[" * 40)
def test_no_bytes_raise_anything_else_and_what_passes_can_be_stored(body):
    for read in (parse, lenient):
        try:
            value = read(body)
        except (MalformedJson, JsonTooComplex) as error:
            str(error).encode()
        else:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty body"),
        (b" \n", "empty body"),
        (b"\xef\xbb\xbf{}", "byte order mark at byte 0"),
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-le"), "UTF-16"),
        ("{}".encode("utf-32"), "UTF-16 or UTF-32"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b'["\xc3\xa9", nope]', "Expecting value at byte 7"),
        (b'{"a":1}x', "Extra data at byte 7"),
        (b'{"a":"x', "Unterminated string starting at byte 5"),
        (b'"\n"', "Invalid control character at byte 1"),
        (b"[NaN]", "Found NaN"),
        (b"[Infinity]", "Found Infinity"),
        (b"[-Infinity]", "Found -Infinity"),
        (b'{"a":1,"b":2,"a":3}', 'the key "a" twice'),
        (b'{"x":[{"\\u0061":1,"a":3}]}', 'the key "a" twice'),
        (b'["\xc3\xa9\\ud83d"]', "half of a surrogate pair at byte 4"),
        (b'["\\ude00\\ud83d"]', "half of a surrogate pair at byte 2"),
        (b'{"\\ud83d\\ud83d\\ude00":1}', "half of a surrogate pair at byte 2"),
        (b"[01]", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"['a']", "not JSON"),
    ],
)
def test_malformed(body, words):
    with pytest.raises(MalformedJson) as caught:
        parse(body)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (nested(33), "more than 32 levels of nesting at byte 32"),
        (nested(33, b'{"a":', b"}"), "more than 32 levels"),
        (b"[" * 100_000, "more than 32 levels"),
        (b'{"a":' * 100_000, "more than 32 levels"),
        (b'["]]]]]\\"]]",' + nested(32) + b"]", "more than 32 levels"),
        (b"[9007199254740993]", "9007199254740993"),
        (b"[-9007199254740993]", "2^53"),
        (b"[" + b"9" * 5_000 + b"]", "5,000 characters"),
        (b"[1e400]", "1e400"),
        (b"[-1e400]", "a double can hold"),
        (json.dumps({str(n): n for n in range(1001)}).encode(), "1,001 keys"),
    ],
)
def test_too_complex(body, words):
    with pytest.raises(JsonTooComplex) as caught:
        parse(body)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"9007199254740992", 2**53),
        (b"-9007199254740992", -(2**53)),
        (b"1e-400", 0.0),
        (b"1.5", 1.5),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\uD83D\\uDE00"', "\U0001f600"),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b'"\\u0000"', "\0"),
        (b' {"a": null}\r\n\t', {"a": None}),
    ],
)
def test_the_edge_is_inside(body, value):
    assert parse(body) == value


def test_the_deepest_and_widest_are_accepted():
    assert parse(nested(32)) == json.loads(nested(32))
    wide = {str(n): n for n in range(1_000)}
    assert parse(json.dumps(wide).encode()) == wide
    side_by_side = [[{}], []] * 100
    assert parse(json.dumps(side_by_side).encode()) == side_by_side


def test_brackets_inside_strings_do_not_count():
    for text in ("[" * 5_000, '\\"' + "{" * 5_000, '"' * 100 + "[" * 100, "\\" * 99 + '"' + "[" * 99):
        assert parse(json.dumps([text, {text: 1}]).encode()) == [text, {text: 1}]


@pytest.mark.parametrize(
    "body",
    [
        b'"' * 2_000_000,
        b'"\\' * 1_000_000,
        b'"' + b'\\"' * 1_000_000 + b"[" * 40,
        b'["' + b"\\ud83d\\ude00" * 150_000 + b'",' + b"[]," * 40 + b"1]",
        b"[" + b"[]," * 600_000 + b"1]",
        b'{"a":' + b"1" * 2_000_000 + b"}",
        b"\\u" * 1_000_000,
    ],
)
def test_the_time_is_linear(body):
    def cost(text):
        start = time.process_time()
        for read in (parse, lenient):
            with contextlib.suppress(MalformedJson, JsonTooComplex):
                read(text)
        return time.process_time() - start

    assert cost(body) < 20.0  # anything quadratic takes minutes at this size


class TestSignedBodies:
    def test_what_strangers_may_not_send_is_read(self):
        assert lenient(b'{"a":1,"a":2}') == {"a": 2}
        assert lenient(b"123456789012345678901234567890") == 123456789012345678901234567890
        assert lenient(b"\xef\xbb\xbf{}") == {}
        assert lenient('{"é": 1}'.encode("utf-16")) == {"é": 1}
        assert lenient(nested(200)) == json.loads(nested(200))
        assert len(lenient(json.dumps({str(n): n for n in range(2_000)}).encode())) == 2_000

    def test_halves_of_surrogate_pairs_become_the_replacement_character(self):
        assert lenient(b'["\\ud83d", "\\ud83d\\ude00", "\\\\ud83d"]') == ["\ufffd", "\U0001f600", "\\ud83d"]
        assert lenient(b'{"\\udfff":"\xed\xa0\x80"}') == {"\ufffd": "\ufffd"}

    @pytest.mark.parametrize("body", [b"", b"[NaN]", b"[-Infinity]", b"{", b"\xff", b"<xml/>"])
    def test_malformed(self, body):
        with pytest.raises(MalformedJson):
            lenient(body)

    @pytest.mark.parametrize("body", [nested(201), b"[" * 1_000_000, b"[1e999]", b"9" * 5_000])
    def test_what_could_not_be_stored_is_refused(self, body):
        with pytest.raises(JsonTooComplex):
            lenient(body)
