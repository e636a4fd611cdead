"""Checks of the settings: secrets, keys, development, versions."""

import math
from collections import Counter
from collections.abc import Sequence

from core.config import Config
from core.doctor.facts import Facts, Finding

WEAK, FAIR = 48, 80  # bits that a secret holds at most, as far as its characters tell
MAKE = 'python -c "import secrets; print(secrets.token_urlsafe(32))" makes one.'
HERE = ("", "localhost", "127.0.0.1", "::1")


def secrets(facts: Facts) -> Finding:
    """Can a secret be guessed."""
    bits = {name: entropy(text) for name, text in _secrets(facts.config)}
    weak = [name for name, found in bits.items() if found < WEAK]
    if weak and not facts.config.development:
        return Finding("secrets", "bad", f"{_list(weak)} can be guessed.", f"{_replace(weak)}. {MAKE}")
    if poor := [name for name, found in bits.items() if found < FAIR]:
        return Finding("secrets", "warn", f"{_list(poor)} could be longer.", f"{_replace(poor)} when you can. {MAKE}")
    if facts.config.api_token in facts.config.keys:
        fact = "API_TOKEN and SECRET_KEY are the same: who may call the API could forge records and sessions."
        return Finding("secrets", "bad" if not facts.config.development else "warn", fact, f"Use two. {MAKE}")
    return Finding("secrets", "ok", f"{_list(list(bits))} are long and odd enough.")


def entropy(text: str) -> float:
    """Return the bits that *text* holds at most: how evenly its characters are spread, times how many there are."""
    counted = Counter(text).values()
    return -sum(count * math.log2(count / len(text)) for count in counted)


def _secrets(config: Config) -> list[tuple[str, str]]:
    hooks = [
        (f"{source.upper().replace('-', '_')}_WEBHOOK_SECRET", min(found, key=entropy))
        for source, found in config.webhook_secrets.items()
    ]
    return [("API_TOKEN", config.api_token), ("SECRET_KEY", config.keys[0]), *sorted(hooks)]


def _replace(names: Sequence[str]) -> str:
    return f"Replace {'it' if len(names) == 1 else 'them'}"


def _list(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def keys(facts: Facts) -> Finding:
    """Can what was recorded be read with the keys that are here."""
    older = len(facts.config.keys) - 1
    if -1 in (facts.newest_key, facts.oldest_key):
        which = "newest" if facts.newest_key == -1 else "oldest"
        fact = (
            f"The {which} record of the ledger is sealed with a key that this process does not have: its runs are held."
        )
        advice = "All processes need the same SECRET_KEY; a former one goes into SECRET_KEY_FALLBACKS."
        return Finding("keys", "bad", fact, advice)
    if not older:
        return Finding("keys", "ok", "One key seals and reads; SECRET_KEY_FALLBACKS is empty.")
    fact = f"{older} older {'key' if older == 1 else 'keys'} in SECRET_KEY_FALLBACKS"
    if facts.oldest_key:
        return Finding("keys", "ok", f"{fact}: needed, for the oldest record is sealed with one.")
    advice = "Before you drop one, seal older schedules anew: flask schedules apply, and edit those made at run time."
    return Finding("keys", "ok", f"{fact}; no record of the ledger needs one any more.", advice)


def development(facts: Facts) -> Finding:
    """Is what opens to this machine without a login open to others."""
    config = facts.config
    if not config.development:
        return Finding("development", "ok", "CARILLON_ENV is production: nothing opens without a secret.")
    if config.host not in HERE:
        fact = f"CARILLON_ENV is development, and web listens on {config.host}."
        advice = "A proxy on this machine makes strangers look local, who need no login. Set CARILLON_ENV=production."
        return Finding("development", "bad", fact, advice)
    return Finding("development", "ok", "CARILLON_ENV is development: pages open to this machine without a login.")


def versions(facts: Facts) -> Finding:
    """What runs here."""
    return Finding("versions", "ok", f"{', '.join(f'{name} {found}' for name, found in facts.versions.items())}.")


CHECKS = (secrets, keys, development, versions)
