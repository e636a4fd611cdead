"""Sentinel URLs: ``redis+sentinel://[user:password@]host:port[,host:port...]/service[/db]``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

SCHEME = "redis+sentinel"
PORT = 26379


@dataclass(frozen=True, kw_only=True)
class Sentinels:
    """The sentinels that know where the primary of *service* is; the password is the primary's."""

    hosts: Sequence[tuple[str, int]]
    service: str
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def celery_url(self) -> str:
        """Return the URL as Celery spells it, one for each sentinel; it takes the service as an option."""
        user = quote(self.username or "", safe="")
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        login = f"{user}{secret}@" if user or secret else ""
        return ";".join(f"sentinel://{login}{host}:{port}/{self.db}" for host, port in self.hosts)


def sentinels(url: str) -> Sentinels | None:
    """Return what a Sentinel URL says, or None for a URL of another kind.

    Raises:
        ValueError: it is one, and says too little or something odd.
    """
    parts = urlsplit(url)
    if parts.scheme != SCHEME:
        return None
    login, _, places = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    hosts = [_host(place) for place in places.split(",") if place]
    if not hosts or not service or not (db or "0").isdecimal():
        raise ValueError("wanted redis+sentinel://host:port,host:port/service/db")
    return Sentinels(
        hosts=hosts,
        service=unquote(service),
        db=int(db or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
    )


def _host(place: str) -> tuple[str, int]:
    host, _, port = place.partition(":")
    if not host or not (port or "1").isdecimal():
        raise ValueError(f"a sentinel is host:port, not {place!r}")
    return host, int(port or PORT)
