"""How a test drives a client: what it reports is one JSON object per line on stdout, what it is told one word per line on stdin.

A connection is cut beneath the client. Neither library shows its socket, so every socket is noted when it connects.
"""

import json
import socket
import sys
import threading

_sockets = []
_writing = threading.Lock()


def _note(event, arguments):
    if event == "socket.connect":
        _sockets.append(arguments[0])


sys.addaudithook(_note)


def options():
    """What the test asks for: `url`, `protocol`, `targets`, perhaps `token` for an address that needs one at once, and
    perhaps `transport` for a client that has more than one."""
    return json.loads(sys.argv[1])


def report(event, **details):
    """Tells the test what has happened."""
    with _writing:
        print(json.dumps({"event": event, **details}), flush=True)


def orders():
    """What the test wants next: `cut` or `stop`. Its end of input means `stop`, so that no client outlives its test."""
    for line in sys.stdin:
        yield line.strip()
    yield "stop"


def cut():
    """Ends every open connection of this process without a word of goodbye in any protocol, but none that comes of that."""
    noted = _sockets[:]
    del _sockets[: len(noted)]
    for one in noted:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It is closed already.
