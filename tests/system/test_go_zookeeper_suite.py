"""The Go client's own tests (go-zookeeper/zk 1.0.4) against txzk, one server or an ensemble of three a test, with a stand-in for zkServer.sh.

All of them pass against Java ZooKeeper 3.9.5, but for `TestFLWSrvr` once the harness below is changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.system.servers import peer
from tests.system.suites import PEERS, run, tail

_SECONDS = 600
_LEFT_OUT = {
    "TestFLWSrvr": "holds the harness to the date that is changed below; no server is in it",
}
# The harness reads the date of `srvr` as ZooKeeper wrote it up to 3.7; since 3.8 it is year-month-day.
_DATES = {r"\d\d/\d\d/\d\d\d\d \d\d:\d\d": r"\d\d\d\d-\d\d-\d\d \d\d:\d\d", "01/02/2006 15:04 MST": "2006-01-02 15:04 MST"}


def _module(folder: Path) -> Path:
    """A copy of the module with its harness changed."""
    module = folder / "zk"
    shutil.copytree(peer("TXZK_GO_ZOOKEEPER", "a writable copy of the module github.com/go-zookeeper/zk"), module)
    harness = module / "flw.go"
    text = harness.read_text()
    for old, new in _DATES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    harness.write_text(text)
    return module


def test_suite(tmp_path: Path) -> None:
    module = _module(tmp_path)
    environment = {
        "CGO_ENABLED": "0",
        "ZK_VERSION": "3.9.5",
        "ZOOKEEPER_BIN_PATH": os.environ.get("TXZK_ZOOKEEPER_BIN", str(PEERS / "bin")),
        "TXZK_TWISTD": str(Path(sys.executable).with_name("twistd")),
    }
    listed = subprocess.run(["go", "test", "-list", "."], cwd=module, env=os.environ | environment, capture_output=True, text=True, check=True)
    wanted = set(re.findall(r"^Test\w+", listed.stdout, re.MULTILINE))
    assert wanted >= set(_LEFT_OUT)
    skip = "^(" + "|".join(_LEFT_OUT) + ")$"
    command = ["go", "test", "-json", f"-timeout={_SECONDS}s", "-skip", skip, "."]
    output = run(command, module, environment, _SECONDS)
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    outcomes = {event["Test"]: event["Action"] for event in events if event["Action"] in ("pass", "fail", "skip") and "Test" in event}
    failed = {name: outcomes.get(name, "not run") for name in wanted - set(_LEFT_OUT) if outcomes.get(name) != "pass"}
    assert not failed, f"{failed}\n{tail(''.join(event.get('Output', '') for event in events), 200)}"
