"""How schedules fire, beside RedBeat: a burst, punctuality, and what idle ones cost. ``make bench-schedules``."""
