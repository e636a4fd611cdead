"""Finding a value in data by its path, as JSON or plainly spelled."""

import pytest

from core import compact
from core.ledger.paths import Sought

DATA = {
    "user": {"id": 7, "name": "Ann Weber", "zip": "07745", "admin": True, "gone": None, "rate": 0.5},
    "labels": [{"name": "bug"}, {"name": "löschen"}],
    "tags": ["red", "7", ["deep"]],
    "a.b": {"c.d": 1},
    "big": 1e22,
    "round": 1000.0,
    "quote": 'say "hi"\n',
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("user.id", "7"),
        ("user.id", "7.0"),
        ("user.name", "Ann Weber"),
        ("user.name", '"Ann Weber"'),
        ("user.zip", "07745"),
        ("user.zip", '"07745"'),
        ("user.admin", "true"),
        ("user.gone", "null"),
        ("user.rate", "5e-1"),
        ("user", compact.text(DATA["user"])),
        ("labels.name", "bug"),
        ("labels.name", "löschen"),
        ("labels.1.name", "löschen"),
        ("tags", "red"),
        ("tags", "7"),
        ("tags.0", "red"),
        ("tags.2.0", "deep"),
        ("tags", '["red","7",["deep"]]'),
        ("a.b.c.d", "1"),
        ("big", "1e22"),
        ("big", "10000000000000000000000"),
        ("round", "1000"),
        ("round", "1e3"),
        ("quote", 'say "hi"\n'),
    ],
)
def test_a_value_is_found_by_its_path(path, text):
    sought = Sought(path, text)
    assert sought.is_in(DATA)
    assert sought.may_be_in(compact.text(DATA).encode())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("user.id", "8"),
        ("user.id", '"7"'),
        ("user.id", "true"),
        ("user.admin", "1"),
        ("user.zip", "7745"),
        ("user.nobody", "null"),
        ("user", "Ann Weber"),
        ("name", "Ann Weber"),
        ("labels.2.name", "bug"),
        ("tags", "deep"),
        ("tags.99999999999999999999", "red"),
        ("user.id", "NaN"),
        ("", "7"),
        ("user.id", "[" * 900),
        ("user.id", "9" * 900),
        ("x." * 400, "\ud800"),
    ],
)
def test_another_value_is_not(path, text):
    assert not Sought(path, text).is_in(DATA)
    Sought(path, text).may_be_in(compact.text(DATA).encode())


def test_a_record_without_the_words_is_not_worth_reading():
    record = compact.text(DATA).encode()
    assert not Sought("user.name", "Bea").may_be_in(record)
    assert not Sought("user.id", "12345").may_be_in(record)
    assert not Sought("user.age", "7").may_be_in(record)


@pytest.mark.parametrize("data", [None, [], "text", 7, [{"id": 7}], {"": {"": 1}}])
def test_data_of_any_kind_are_looked_into(data):
    assert Sought("id", "7").is_in(data) is (data == [{"id": 7}])
