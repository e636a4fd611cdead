"""A nursery as a program of its own: ``python -m core.child app worker descriptor``. See core/children.py."""

import os
import sys
from typing import Any

from celery.app.utils import find_app

from core.children import serve
from core.house import House
from core.log import configure


def main() -> None:
    app, worker, answers = sys.argv[1:]
    configure()
    celery: Any = find_app(app)
    house: House = celery.carillon
    house.runner.worker = worker
    with os.fdopen(int(answers), "w") as pipe:
        serve(house.execute_alone, sys.stdin.fileno(), pipe)


if __name__ == "__main__":
    main()
