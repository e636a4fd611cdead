"""Sessions are Flask's, whether a request brings a cookie or not."""

import pytest
from flask import session

from core.web.sessions import Sessions


@pytest.fixture
def client(make_app):
    app = make_app()
    app.config["SESSION_COOKIE_SECURE"] = False

    @app.get("/set/<name>")
    def set_name(name):
        session["name"] = name
        return "set"

    @app.get("/get")
    def get_name():
        return session.get("name", "nobody")

    @app.get("/clear")
    def clear():
        session.clear()
        return "cleared"

    @app.get("/none")
    def none():
        return "none"

    assert isinstance(app.session_interface, Sessions)
    return app.test_client()


def test_what_is_set_is_there_the_next_time(client):
    assert client.get("/get").text == "nobody"
    answer = client.get("/set/ann")
    assert answer.headers["Set-Cookie"].startswith("session=")
    assert client.get("/get").text == "ann"
    assert client.get("/clear").headers["Set-Cookie"].startswith("session=;")
    assert client.get("/get").text == "nobody"


def test_answers_differ_by_cookie_where_the_session_was_looked_at(client):
    assert client.get("/get").headers["Vary"] == "Cookie"
    assert "Vary" not in client.get("/none").headers
    client.get("/set/ann")
    answer = client.get("/none")
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_without_a_key_there_is_no_session(client):
    client.application.secret_key = None
    assert client.get("/none").text == "none"
    assert client.get("/get").text == "nobody"
    with pytest.raises(RuntimeError, match="no secret key"):
        client.get("/set/ann")
