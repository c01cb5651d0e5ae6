"""The examples of docs/testing.md that are no scripts of Python, and a program of kazoo's; each starts its server by itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.system.servers import java_lib, missing

ROOT = Path(__file__).parents[2]
KAZOO = """
import subprocess
import sys

from kazoo.client import KazooClient

server = subprocess.Popen(["python3", "-m", "txzk.testing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
zk = KazooClient(server.stdout.readline().strip())
zk.start()
with zk.Lock("/locks/a", "me"):
    print(zk.create("/a/b", b"1", makepath=True), zk.get("/a/b")[0])
zk.stop()
zk.close()
server.communicate()
sys.exit(server.returncode)
"""


def example(language: str) -> str:
    """The one block of that language."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


def output(command: list[str], folder: Path, name: str, text: str) -> str:
    """What a program says that ends well."""
    (folder / name).write_text(text.replace('"python3"', f'"{sys.executable}"'), encoding="utf-8")
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_trial(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "twisted.trial", str(tmp_path / "test_it.py")]
    assert "PASSED (successes=1)" in output(command, tmp_path, "test_it.py", example("py"))


def test_kazoo(tmp_path: Path) -> None:
    assert output([sys.executable, "program.py"], tmp_path, "program.py", KAZOO) == "/a/b b'1'\n"


def test_java(tmp_path: Path) -> None:
    command = ["java", "-cp", f"{java_lib()}/*", "Example.java"]
    assert "/greeting" in output(command, tmp_path, "Example.java", example("java")).splitlines()


def test_javascript(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        missing("there is no node")
    assert re.fullmatch(r"127\.0\.0\.1:\d+\n", output([node, "example.js"], tmp_path, "example.js", example("javascript")))
