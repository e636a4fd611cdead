"""A client of the API for tests: it bears the token and reads problems."""

import json

from flask import Flask

from core.testing import API_TOKEN

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}


class Api:
    """Paths are those under /api/v1."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def send(self, path, body=None, content_type="application/json", status=202, **headers):
        """POST *body*: bytes as they are, None as nothing, all else as JSON; return the answer's JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.client.post(f"/api/v1{path}", data=data, content_type=content_type, headers=BEARER | named)
        assert answer.status_code == status, answer.text
        self.headers = answer.headers
        return answer.get_json(force=True)

    def refused(self, status, slug, path, body=None, content_type="application/json", **headers):
        """POST what is refused; return the problem."""
        problem = self.send(path, body, content_type, status, **headers)
        assert (problem["type"], problem["status"]) == (f"/problems/{slug}", status), problem
        assert {"title", "detail", "instance", "trace_id"} <= set(problem)
        return problem

    def pointers(self, slug, path, body) -> set:
        return {error["pointer"] for error in self.refused(422, slug, path, body)["errors"]}

    def get(self, path, status=200):
        answer = self.client.get(f"/api/v1{path}", headers=BEARER)
        assert answer.status_code == status, answer.text
        return answer.get_json(force=True)
