"""Packed bodies: unpacked within the limit, or refused."""

import gzip
import tracemalloc
import zlib

import pytest
from flask import Blueprint, Flask, g
from hypothesis import given, settings
from hypothesis import strategies as st

from core.web import body, problems

LIMIT = 1_000


def make_app(limit: int = LIMIT) -> Flask:
    app = Flask(__name__)
    problems.register(app)
    api = Blueprint("api", __name__, url_prefix="/api")
    body.attach(api, lambda request: limit)
    api.add_url_rule("/echo", "echo", lambda: g.body, methods=["POST"])
    app.register_blueprint(api)
    return app


@pytest.fixture
def client():
    return make_app().test_client()


def slug(answer) -> str:
    return answer.get_json(force=True)["type"].removeprefix("/problems/")


def post(client, data: bytes, encoding: str = "gzip"):
    return client.post("/api/echo", headers={"Content-Encoding": encoding}, data=data)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " gzip "])
@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_it_is_unpacked(client, encoding, size):
    assert post(client, gzip.compress(b"x" * size, mtime=0), encoding).data == b"x" * size


def test_identity_is_as_it_is(client):
    assert post(client, b"plain", "identity").data == b"plain"


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "x", "é"])
def test_all_else_is_unsupported(client, encoding):
    answer = post(client, b"x", encoding)
    assert (answer.status_code, slug(answer)) == (415, "unsupported-encoding")
    assert answer.headers["Accept-Encoding"] == "gzip, identity"


def test_one_byte_over_the_limit_unpacked(client):
    answer = post(client, gzip.compress(b"x" * (LIMIT + 1)))
    assert (answer.status_code, slug(answer)) == (413, "content-too-large")


def test_a_bomb_takes_no_memory():
    bomb = gzip.compress(bytes(200_000_000))
    client = make_app(limit=256 * 1024).test_client()
    tracemalloc.start()
    answer = post(client, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\x1f\x8b",
        gzip.compress(b"hello", mtime=0)[:-1],
        gzip.compress(b"hello", mtime=0)[:-8] + b"\0" * 8,
        gzip.compress(b"hello", mtime=0) + b"!",
        gzip.compress(b"hello", mtime=0) * 2,
        zlib.compress(b"hello"),
    ],
)
def test_broken(client, data):
    answer = post(client, data)
    assert (answer.status_code, slug(answer)) == (400, "bad-request")


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_are_an_error_of_ours(data):
    client = make_app().test_client()
    for packed in (data, gzip.compress(data, mtime=0), gzip.compress(b"some")[:10] + data):
        assert post(client, packed).status_code in (200, 400, 413)
