"""Calls a function in a process and an environment of its own: ``python -m benchmarks.bench.call MODULE FUNCTION N``.

What the function returns is printed as one line of JSON.
"""

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    function = getattr(import_module(sys.argv[1]), sys.argv[2])
    answer = function(*(int(word) for word in sys.argv[3:]))
    print(json.dumps(answer), flush=True)
