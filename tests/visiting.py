"""A reader of the dashboard for tests: it keeps cookies, takes pages apart, and sends the forms it is given."""

from html.parser import HTMLParser

from flask import Flask


class Page(HTMLParser):
    """A rendered page, taken apart as a browser would. Forms are (method, action, {field: value})."""

    def __init__(self, html, status=200, headers=None):
        super().__init__()
        self.html, self.tags, self.attributes, self.text = html, set(), [], ""
        self.status, self.headers, self.forms = status, headers, []
        self.feed(html)
        self.words = " ".join(self.text.split())
        self.names = {name for _, name, _ in self.attributes}

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        given = dict(attrs)
        if tag == "form":
            self.forms.append((given.get("method", "get"), given.get("action", ""), {}))
        if tag in ("input", "button", "select", "textarea") and given.get("name") and self.forms:
            self.forms[-1][2].setdefault(given["name"], given.get("value", ""))

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return {value for _, found, value in self.attributes if found == name}

    def links(self):
        return [value for tag, name, value in self.attributes if (tag, name) == ("a", "href")]


class Visitor:
    """Reads pages of *app* and sends its forms; *secure* means HTTPS, which the cookie wants in production."""

    def __init__(self, app: Flask, *, secure: bool = False) -> None:
        self.client = app.test_client()
        self.base = "https://localhost" if secure else "http://localhost"

    def get(self, path="/", status=200, **headers):
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.client.get(path, base_url=self.base, headers=named)
        with answer:
            assert answer.status_code == status, (answer.status_code, answer.text[:2000])
            return Page(answer.text, answer.status_code, answer.headers)

    def token(self, path="/"):
        """Return the token of the forms of *path*."""
        found = self.client.get(path, base_url=self.base).text.partition('name="form_token" value="')[2]
        return found.partition('"')[0]

    def post(self, path, fields=None, status=303, follow=True, headers=None, **named):
        """Send a form; returns the page it leads to."""
        data = {"form_token": self.token("/dashboard/login"), **(fields or {}), **named}
        answer = self.client.post(path, base_url=self.base, data=data, headers=headers or {})
        assert answer.status_code == status, (answer.status_code, Page(answer.text).words[:2000])
        if answer.status_code == 303 and follow:
            return self.get(answer.headers["Location"])
        return Page(answer.text, answer.status_code, answer.headers)

    def sign_in(self, secret, **options):
        return self.post("/dashboard/login", secret=secret, **options)
