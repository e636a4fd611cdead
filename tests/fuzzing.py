"""Strategies that the fuzzing of our routes shares, and what must hold of every answer."""

import json

from hypothesis import strategies as st

from core.testing import API_TOKEN
from core.web.problems import OURS, PROBLEMS

BEARER = f"Bearer {API_TOKEN}"

latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30)
raw = st.binary(max_size=30).map(lambda raw: raw.decode("latin-1"))
names = ["limit", "cursor", "from", "to", "state", "task", "event", "schedule", "queue", "type", "source", "subject"]
names += ["partial", "sort", "role", "n"]
values = (
    raw
    | st.integers().map(str)
    | st.datetimes().map(str)
    | st.sampled_from(
        ["true", "github.*", "[*", "failed", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 5000]
    )
)
queries = st.lists(st.tuples(st.sampled_from(names) | raw, values).map("=".join), max_size=4).map("&".join) | raw

keys = st.sampled_from(
    ["specversion", "id", "type", "source", "subject", "time", "data", "datacontenttype", "dataschema"]
)
types = st.sampled_from(["github.push", "activity.digest", "github.x", "nobody", "a b", "github.\x00"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | types
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(), inner), max_leaves=12
)
good = {"specversion": "1.0", "id": "1", "source": "/x", "type": "github.push", "data": {}}
digest = {"type": "activity.digest", "data": {"day": "x", "deliveries": 1, "repositories": []}}
nearly = st.tuples(st.sampled_from([good, digest]), st.dictionaries(keys | st.text(max_size=8), trees, max_size=3)).map(
    lambda pair: pair[0] | pair[1]
)
bodies = st.one_of(
    st.binary(max_size=200),
    (trees | nearly | st.lists(nearly, max_size=3)).map(lambda tree: json.dumps(tree).encode()),
    nearly.map(lambda tree: json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")),
)
media = st.sampled_from(
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", ""]
    + ["application/json; charset=utf-16", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
headers = st.dictionaries(
    st.sampled_from(
        ["Idempotency-Key", "Content-Encoding", "Transfer-Encoding", "Accept", "Range", "If-Match", "Cookie", "Expect"]
        + [
            "ce-id",
            "ce-type",
            "ce-source",
            "ce-specversion",
            "ce-time",
            "ce-subject",
            "Ce-X",
            "X-Forwarded-For",
            "Host",
        ]
    ),
    latin | st.sampled_from(["1.0", "github.push", "gzip", "chunked", "%C3%28", '"', '"\\', "2026-11-22T09:00:00Z"]),
    max_size=5,
)
usually_json = st.just("application/json") | st.just("application/json") | media
seldom = st.just({}) | st.just({}) | headers


def sane(answer, path: str) -> None:
    """Check what must hold of every answer."""
    assert answer.status_code < 500 or (path == "/readyz" and answer.status_code == 503), (path, answer.text)
    assert not any("\r" in text or "\n" in text for _, text in answer.headers)
    if answer.status_code >= 400 and any(path == prefix or path.startswith(f"{prefix}/") for prefix in OURS):
        if path == "/readyz" or not answer.data:
            return
        assert answer.content_type == "application/problem+json", (path, answer.status_code, answer.text)
        found = json.loads(answer.data)
        assert found["status"] == answer.status_code
        assert found["type"] == "about:blank" or found["type"].removeprefix("/problems/") in PROBLEMS
        assert "Traceback" not in answer.text
    elif answer.content_type == "application/json" and answer.request.method != "HEAD":
        json.loads(answer.data)


def ask(app, path: str, method: str, *, query: str = "", token: str = BEARER, **request):
    environ = {"PATH_INFO": path, "QUERY_STRING": query}
    given = {"Authorization": token} | request.pop("headers", {})
    answer = app.test_client().open("/", method=method, environ_overrides=environ, headers=given, **request)
    sane(answer, path.encode("latin-1").decode("utf-8", "replace"))
    return answer
