"""Flask commands: what an operator types."""

from flask import Flask

from core.cli import acting as acting
from core.cli import doctor, events, runs, schedules, status, workers
from core.cli import replay as replay
from core.cli import schedule_acts as schedule_acts
from core.cli import schedule_sync as schedule_sync
from core.cli import tail as tail


def register(app: Flask) -> None:
    """Add our commands to ``flask``."""
    for command in (
        events.group,
        runs.group,
        schedules.group,
        workers.group,
        status.status,
        status.check,
        doctor.doctor,
    ):
        app.cli.add_command(command)
