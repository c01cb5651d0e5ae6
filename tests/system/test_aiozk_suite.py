"""aiozk's own test suite against one txzk server. All 85 tests pass against Java ZooKeeper 3.9.5, and none is left out."""

from __future__ import annotations

from pathlib import Path

from tests.system.conftest import Factory
from tests.system.servers import peer
from tests.system.suites import run_pytest, tail

_TESTS = 85
_SECONDS = 300


def test_suite(txzk: Factory, tmp_path: Path) -> None:
    python = peer("TXZK_AIOZK_PYTHON", "the python of an environment with aiozk")
    server = txzk()
    folder = tmp_path / "aiozk"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    environment = {"ZK_HOST": "127.0.0.1", "ZK_PORT": str(server.port)}
    results, output = run_pytest(python, ["aiozk.test"], folder, environment, _SECONDS, ["-c", str(folder / "pytest.ini")])
    assert {name: outcome for name, outcome in results.items() if outcome != "pass"} == {}, tail(output, 300)
    assert len(results) == _TESTS, tail(output)
