"""ServerProcess: `python -m txzk.testing` for tests that have no reactor. Covered by tests/testing/test_process.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType


class ServerProcess:
    """A server in a process of its own, for clients of any kind; what it keeps is gone with it.

    :ivar connect_string: what a client is to be given as its list of hosts; "" while there is no server.
    """

    def __init__(self, definitions: Mapping[str, str] | None = None) -> None:
        """
        :param definitions: keys of a zoo.cfg and Java's system properties, with their values.
        """
        self._command = [sys.executable, "-m", "txzk.testing", *(f"-D{name}={value}" for name, value in (definitions or {}).items())]
        self._process: subprocess.Popen[str] | None = None
        self.connect_string = ""

    def start(self) -> None:
        """Blocks until the server serves.

        :raises RuntimeError: where it does not; the process has said why on its standard error.
        """
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process = process
        assert process.stdout is not None
        self.connect_string = process.stdout.readline().strip()
        if not self.connect_string:
            status = self.stop()
            raise RuntimeError(f"the server did not start: status {status}")

    def stop(self) -> int:
        """Blocks until the process has ended; gives its status, 0 where there is none."""
        process, self._process = self._process, None
        self.connect_string = ""
        if process is None:
            return 0
        process.communicate()
        return process.returncode

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
