"""Flask commands: what an operator types."""

from flask import Flask

from core.cli import events, runs, schedules, status


def register(app: Flask) -> None:
    """Add our commands to ``flask``."""
    for command in (events.group, runs.group, schedules.group, status.status, status.check):
        app.cli.add_command(command)
