"""`make run`: the processes of the Procfile on this machine, started in order, kept alive, stopped together.

Reading order: ``supervise`` is the whole story on a page; ``keeper`` keeps one process, ``process`` is one,
``groups`` is what the kernel knows of it. ``record`` and ``leftovers`` survive a kill -9 of ours.
"""
