"""What all commands share: their options, their exit codes, and a standard output that bears no log lines."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup

from core.cli.show import plain
from core.errors import CoreError, LedgerUnavailable
from core.ledger.flow import Flow
from core.ledger.listing import Page
from core.ledger.store import Ledger
from core.ledger.views import Json

REFUSED = 1
UNREACHABLE = 69  # EX_UNAVAILABLE of sysexits.h
PAGE = 500

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
limit = click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")


class Refused(click.ClickException):
    """An error of ours as a command ends with it: one line on standard error and an exit code."""

    exit_code = REFUSED

    def __init__(self, error: CoreError) -> None:
        super().__init__(plain(" ".join(str(error).split())))


class Unreachable(Refused):
    """The ledger did not answer."""

    exit_code = UNREACHABLE


class Misused(click.ClickException):
    """A command that was typed wrongly, told in one line."""

    exit_code = 2


class Command(click.Command):
    """A command that ends with a sentence and an exit code where the house refuses, or it was typed wrongly."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        _log_to_stderr()
        try:
            with _one_line():
                return super().invoke(ctx)
        except LedgerUnavailable as error:
            raise Unreachable(error) from error
        except CoreError as error:
            raise Refused(error) from error


class Group(AppGroup):
    """A group of such commands."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line():
            return super().invoke(ctx)


@contextmanager
def _one_line() -> Iterator[None]:
    """Tell a mistake of usage in one line: click would print the usage first."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "flask"
        raise Misused(plain(f"{' '.join(error.format_message().split())} See {path} --help.")) from error


def newest(ledger: Ledger, listing: Callable[[Page], Flow[tuple[list[Json], int | None]]], limit: int) -> list[Json]:
    """Return the first *limit* items of a listing, however many of its pages they are spread over."""
    items: list[Json] = []
    before: int | None = None
    while True:
        page = Page(limit=min(limit - len(items), PAGE), before=before)
        found, before = ledger.run(listing(page))
        items += found
        if before is None or len(items) >= limit:
            return items[:limit]


def _log_to_stderr() -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
