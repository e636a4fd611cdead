"""Checks of the ledger's server: can it keep what it was given, and does it have room for more."""

from urllib.parse import urlsplit

from core.config import Config
from core.doctor.facts import Facts, Finding, Level
from core.ledger.admission import FULL, use_of
from core.ledger.server import too_old
from core.sentinel import SCHEME, sentinels
from core.wording import counted, duration, size

CLOSE = 0.65  # share of the memory limit from which on it is worth a look
SKEW = 1.0  # seconds
LOCAL = ("", "localhost", "127.0.0.1", "::1")


def server(facts: Facts) -> Finding:
    """Is it new enough."""
    name = "Valkey" if facts.info.get("valkey_version") else "Redis"
    found = f"{name} {facts.info.get('valkey_version') or facts.info.get('redis_version') or 'of an unknown version'}"
    if too_old(facts.info):
        return Finding("server", "bad", f"It is {found}.", "The scripts need Redis 7.0 or Valkey 7.2. Upgrade it.")
    return Finding("server", "ok", f"{found} at {facts.where} answers.")


def persistence(facts: Facts) -> Finding:
    """Does it write down what it was given, and could it, the last time it tried."""
    info = facts.info
    failed = [
        what
        for name, what in (
            ("aof_last_write_status", "its append-only file"),
            ("aof_last_bgrewrite_status", "a rewrite of its append-only file"),
            ("rdb_last_bgsave_status", "its last snapshot"),
        )
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        return Finding("persistence", "bad", f"It could not write {' and '.join(failed)}.", "Look at its log and disk.")
    if not int(info.get("aof_enabled", 0)):
        kept = "nothing" if facts.snapshots == "" else "snapshots alone"
        advice = "Set appendonly yes there, to keep what was accepted; DURABILITY=memory says that it may be lost."
        level: Level = "ok" if facts.config.durability == "memory" else "warn"
        return Finding("persistence", level, f"It keeps no append-only file: of a crash it keeps {kept}.", advice)
    rewriting = ", which is being rewritten" if int(info.get("aof_rewrite_in_progress", 0)) else ""
    fsync = f", synced {facts.fsync}" if facts.fsync else ""
    return Finding("persistence", "ok", f"It appends each write to a file{fsync}{rewriting}.")


def durability(facts: Facts) -> Finding:
    """Is what was accepted as safe as is demanded."""
    level = level_of(facts)
    survives = {"memory": "no crash of the server", "everysec": "a crash of the server", "fsync": "a power cut"}[level]
    fact = f'What is accepted survives {survives} ("{level}").'
    wanted = facts.config.durability
    ranks = ("memory", "everysec", "fsync")
    # With DURABILITY=fsync each acceptance waits for the disk, whatever appendfsync is.
    given = "fsync" if wanted == "fsync" and level == "everysec" else level
    if wanted and ranks.index(given) < ranks.index(wanted):
        return Finding("durability", "bad", f"{fact} DURABILITY demands {wanted}.", "Set appendonly yes on the server.")
    if level == "memory" and not wanted:
        return Finding("durability", "warn", fact, "Set appendonly yes on the server, or say DURABILITY=memory.")
    return Finding("durability", "ok", f"{fact[:-1]}; DURABILITY demands {wanted or 'nothing'}.")


def level_of(facts: Facts) -> str:
    """Return what an acceptance survives, as far as the server tells."""
    if not int(facts.info.get("aof_enabled", 0)):
        return "memory"
    return "fsync" if facts.fsync == "always" else "everysec"


def eviction(facts: Facts) -> Finding:
    """Would it throw work away where memory is short."""
    policy = str(facts.info.get("maxmemory_policy") or "noeviction")
    if policy != "noeviction":
        advice = "It must be noeviction. Try: CONFIG SET maxmemory-policy noeviction"
        return Finding("eviction", "bad", f"Its maxmemory-policy is {policy}: it throws accepted work away.", advice)
    return Finding("eviction", "ok", "Its maxmemory-policy is noeviction.")


def memory(facts: Facts) -> Finding:
    """Is there room for more work."""
    use = use_of(dict(facts.info), facts.config.ledger_memory)
    history = facts.config.history_memory or use.limit // 4
    own = "" if int(facts.info.get("maxmemory") or 0) else ", which LEDGER_MEMORY sets, for it has no maxmemory"
    fact = f"{size(use.used)} of {size(use.limit)} ({use.share:.0%}) are in use{own}; history may take {size(history)}."
    if use.share >= FULL:
        advice = "Nothing new is accepted. Start workers, raise the limit, or lower HISTORY_MEMORY."
        return Finding("memory", "bad", fact, advice)
    if use.share >= CLOSE:
        return Finding(
            "memory", "warn", fact, f"From {FULL:.0%} on nothing new is accepted. Let work drain, or raise it."
        )
    machine = int(facts.info.get("total_system_memory") or 0)
    if 0 < machine < use.limit:
        advice = f"Set maxmemory, or LEDGER_MEMORY, below the {size(machine)} that its machine has."
        return Finding("memory", "warn", f"{fact} Its machine has less than the limit.", advice)
    return Finding("memory", "ok", fact)


def clock(facts: Facts) -> Finding:
    """Do this process and the server agree on the time."""
    if abs(facts.skew) <= SKEW:
        return Finding("clock", "ok", "This process and the server agree on the time.")
    way = "ahead of" if facts.skew > 0 else "behind"
    fact = f"The clock of this process is {duration(abs(facts.skew))} {way} the server's."
    return Finding("clock", "warn", fact, "Runs go by the server's clock, pages and logs by this one. Set both by NTP.")


def replication(facts: Facts) -> Finding:
    """Is it the primary, and is there another one to take over."""
    found = sentinels(facts.config.redis_url)
    replicas = int(facts.info.get("connected_slaves", 0))
    if facts.info.get("role", "master") != "master":
        advice = "It takes no writes, or loses them. Name the primary in REDIS_URL, or let Sentinel name it."
        return Finding("replication", "bad", "The server is a replica.", advice)
    fact = counted(replicas, "replica") if replicas else "No replica"
    if found and not replicas:
        advice = "Start one: as it is, Sentinel has nobody to promote."
        return Finding("replication", "warn", f"No replica of {found.service} is connected.", advice)
    through = f", through {counted(len(found.hosts), 'sentinel')}" if found else ""
    rest = "" if replicas else " If its machine is lost, so is what its disk held."
    return Finding("replication", "ok", f"{fact}{through}.{rest}")


def tls(facts: Facts) -> Finding:
    """Can somebody on the way read along."""
    plain = [name for name, url in _urls(facts.config) if _is_plain(url)]
    if plain:
        fact = f"{' and '.join(plain)} lead to another machine without TLS."
        fact = fact.replace("lead", "leads") if len(plain) == 1 else fact
        return Finding("tls", "warn", fact, "Use rediss:// or amqps://, unless nobody else is on that network.")
    if unverified := [name for name, url in _urls(facts.config) if "ssl_cert_reqs=none" in url]:
        fact = f"The certificate behind {' and '.join(unverified)} is not verified (REDIS_TLS_VERIFY=no)."
        return Finding(
            "tls", "warn", fact, "Name its CA in REDIS_CA_FILE: as it is, anybody on the way can pose as it."
        )
    return Finding("tls", "ok", "What leaves this machine is encrypted, or nothing does.")


def _urls(config: Config) -> list[tuple[str, str]]:
    urls = {config.redis_url: "REDIS_URL"}
    for name, several in (("CELERY_BROKER_URL", config.broker_url), ("CELERY_RESULT_BACKEND", config.result_backend)):
        for url in several.split(";"):
            urls.setdefault(url, name)
    return [(name, url) for url, name in urls.items()]


def _is_plain(url: str) -> bool:
    parts = urlsplit(url.partition(",")[0])
    return parts.scheme in ("redis", "amqp", SCHEME, "sentinel") and (parts.hostname or "") not in LOCAL


CHECKS = (server, persistence, durability, eviction, memory, clock, replication, tls)
