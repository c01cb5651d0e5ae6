"""`python -m txzk.testing`: a server for tests in any language. Covered by tests/testing/test_process.py.

The first line of the standard output is the connect string; the server ends when its standard input does, or at SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from txzk.testing.server import Server
from txzk.testing.settings import divided

STANDARD_OUTPUT = 1
NOT_STARTED = 1
FAILED = 10


class UntilInputEnds(Protocol):
    """Calls when the other end is gone."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._ended()


def arguments(command_line: Sequence[str]) -> argparse.Namespace:
    """The options; those that cannot be understood end the process with status 2."""
    parser = argparse.ArgumentParser(prog="python -m txzk.testing", description="A ZooKeeper server for tests, until the standard input ends.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (one that is free)")
    parser.add_argument("--data-dir", metavar="DIR", help="folder for all data, which is kept (a temporary one, which is removed)")
    parser.add_argument(
        "-D", dest="definitions", metavar="NAME=VALUE", action="append", default=[], help="a key of zoo.cfg or a system property of Java's; may be given many times"
    )
    return parser.parse_args(command_line)


def main(command_line: Sequence[str], reactor: Any) -> int:
    """Serves; gives the exit status."""
    options = arguments(command_line)
    config, properties = divided(dict(definition.partition("=")[::2] for definition in options.definitions))
    server = Server(reactor, config=config, properties=properties, data_dir=options.data_dir, host=options.host, port=options.port)
    status = 0
    ending = False

    def end(code: int, text: str = "") -> None:
        nonlocal status, ending
        if not ending and reactor.running:
            ending, status = True, code
            if text:
                sys.stderr.write(f"txzk.testing: {text}\n")
            reactor.stop()

    def started(_: Server) -> None:
        os.write(STANDARD_OUTPUT, f"{server.connect_string}\n".encode())

    def run() -> None:
        # First, because who has started this may be gone before the server is there.
        StandardIO(UntilInputEnds(lambda: end(0)))  # type: ignore[no-untyped-call]  # Twisted's
        server.start().addCallback(started).addErrback(lambda failure: end(NOT_STARTED, failure.getErrorMessage()))

    server.failed = lambda reason: end(FAILED, reason)
    reactor.callWhenRunning(run)
    reactor.addSystemEventTrigger("before", "shutdown", server.stop)
    reactor.run()
    return status


if __name__ == "__main__":
    if sys.stdin is None:
        # Its number would be given to the first file that is opened.
        sys.exit("txzk.testing: there is no standard input, whose end would end the server")
    from twisted.internet import reactor

    sys.exit(main(sys.argv[1:], reactor))
