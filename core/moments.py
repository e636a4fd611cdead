"""Moments of a run's life, as blinker signals: logging, history and metrics listen to them.

The sender is the Flask app. Each comes with keyword arguments, named here.
"""

from blinker import Namespace

_moments = Namespace()

accepted = _moments.signal("accepted", "cause, receipt: the ledger recorded an event, a call or a fire")
publish_failed = _moments.signal("publish-failed", "count, error: hints did not reach the broker")
started = _moments.signal("started", "task, run: an attempt begins")
succeeded = _moments.signal("succeeded", "task, run, seconds: an attempt ended well")
retried = _moments.signal("retried", "task, run, error, delay: an attempt failed, another will follow")
failed = _moments.signal("failed", "task, run, error, reason: a run is dead")
discarded = _moments.signal("discarded", "task, run, reason: a run ended because its handler said so")
refused = _moments.signal("refused", "run, verdict: a hint that may not start")
crashed = _moments.signal("crashed", "task, run, how: its own process died; it will be tried again")
released = _moments.signal("released", "task, run: given back because the worker stops")
recovered = _moments.signal("recovered", "run, action: the sweeper found a run without a living worker or hint")
fired = _moments.signal("fired", "schedule, planned, run, state, why: a planned time came")
overdue = _moments.signal("overdue", "schedule, planned: a planned time did not fire within its grace")
led = _moments.signal("led", "leads: 'leads' or 'stands by', whether this beat fires schedules from now on")
ordered = _moments.signal("ordered", "what, order: an operator told this process to be quiet, to resume or to stop")
listener_failed = _moments.signal("listener-failed", "listener, error: a listener of a signal raised")
configured = _moments.signal("configured", "note: something of the configuration that an operator should know")
blocked = _moments.signal("blocked", "who, where, seconds: code kept the event loop from everything else")
trouble = _moments.signal("trouble", "what, error: a background thread met an error and goes on")
