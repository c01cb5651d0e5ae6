"""aiozk's own test suite against txzk. All 85 tests pass against Java ZooKeeper 3.9.5, and none is left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.system.conftest import Factory
from tests.system.managed import ManagedServer
from tests.system.servers import peer
from tests.system.suites import run_pytest, tail

_TESTS = 85
_SECONDS = 300
# Half of the time goes by in one module, which waits for sessions to end. All tests work under one path, so that each part has a server of its own.
_PARTS = ("test_watchers", "not test_watchers")


def test_suite(txzk: Factory, tmp_path: Path) -> None:
    python = peer("TXZK_AIOZK_PYTHON", "the python of an environment with aiozk")

    def part(chosen: str, server: ManagedServer) -> tuple[dict[str, str], str]:
        folder = tmp_path / f"aiozk-{server.port}"
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
        environment = {"ZK_HOST": "127.0.0.1", "ZK_PORT": str(server.port)}
        return run_pytest(python, ["aiozk.test"], folder, environment, _SECONDS, ["-c", str(folder / "pytest.ini"), "-k", chosen])

    servers = [txzk() for _ in _PARTS]
    with ThreadPoolExecutor(len(_PARTS)) as threads:
        parts = list(threads.map(part, _PARTS, servers))
    results = [(name, outcome) for found, _ in parts for name, outcome in found.items()]
    output = "\n".join(tail(text, 300) for _, text in parts)
    assert [(name, outcome) for name, outcome in results if outcome != "pass"] == [], output
    assert len(results) == _TESTS, output
