"""What the shop does at its hours: every trigger and every policy once."""

from core import at, cron, every


@every(minutes=5, name="shop.refresh_rates", overlap="skip", queue="rates")
async def refresh_rates() -> dict[str, float]:
    """Ask the bank for today's rates."""
    return {"EUR/USD": 1.0843}


@every(minutes=30, name="shop.sync_stock", overlap="queue_one", queue="stock")
def sync_stock() -> int:
    """Count the bells in the shed."""
    return 412


@cron("0 * * * *", name="shop.hourly_report", catch_up="latest", catch_up_window=7200)
def hourly_report() -> str:
    """Write down how the hour went."""
    return "a quiet hour"


@cron("15 */2 * * *", name="shop.send_reminders", queue="mail", catch_up="all")
async def send_reminders() -> int:
    """Remind those who have not paid."""
    return 3


@cron("0 7 * * mon-fri", timezone="Europe/Berlin", name="shop.morning_mail", queue="mail", pause_after=3)
def morning_mail() -> None:
    """Greet the colleagues."""


@cron("30 2 * * *", timezone="America/New_York", name="shop.backup", queue="slow", grace=600)
def backup() -> None:
    """Copy everything, at an hour that some days do not have."""


@cron("*/10 * * * *", name="shop.watch_prices", catch_up="skip", jitter=20)
def watch_prices() -> str:
    """Look at what others ask for a bell."""
    return "c'' bronze: 129.00"


@at("2030-01-01T00:00:00Z", name="shop.ring_in_the_new_year")
def ring() -> None:
    """Ring all of them."""
