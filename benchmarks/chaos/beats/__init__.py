"""Chaos for schedules: beats are killed, stopped and starved; each planned time is counted, independently of them.

``python -m benchmarks.chaos.beats --help`` says how, ``make chaos-schedules`` plays all of it.
"""
