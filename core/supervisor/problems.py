"""What would keep the processes from running, asked before any of them is started."""

import errno
import socket

from core.errors import CoreError
from core.ledger import server
from core.ledger.clients import client


def check_port(host: str, port: int) -> None:
    """Refuse a *port* that somebody listens on, or that we may not open.

    Raises:
        CoreError: in one sentence.
    """
    other = port + 1 if port < 65535 else 8000
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CoreError(
                    f"Port {port} on {host} cannot be opened ({error.strerror}). Try: PORT=8000 make run"
                ) from error
            taken = True
    if taken:
        raise CoreError(f"Port {port} is taken by another program. Stop that one, or try: PORT={other} make run")


def check_server(url: str) -> list[str]:
    """Refuse a Redis server that does not answer or cannot keep the ledger; return warnings about it."""
    with client(url, 5, tries=0) as found:
        return server.check(found)
