"""How much memory this process takes."""

import resource
import sys

STATM = "/proc/self/statm"


def resident() -> int:
    """Return the bytes of this process that are in memory: now where the kernel tells, else the most there ever were.

    Children of it, as a pool of processes has, are not counted.
    """
    try:
        with open(STATM, encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()
