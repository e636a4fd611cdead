"""What clock changes did to planned times, in words."""

from datetime import datetime, timedelta

from core.triggers.clocks import Change, Effect
from core.wording import listed

LISTED = 3
ENDS = {
    Effect.MOVED: "; runs {once}at {planned}",
    Effect.LEFT_OUT: " and {are} left out",
    Effect.FIRST: "; runs at the first",
    Effect.FIRST_OF_BOTH: "; runs at both, this is the first",
    Effect.SECOND_OF_BOTH: "; runs at both, this is the second",
}


def note(change: Change, planned: datetime) -> str:
    """Return what *change* did; *planned* is the planned time as the zone's clocks show it, naive."""
    walls = [datetime(1970, 1, 1) + timedelta(0, wall) for wall in change.walls]  # noqa: DTZ001 - walls have no zone
    this_day = {wall.date() for wall in walls} == {planned.date()}
    one_day = len({wall.date() for wall in walls}) == 1
    several = len(walls) > 1
    clocks = [clock(wall) if one_day else f"{wall.date()} {clock(wall)}" for wall in walls]
    named = listed(clocks) if len(walls) <= LISTED else f"{len(walls)} times from {clocks[0]} to {clocks[-1]}"
    exists = "comes twice" if "twice" in change.effect.value else "do not exist" if several else "does not exist"
    day = "on this day" if this_day else f"on {walls[0].date()}" if one_day else ""
    end = ENDS[change.effect].format(
        once="once, " if several else "",
        are="are" if several else "is",
        planned=clock(planned) if this_day else f"{planned.date()} {clock(planned)}",
    )
    return f"{named} {exists} {day}".rstrip() + end


def clock(wall: datetime) -> str:
    """Return the time of day, with seconds only where there are any."""
    return wall.strftime("%H:%M:%S" if wall.second else "%H:%M")
