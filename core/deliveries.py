"""Webhooks as the API and the pages show them: sources, what was delivered lately, what was refused."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from core.catalog import Catalog
from core.clock import to_ms
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.listing import EventFilter, Page, list_events
from core.ledger.refusals import Refusal, refusals
from core.ledger.views import PLACES

KNOWN = ("github",)  # sources whose deliveries are understood
HOUR, DAY = 3_600_000, 86_400_000  # ms
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source of webhooks: how many secrets it has, what came of it, the newest events and refusals."""

    name: str
    secrets: int
    last_hour: int
    last_24h: int
    refused_last_hour: int
    refused: Sequence[Refusal]
    events: Sequence[Json] = ()

    @property
    def address(self) -> str:
        return path_of(self.name)

    @property
    def understood(self) -> bool:
        return self.name in KNOWN

    @property
    def configured(self) -> bool:
        return self.understood and self.secrets > 0

    @property
    def variable(self) -> str:
        return variable_of(self.name)

    def view(self) -> Json:
        """Return the source as the API answers it."""
        return {
            "source": self.name,
            "address": self.address,
            "configured": self.configured,
            "secrets": self.secrets,
            "last_hour": self.last_hour,
            "last_24h": self.last_24h,
            "refused_last_hour": self.refused_last_hour,
            "last_refused": asdict(self.refused[0]) if self.refused else None,
        }


def path_of(source: str) -> str:
    """Return where deliveries of *source* are taken; it is the source of their events, too."""
    return f"/hooks/{source}"


def variable_of(source: str) -> str:
    """Return the variable that holds the secrets of *source*."""
    return f"{source.upper().replace('-', '_')[:40]}_WEBHOOK_SECRET"


def minute_of(moment: datetime) -> int:
    """Return the minute since the epoch in which refusals of *moment* are counted."""
    return to_ms(moment) // 60_000


def sources(
    keys: Keys, secrets: Mapping[str, Sequence[str]], now: datetime, *, events: int = 0, refused: int = 1
) -> Flow[list[Source]]:
    """Return the sources that are understood and those that have secrets, each with its newest *events*."""
    found = []
    for name in dict.fromkeys((*KNOWN, *sorted(secrets))):
        index, since = keys.source(path_of(name)), [(to_ms(now) - span) * PLACES for span in (HOUR, DAY)]
        hour, day = yield [("ZCOUNT", index, start, "+inf") for start in since]
        noted, count = yield from refusals(keys, name, refused, minute_of(now))
        shown: list[Json] = []
        if events:
            shown, _ = yield from list_events(keys, EventFilter(source=path_of(name)), Page(limit=events))
        found.append(
            Source(
                name=name,
                secrets=len(secrets.get(name, ())),
                last_hour=hour,
                last_24h=day,
                refused_last_hour=count,
                refused=noted,
                events=shown,
            )
        )
    return found


def listeners(catalog: Catalog, source: str) -> list[tuple[str, str]]:
    """Return which types of *source*, or patterns that take some of them, are answered by which tasks."""
    begin = f"{source}."
    named = [(wanted if isinstance(wanted, str) else wanted.type, task.name) for wanted, task in catalog.subscriptions]
    return sorted({(kind, task) for kind, task in named if kind.startswith(begin) or _may_be(kind, begin)})


def _may_be(pattern: str, begin: str) -> bool:
    """Tell whether *pattern* may take types that begin with *begin*."""
    fixed, star, _ = pattern.partition("*")
    return bool(star) and begin.startswith(fixed)
