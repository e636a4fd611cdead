"""JSON on pages: laid out, safe, and never longer than a page may be."""

import json

import pytest

from core import compact
from core.dashboard.json_view import LONGEST, MOST, json_view


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        1.5,
        "words",
        "",
        [],
        {},
        [[], {}],
        {"a": {"b": [1, 2, {"c": None}]}, "long": "x" * 200, "list": list(range(60))},
        {"schöne": "😀", 'quo"te': "a\nb\t\\"},
        [{"name": "ann", "tags": ["a", "b"]}] * 5,
    ],
)
def test_what_is_shown_is_the_same_json(value):
    view = json_view(value)
    assert view.whole
    assert json.loads(view.markup.unescape() if "<" not in view.markup else view.markup.striptags()) == value
    assert view.size == len(compact.text(value).encode())


def test_it_is_laid_out_as_people_write_it():
    found = json_view({"action": "published", "release": {"tag": "v2.8.0", "draft": False, "notes": "x" * 70}})
    assert found.markup == (
        "{\n  <b>&#34;action&#34;</b>: &#34;published&#34;,\n  <b>&#34;release&#34;</b>: {\n"
        "    <b>&#34;tag&#34;</b>: &#34;v2.8.0&#34;,\n    <b>&#34;draft&#34;</b>: false,\n"
        f"    <b>&#34;notes&#34;</b>: &#34;{'x' * 70}&#34;\n  }}\n}}"
    )
    assert json_view({"a": {"b": 1}}).markup == ("{\n  <b>&#34;a&#34;</b>: { <b>&#34;b&#34;</b>: 1 }\n}")


def test_words_of_strangers_stay_words():
    hostile = {"<script>": "</pre><script>alert(1)</script>", "turn": "a\u202eb\u2028c\x9b", "{}": "{0} %s"}
    found = json_view(hostile)
    assert "<script" not in found.markup
    assert "</pre" not in found.markup
    assert "\\u202e" in found.markup
    assert json.loads(found.markup.striptags()) == hostile


@pytest.mark.parametrize(
    "value",
    [
        {"text": "x" * 256 * 1024},
        {"items": [{"id": n, "name": "some name"} for n in range(20_000)]},
        ["<&>" * 1000] * 100,
        {f"k{n}": n for n in range(30_000)},
    ],
)
def test_of_a_large_value_the_beginning_is_shown(value):
    found = json_view(value)
    assert not found.whole
    assert len(found.markup) < MOST + 6 * LONGEST
    assert found.markup.endswith(("</i>", "}", "]"))


def test_what_is_nested_too_deeply_is_folded():
    deep: list = ["x" * 100]
    for _ in range(200):
        deep = [deep]
    found = json_view(deep)
    assert not found.whole
    assert "[ 1 item ]" in found.markup
