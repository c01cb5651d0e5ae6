"""Runs the test suites of other projects and reads what they say.

An expectation file has a line a test: a word and the test's name. `pass` is a test that passes against Java ZooKeeper 3.9.5 and must pass
here; every other word is a reason not to run it, which the head of the file explains. Lines that begin with # are comments.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

PEERS = Path(__file__).parents[1] / "peers"
_LOWEST_PORT, _HIGHEST_PORT = 20000, 32000


def ports_in_a_row(count: int) -> int:
    """The first of `count` free ports, outside the range from which the system takes ports for outgoing connections."""
    while True:
        first = random.randrange(_LOWEST_PORT, _HIGHEST_PORT)
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(sockets):
                probe.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            pass
        finally:
            for probe in sockets:
                probe.close()


def expectations(path: Path) -> dict[str, str]:
    """Test name to word."""
    lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: word for word, name in lines}


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float) -> str:
    """Runs a command to its end and gives what it wrote; whatever it has started and left behind is ended.

    :param environment: is added to ours.
    :param seconds: after this time it is ended, and the test fails.
    """
    output = folder / "output.txt"
    # Coverage of this process is none of the peers' business, nor are pytest's own variables.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE", "PYTEST_", "PYTHON"))}
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=ours | environment, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"not done after {seconds} s: {tail(output.read_text('utf-8', 'replace'))}")
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    return output.read_text("utf-8", "replace")


def tail(text: str, lines: int = 60) -> str:
    """The last lines of a text."""
    return "\n".join(text.splitlines()[-lines:])


def run_pytest(
    python: str, targets: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float, options: Sequence[str] = ()
) -> tuple[dict[str, str], str]:
    """Runs pytest of another virtual environment.

    :return: outcome ("pass", "fail", "skip") by name, module::class::test or module::test, and pytest's output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [python, "-m", "pytest", "--pyargs", *targets, "-p", "no:cacheprovider", "--timeout=180", f"--junitxml={report}", "-rfE", *options]
    output = run(command, folder, environment, seconds)
    if not report.exists():
        return {}, output
    return {_name(case): _outcome(case) for case in ElementTree.parse(report).iter("testcase")}, output


def _name(case: ElementTree.Element) -> str:
    parts = (case.get("classname") or "").split(".")
    while len(parts) > 1 and not parts[0].startswith("test_"):
        parts.pop(0)
    return "::".join([*parts, case.get("name") or ""])


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "fail"
    return "skip" if case.find("skipped") is not None else "pass"
