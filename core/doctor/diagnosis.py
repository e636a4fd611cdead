"""The list of checks, and what they found together."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.doctor import keeping, settings, working
from core.doctor.facts import LEVELS, Facts, Finding, Level
from core.doctor.gathering import gather, versions
from core.errors import LedgerUnavailable
from core.house import House

CHECKS = (*keeping.CHECKS, *working.CHECKS, *settings.CHECKS)


@dataclass(frozen=True)
class Diagnosis:
    """What all checks found; without the ledger, what can be told all the same."""

    findings: Sequence[Finding]
    reachable: bool = True

    @property
    def verdict(self) -> Level:
        """The worst level that was found."""
        return max((finding.level for finding in self.findings), key=LEVELS.index)

    def count(self, level: Level) -> int:
        return sum(finding.level == level for finding in self.findings)

    def view(self) -> dict[str, object]:
        """Return the diagnosis as the API answers it."""
        return {"verdict": self.verdict, "items": [finding.view() for finding in self.findings], "next": None}


def examine(facts: Facts) -> Diagnosis:
    """Make all checks."""
    return Diagnosis([check(facts) for check in CHECKS])


def diagnose(here: House) -> Diagnosis:
    """Find out what is the matter with this application."""
    try:
        return examine(gather(here))
    except LedgerUnavailable as error:
        advice = "Check REDIS_URL and the server. Nothing is lost that was accepted."
        away = Finding("server", "bad", f"{str(error).partition('. ')[0]}.", advice)
        facts = Facts(config=here.config, info={}, versions=versions())
        told = (settings.secrets, settings.development, settings.versions, keeping.tls)
        return Diagnosis([away, *(check(facts) for check in told)], reachable=False)
