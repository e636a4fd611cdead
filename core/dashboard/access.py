"""Who may do what on the pages: everything, nothing but look, or a set of acts."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Literal

from flask import Request

from core.config import Config
from core.dashboard.visit import Visit, proof
from core.errors import ConfigError
from core.web.auth import bears

ACTS = frozenset(
    {
        "events.emit",
        "events.replay",
        "runs.retry",
        "runs.cancel",
        "schedules.run",
        "schedules.pause",
        "schedules.skip",
        "schedules.backfill",
        "schedules.edit",
        "workers.quiet",
        "workers.stop",
    }
)
Access = Literal["all", "read_only"] | AbstractSet[str]
Asking = Callable[[], Access | None]
LOOPBACK = ("127.", "::1", "::ffff:127.")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def access_of(request: Request, visit: Visit, config: Config, hook: Asking | None) -> Access | None:
    """Return what whoever sends *request* may do, or None for someone who has to sign in first.

    *hook* is asked first: it knows the host application's own users. A person who signed in with a token or password
    that is not valid any more has to sign in again. In development this machine needs no login.

    Raises:
        ConfigError: the hook's answer is none.
    """
    found = checked(hook()) if hook else None
    if found is not None:
        return found
    for who, secret, access in doors(config):
        if visit.who == who and visit.proof == proof(secret):
            return access
    return "all" if bears(request, config.api_token) or near(request, config) else None


def doors(config: Config) -> list[tuple[str, str, Access]]:
    """Return the ways to sign in: the name of each, its secret, and what it opens."""
    ways: list[tuple[str, str, Access]] = [
        ("token", config.api_token, "all"),
        ("password", config.dashboard_password, "all"),
        ("guest", config.dashboard_read_password, "read_only"),
    ]
    return [way for way in ways if way[1]]


def near(request: Request, config: Config) -> bool:
    """Tell whether *request* comes from this machine, in development, and to a name of this machine.

    A stranger's page that resolves its own name to 127.0.0.1 is no page of ours.
    """
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdecimal() else request.host
    local = host.strip("[]") in LOCAL_HOSTS
    return config.development and local and (request.remote_addr or "").startswith(LOOPBACK)


def allows(access: Access, act: str) -> bool:
    """Tell whether *access* takes in *act*, one of ACTS."""
    return access == "all" or (not isinstance(access, str) and act in access)


def checked(answer: object) -> Access | None:
    """Return what a hook answered.

    Raises:
        ConfigError: it is neither ``all`` nor ``read_only``, no set of ACTS, and not None.
    """
    if answer is None or answer == "all" or answer == "read_only":
        return answer
    if isinstance(answer, AbstractSet) and answer <= ACTS:
        return answer
    wanted = f"'all', 'read_only', a set of {', '.join(sorted(ACTS))}, or None"
    raise ConfigError([f"DASHBOARD_ACCESS answered {str(answer)[:80]!r}; it must answer {wanted}."])
