"""Who may call, and how much they may send: the bearer token and the bounded body."""

import gzip
import http.client
import io
import socket
import threading
from collections.abc import Iterator

import pytest
from flask import Blueprint, Flask, g
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.serving import make_server

from core.errors import ConfigError
from core.web import auth, body, problems

TOKEN = "correct-horse"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIMIT = 1_000


def make_app(token: str = TOKEN, limit: int = LIMIT) -> Flask:
    app = Flask(__name__)
    problems.register(app)
    api = Blueprint("api", __name__, url_prefix="/api")
    auth.guard(api, token)
    body.attach(api, lambda request: limit)

    @api.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def echo() -> bytes:
        return g.body

    app.register_blueprint(api)
    app.add_url_rule("/open", "open", lambda: "open")
    return app


@pytest.fixture
def client():
    return make_app().test_client()


@pytest.fixture
def port() -> Iterator[int]:
    """Yield the port of a real server: it reads sockets and unpacks chunks."""
    server = make_server("127.0.0.1", 0, make_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.port
    server.shutdown()
    thread.join()
    server.server_close()


class Endless(io.RawIOBase):
    """A sender that never stops; it counts what was taken."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.taken += len(buffer)
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


class Broken(io.RawIOBase):
    """A connection that is reset while the body is read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        raise ConnectionResetError


def streamed(client, stream, **environ):
    environ = {"wsgi.input": stream, "wsgi.input_terminated": True, **environ}
    return client.post("/api/echo", headers=BEARER, environ_overrides=environ)


def slug(answer) -> str:
    assert answer.content_type == "application/problem+json"
    return answer.get_json(force=True)["type"].removeprefix("/problems/")


class TestToken:
    @pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer   {TOKEN} "])
    def test_the_right_one(self, client, header):
        assert client.post("/api/echo", headers={"Authorization": header}, data=b"hi").data == b"hi"

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Bearer {TOKEN.upper()}",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer{TOKEN}",
            f"Bearer {TOKEN} {TOKEN}",
            "Bearer \xff\xfe\xe9",
            "Bearer " + "x" * 60_000,
        ],
    )
    def test_missing_and_wrong_get_the_same_answer(self, client, header):
        answer = client.get("/api/echo", headers={} if header is None else {"Authorization": header})
        missing = client.get("/api/echo")
        assert answer.status_code == 401
        assert slug(answer) == "unauthenticated"
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="carillon"'
        found, wanted = answer.get_json(force=True), missing.get_json(force=True)
        assert {**found, "trace_id": ""} == {**wanted, "trace_id": ""}

    @given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40))
    @settings(deadline=None)
    def test_no_header_text_is_an_error_of_ours(self, text):
        answer = make_app().test_client().get("/api/echo", headers={"Authorization": text})
        assert answer.status_code == 401

    def test_a_token_beyond_ascii_works_as_its_utf8_bytes(self):
        client = make_app("schlüssel-€").test_client()
        wire = "schlüssel-€".encode().decode("latin-1")
        assert client.get("/api/echo", headers={"Authorization": f"Bearer {wire}"}).status_code == 200
        assert client.get("/api/echo", headers={"Authorization": "Bearer schlussel-?"}).status_code == 401

    def test_an_empty_token_guards_nothing_and_is_refused(self):
        with pytest.raises(ConfigError):
            auth.guard(Blueprint("api", __name__), "")
        with make_app().test_request_context(headers={"Authorization": "Bearer "}) as context:
            assert not auth.bears(context.request, "")

    def test_every_method_is_guarded_and_other_paths_are_not(self, client):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert client.open("/api/echo", method=method).status_code == 401
        assert client.get("/open").status_code == 200

    def test_a_stranger_has_no_body_read(self, client):
        stream = Endless()
        answer = client.post("/api/echo", environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True})
        assert answer.status_code == 401
        assert stream.taken == 0


class TestBody:
    @pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    def test_up_to_the_limit(self, client, method, size):
        answer = client.open("/api/echo", method=method, headers=BEARER, data=b"x" * size)
        assert (answer.status_code, answer.data) == (200, b"x" * size)

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_other_methods_have_none(self, client, method):
        assert client.open("/api/echo", method=method, headers=BEARER, data=b"x").data == b""

    @pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 5_000, "0" * 50 + str(LIMIT + 1)])
    def test_an_announced_excess_is_refused_before_a_byte_is_read(self, client, length):
        stream = Endless()
        answer = streamed(client, stream, CONTENT_LENGTH=length)
        assert (answer.status_code, slug(answer)) == (413, "content-too-large")
        assert stream.taken == 0

    def test_an_unannounced_excess_is_refused_on_the_way(self, client):
        stream = Endless()
        answer = streamed(client, stream, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
        assert (answer.status_code, slug(answer)) == (413, "content-too-large")
        assert stream.taken <= LIMIT + io.DEFAULT_BUFFER_SIZE

    @pytest.mark.parametrize("length", ["-1", "+5", "5_0", "1e3", "x", "5, 5", "٣", "0x5", "5.0"])
    def test_a_length_that_is_none(self, client, length):
        answer = streamed(client, io.BytesIO(b"12345"), CONTENT_LENGTH=length)
        assert (answer.status_code, slug(answer)) == (400, "bad-request")

    def test_no_more_is_read_than_was_announced(self, client):
        assert streamed(client, Endless(), CONTENT_LENGTH="7").data == b"xxxxxxx"

    def test_a_body_cut_short(self, client):
        answer = streamed(client, io.BytesIO(b"123"), CONTENT_LENGTH="10")
        assert (answer.status_code, slug(answer)) == (400, "bad-request")
        assert "3 of 10 bytes" in answer.text

    @pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": "10"}, {"CONTENT_LENGTH": ""}])
    def test_a_connection_that_breaks(self, client, environ):
        answer = streamed(client, Broken(), **environ)
        assert (answer.status_code, slug(answer)) == (400, "bad-request")
        assert "broke off" in answer.text
        environ = {"wsgi.input": Broken(), "CONTENT_LENGTH": "10"}
        assert "broke off" in client.post("/api/echo", headers=BEARER, environ_overrides=environ).text


class TestOnARealServer:
    def post(self, port: int, data, headers=BEARER, **options) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", "/api/echo", data, headers, **options)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def test_chunks(self, port):
        assert self.post(port, iter([b"one ", b"two"]), encode_chunked=True) == (200, b"one two")
        packed = gzip.compress(b"one two")
        headers = {**BEARER, "Content-Encoding": "gzip"}
        assert self.post(port, iter([packed[:9], packed[9:]]), headers, encode_chunked=True) == (200, b"one two")

    def test_too_many_chunks(self, port):
        assert self.post(port, iter([b"x" * 300] * 4), encode_chunked=True)[0] == 413

    def test_a_sender_that_leaves_half_way(self, port):
        head = f"POST /api/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
            sender.sendall(head.encode() + b"abc")
            sender.shutdown(socket.SHUT_WR)
            answer = sender.makefile("rb").readline()
        assert b" 400 " in answer
