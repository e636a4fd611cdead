"""``python -m core.supervisor``, in the folder that holds the Procfile."""

import asyncio
import os
import signal
import sys
from pathlib import Path


def main() -> int:
    """Run until a signal says stop; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while rooms are imported nothing runs yet: no traceback either
    from core.supervisor.supervise import Supervisor

    return asyncio.run(Supervisor(Path.cwd(), os.environ).run())


if __name__ == "__main__":
    sys.exit(main())
