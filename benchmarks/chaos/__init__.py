"""Chaos: the same load and the same faults for this project and for plain Celery; a checker counts the losses.

``python -m benchmarks.chaos --help`` says how; all times are of the machine's monotonic clock.
"""
