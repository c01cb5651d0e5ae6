"""What the monitoring commands tell of the machine: folder sizes, file descriptors, environment. Covered by tests/server/test_machine.py."""

from __future__ import annotations

import getpass
import os
import platform
import resource
import socket
import sys


class Machine:
    """The operating system, as far as four-letter words ask for it."""

    def folder_size(self, path: str) -> int:
        """Bytes of the files in a folder, 0 where it cannot be looked into; a file that goes meanwhile does not count."""
        total = 0
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    try:
                        if entry.is_file():
                            total += entry.stat().st_size
                    except OSError:
                        continue
        except OSError:
            return 0
        return total

    def descriptors(self) -> tuple[int, int]:
        """Open file descriptors and their limit; -1 for what this system does not tell, or not while all are taken."""
        try:
            opened = len(os.listdir("/proc/self/fd"))
        except OSError:
            opened = -1
        return opened, resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def environment() -> dict[str, str]:
    """What `envi` shows: Java's keys where they mean something here, Python's own where Java's are about its machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return {
        "host.name": socket.gethostname(), "python.version": platform.python_version(),
        "python.implementation": platform.python_implementation(), "python.executable": sys.executable, "os.name": platform.system(),
        "os.arch": platform.machine(), "os.version": platform.release(), "user.name": user,
        "user.home": os.path.expanduser("~"), "user.dir": os.getcwd(),
    }
