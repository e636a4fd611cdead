"""flask runs retry and cancel: runs by id, or all that options choose."""

import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import click

from core.cli import show
from core.cli.command import REFUSED, as_json
from core.cli.filters import filters
from core.cli.runs import group
from core.house import House, house
from core.ledger.keys import STATES
from core.operating import DONE, Act, Batch, Selection, act_on_batch, conflict, select
from core.wording import counted

LONG = 1000  # runs from which on a bar shows how far the work is
DOING = {"retry": "Retrying", "cancel": "Cancelling"}
PUBLISHED = 10.0  # seconds that the end of a command waits for its hints; the sweeper finds those that are missing

ids = click.argument("ids", metavar="[ID]...", nargs=-1)
everything = click.option("--all", "everything", is_flag=True, help="All, where no other option narrows them.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask first.")


@group.command("retry")
@ids
@filters
@everything
@yes
@as_json
def retry(**asked: Any) -> None:
    """Have runs run again now, by ids or by options.

    Takes runs that ended without success, and those that wait for their time.
    """
    _act("retry", **asked)


@group.command("cancel")
@ids
@filters
@everything
@yes
@as_json
def cancel(**asked: Any) -> None:
    """End runs that wait, by ids or by options.

    A run that is running is left alone.
    """
    _act("cancel", **asked)


def _act(act: Act, ids: Sequence[str], selection: Selection, everything: bool, yes: bool, as_json: bool) -> None:
    if ids:
        _named(act, replace(selection, ids=tuple(dict.fromkeys(ids))), as_json=as_json)
    elif everything or selection != Selection():
        _matching(act, selection, ask=not yes and not as_json and sys.stdin.isatty(), as_json=as_json)
    else:
        raise click.UsageError("Which runs? Name ids, narrow them by options such as --state failed, or say --all.")


def _named(act: Act, selection: Selection, *, as_json: bool) -> None:
    """Act on runs by id, and say of each what came of it."""
    assert selection.ids is not None
    acted = {one.run: one for batch in _batches(house(), act, selection) for one in batch.acted}
    fine = [one for one in acted.values() if one.verdict == "OK"]
    if as_json:
        show.as_json([{"id": one.run, "done": one.verdict == "OK", "state": one.state} for one in acted.values()])
    elif fine:
        show.table(("run", "state"), [(one.run, one.state) for one in fine])
    for run in selection.ids:
        if run not in acted:
            click.echo(show.plain(f"Error: There is no run {run!r} that fits, or it is past its retention."), err=True)
        elif acted[run].verdict != "OK":
            click.echo(f"Error: {conflict(act, acted[run])}", err=True)
    if len(fine) < len(selection.ids):
        click.get_current_context().exit(REFUSED)


def _matching(act: Act, selection: Selection, *, ask: bool, as_json: bool) -> None:
    """Act on all runs that are selected, once a person at a terminal agrees."""
    here, watched = house(), _watched()
    total = _count(here, selection.narrowed(act)) if ask or watched else Counter[str]()
    if ask and total:
        states = ", ".join(f"{total[state]:,} {state}" for state in STATES if total[state])
        more = f" ({states})" if len(total) > 1 else ""
        click.confirm(f"{act.capitalize()} {counted(total.total(), 'run')}{more}?", abort=True, err=True)
    tally = _work(here, act, selection, total.total() if watched else 0)
    if as_json:
        show.as_json({"matched": tally.matched, "done": tally.done, "conflicts": tally.conflicts})
    elif not tally.matched:
        click.echo("No run matches.")
    else:
        rest = f"; {counted(tally.conflicts, 'run')} could not be" if tally.conflicts else ""
        click.echo(f"{DONE[act].capitalize()} {counted(tally.done, 'run')}{rest}.")
    if tally.conflicts and not tally.done:
        click.get_current_context().exit(REFUSED)


def _watched() -> bool:
    return sys.stderr.isatty()


@dataclass
class Tally:
    """How far the work is."""

    matched: int = 0
    done: int = 0

    @property
    def conflicts(self) -> int:
        return self.matched - self.done


def _work(here: House, act: Act, selection: Selection, total: int) -> Tally:
    """Act on all batches; of a long *total* show how far that is. Ctrl-C ends it with a sentence."""
    tally = Tally()
    bar: Any = nullcontext()
    if total >= LONG:
        bar = click.progressbar(length=total, label=DOING[act], file=sys.stderr)
    try:
        with bar as shown:
            for batch in _batches(here, act, selection):
                tally.matched += len(batch.acted)
                tally.done += batch.done
                if shown is not None:
                    shown.update(len(batch.acted))
    except KeyboardInterrupt:
        click.echo(f"Stopped; {DONE[act]} {counted(tally.done, 'run')}. The same command does the rest.", err=True)
        click.get_current_context().exit(REFUSED)
    return tally


def _batches(here: House, act: Act, selection: Selection) -> Iterator[Batch]:
    """Act on one batch after the other, each of which gets its hints published."""
    nonce, place = secrets.token_hex(8), None
    while True:
        batch = here.ledger.run(act_on_batch(here.keys, act, selection, nonce, place))
        here.bus.publish(batch.hints)
        yield batch
        place = batch.next
        if place is None:
            here.flush(PUBLISHED)
            return


def _count(here: House, selection: Selection) -> Counter[str]:
    """Count what is selected, by state."""
    counted: Counter[str] = Counter()
    place = None
    while True:
        found, place = here.ledger.run(select(here.keys, selection, place))
        counted.update(run["state"] for run in found)
        if place is None:
            return counted
