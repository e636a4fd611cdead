"""flask doctor: what is the matter, and what to do about it."""

import click
from flask.cli import with_appcontext

from core.cli import show
from core.cli.command import REFUSED, UNREACHABLE, Command, as_json
from core.doctor.diagnosis import Diagnosis, diagnose
from core.house import house
from core.wording import counted


@click.command("doctor", cls=Command)
@as_json
@click.pass_context
@with_appcontext
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what is the matter, and what to do.

    Looks at server, broker, processes, schedules, queues and settings. Exits 1 if something is bad, 69 if the ledger
    does not answer.
    """
    found = diagnose(house())
    if as_json:
        show.as_json(found.view())
    else:
        _print(found)
    if not found.reachable:
        ctx.exit(UNREACHABLE)
    ctx.exit(REFUSED if found.verdict == "bad" else 0)


def _print(found: Diagnosis) -> None:
    show.table(("check", "state", "found"), [(one.name, one.level, one.fact) for one in found.findings])
    for level, heading in (("bad", "What is bad"), ("warn", "What could be better")):
        advised = [f"{one.name}: {one.fact} {one.advice}" for one in found.findings if one.level == level]
        if advised:
            show.block(heading, "\n".join(advised))
    click.echo(
        f"\n{counted(len(found.findings), 'check')}: {found.count('bad')} bad, {found.count('warn')} to look at."
    )
