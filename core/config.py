"""The one place that reads the environment: a frozen record, all problems reported together."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from core.errors import ConfigError
from core.kept import kept_secret, running
from core.reading import LONGEST_NUMBER, MEGABYTE, Reading
from core.sentinel import SCHEME, sentinels

ROOT = Path(__file__).absolute().parent.parent
REDIS_SCHEMES = ("redis", "rediss", "unix", SCHEME)
LEVELS = ("memory", "everysec", "fsync")  # what an acceptance survives, the least first
NEXT_URL = re.compile(r";(?=\s*[\w+]+://)")
LONGEST_RELEASE = 100  # characters; what is beyond is left out


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the environment says, read once.

    Sizes are bytes, ``backlog_limit`` and ``async_concurrency`` numbers of runs. ``durability`` is the level that is
    demanded, or ''. ``webhook_secrets`` maps a source (``github``) to its secrets, newest first. ``keys`` are the
    signing keys, the current one first.
    """

    env: Literal["production", "development"] = "production"
    release: str = ""
    host: str = ""  # where web listens; '' where it is not told us
    port: int = 8000
    redis_url: str = field(repr=False)  # URLs may hold passwords
    broker_url: str = field(default="", repr=False)
    broker_service: str = ""
    result_backend: str = field(default="", repr=False)
    result_service: str = ""
    database_url: str = field(default="", repr=False)
    keys: tuple[str, ...] = field(repr=False)
    api_token: str = field(repr=False)
    dashboard_password: str = field(default="", repr=False)
    dashboard_read_password: str = field(default="", repr=False)
    dashboard_timezone: str = "UTC"
    webhook_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    prefix: str = "carillon"
    ledger_memory: int = 1024 * MEGABYTE
    history_memory: int = 0
    backlog_limit: int = 1_000_000
    async_concurrency: int = 1_000
    durability: str = ""
    hook_max_body: int = 5 * MEGABYTE
    redbeat_tasks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def development(self) -> bool:
        return self.env == "development"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, data: Path = ROOT / ".data") -> "Config":
        """Read the environment, and *data* for what ``make run`` left there.

        Raises:
            ConfigError: naming every problem found.
        """
        return _Reader(os.environ if environ is None else environ, data).read()


class _Reader(Reading):
    def __init__(self, environ: Mapping[str, str], data: Path) -> None:
        super().__init__(environ)
        self.data = data
        self.running = running(data)
        self.notes: list[str] = []

    def read(self) -> Config:
        env = self.text("CARILLON_ENV") or self.running.get("env", "production")
        if env not in ("production", "development"):
            self.problems.append(f"CARILLON_ENV is {env!r}; it must be production or development.")
        development = env == "development"
        redis_url = self.redis_url()
        broker = self.url("CELERY_BROKER_URL") or redis_url
        backend = self.url("CELERY_RESULT_BACKEND") or redis_url
        config = Config(
            env="development" if development else "production",
            release=(self.text("CARILLON_RELEASE") or self.text("HEROKU_RELEASE_VERSION"))[:LONGEST_RELEASE],
            host=self.text("CARILLON_HOST"),
            port=self.port(),
            redis_url=redis_url,
            broker_url=celery_url(broker),
            broker_service=service(broker),
            result_backend=celery_url(backend),
            result_service=service(backend),
            database_url=self.text("DATABASE_URL"),
            keys=(self.secret("SECRET_KEY", development), *self.several("SECRET_KEY_FALLBACKS")),
            api_token=self.secret("API_TOKEN", development),
            dashboard_password=self.password("DASHBOARD_PASSWORD"),
            dashboard_read_password=self.password("DASHBOARD_READ_PASSWORD"),
            dashboard_timezone=self.zone("DASHBOARD_TIMEZONE"),
            webhook_secrets=self.webhook_secrets(),
            prefix=self.prefix(),
            ledger_memory=self.size("LEDGER_MEMORY", 1024 * MEGABYTE),
            history_memory=self.size("HISTORY_MEMORY", 0),
            backlog_limit=self.number("BACKLOG_LIMIT", 1_000_000, "runs"),
            async_concurrency=self.number("ASYNC_CONCURRENCY", 1_000, "runs"),
            durability=self.durability(),
            hook_max_body=self.size("HOOK_MAX_BODY", 5 * MEGABYTE),
            redbeat_tasks=self.several("REDBEAT_TASKS"),
            notes=tuple(self.notes),
        )
        if self.problems:
            raise ConfigError(self.problems)
        return config

    def port(self) -> int:
        text = self.text("PORT") or "8000"
        if not text.isdecimal() or len(text) > LONGEST_NUMBER or not 1 <= int(text) <= 65535:
            self.problems.append(f"PORT is {text!r}; it must be a number from 1 to 65535.")
            return 8000
        return int(text)

    def durability(self) -> str:
        """Read the level that is demanded; '' takes whatever the server gives."""
        text = self.text("DURABILITY").lower()
        if text not in ("", *LEVELS):
            self.problems.append(f"DURABILITY is {text!r}; it must be one of {', '.join(LEVELS)}.")
        return text

    def prefix(self) -> str:
        text = self.text("CARILLON_PREFIX") or "carillon"
        if not (text.isascii() and text.replace("-", "").replace("_", "").isalnum()) or len(text) > 32:
            self.problems.append(f"CARILLON_PREFIX is {text!r}; use up to 32 letters, digits, '-' and '_'.")
        return text

    def secret(self, name: str, development: bool) -> str:
        if value := self.text(name):
            return value
        if development:
            return kept_secret(self.data / name.lower())
        self.problems.append(
            f"{name} is not set. Production needs one, the same for all processes: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))" makes one. '
            "(CARILLON_ENV=development keeps one in .data/.)"
        )
        return ""

    def webhook_secrets(self) -> dict[str, tuple[str, ...]]:
        suffix = "_WEBHOOK_SECRET"
        names = [name for name in self.environ if name.endswith(suffix) and name != suffix]
        found = {name.removesuffix(suffix).lower().replace("_", "-"): self.several(name) for name in names}
        return {source: values for source, values in found.items() if values}

    def redis_url(self) -> str:
        url = self.url("REDIS_URL") or self.running.get("redis_url", "")
        if self.text("REDIS_URL") and not url:
            return ""
        if not url:
            self.problems.append(
                "REDIS_URL is not set and no embedded server is running. "
                "Set it to your server, e.g. redis://localhost:6379/0, or start everything with: make run"
            )
        elif urlsplit(url).scheme not in REDIS_SCHEMES:
            self.problems.append(
                f"REDIS_URL begins with {urlsplit(url).scheme!r}; "
                f"it must be a redis://, rediss://, unix:// or {SCHEME}:// URL."
            )
        return url

    def url(self, name: str) -> str:
        """Read a URL, '' if it cannot be understood; the problem does not repeat it: it may hold a password.

        A broker may have several, with ``;`` between them.
        """
        urls = [url.strip() for url in NEXT_URL.split(self.text(name))]
        try:
            for url in urls:
                sentinels(url) or urlsplit(url).port
        except ValueError:
            self.problems.append(
                f"{name} is not a URL: its host or port cannot be understood. Wanted scheme://host:port."
            )
            return ""
        return ";".join(self.tls(url) for url in urls)

    def tls(self, url: str) -> str:
        """Add what REDIS_TLS_VERIFY and REDIS_CA_FILE say to a ``rediss://`` URL that does not say it itself."""
        parts = urlsplit(url)
        if parts.scheme != "rediss":
            return url
        query = dict(parse_qsl(parts.query))
        verify = self.text("REDIS_TLS_VERIFY").lower() or "yes"
        if verify not in ("yes", "no"):
            self.refuse_once(f"REDIS_TLS_VERIFY is {verify!r}; it must be yes or no.")
        query.setdefault("ssl_cert_reqs", "required" if verify == "yes" else "none")
        if query["ssl_cert_reqs"] == "none":
            note = "REDIS_TLS_VERIFY=no: the certificate of the Redis server is not verified."
            if note not in self.notes:
                self.notes.append(note)
            query.setdefault("ssl_check_hostname", "false")
        if ca_file := self.text("REDIS_CA_FILE"):
            if not Path(ca_file).is_file():
                self.refuse_once(f"REDIS_CA_FILE is {ca_file!r}; there is no such file.")
            query.setdefault("ssl_ca_certs", ca_file)
        return urlunsplit(parts._replace(query=urlencode(query)))


def celery_url(url: str) -> str:
    """Return *url* as kombu and Celery spell it: they write Unix sockets and sentinels in ways of their own."""
    if found := sentinels(url):
        return found.celery_url()
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={database}"


def service(url: str) -> str:
    """Return the service that a Sentinel URL names, or '': Celery takes it apart from the URL."""
    found = sentinels(url)
    return found.service if found else ""
