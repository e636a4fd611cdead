"""A TLS server in front of a Unix socket or a port: what ``rediss://`` and ``amqps://`` connect to in tests."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def tls_proxy(target: Path | tuple[str, int], certificate: Path, key: Path) -> Iterator[int]:
    """Listen on a free port of 127.0.0.1 with TLS, pass everything on to *target*; gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, target), daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, target: Path | tuple[str, int]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, context, target), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, target: Path | tuple[str, int]) -> None:
    with (
        suppress(OSError),
        client,
        context.wrap_socket(client, True) as secure,
        _connected(target) as server,
    ):
        back = threading.Thread(target=_pump, args=(server, secure), daemon=True)
        back.start()
        _pump(secure, server)
        back.join()


def _connected(target: Path | tuple[str, int]) -> socket.socket:
    if isinstance(target, tuple):
        return socket.create_connection(target)
    server = socket.socket(socket.AF_UNIX)
    server.connect(str(target))
    return server


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
