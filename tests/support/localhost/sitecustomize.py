"""Names under `localhost` are this machine (RFC 6761, 6.3), also where the system's resolver doesn't know: for programs that are
started with this directory on PYTHONPATH."""

import socket

_getaddrinfo = socket.getaddrinfo


def _resolve(host, *arguments, **more):
    if isinstance(host, str) and host.endswith(".localhost"):
        host = "127.0.0.1"
    return _getaddrinfo(host, *arguments, **more)


socket.getaddrinfo = _resolve
