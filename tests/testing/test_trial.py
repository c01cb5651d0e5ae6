"""The base class for trial, run by trial."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from txzk.testing import ZooKeeperTestCase

folders = []


class Tests(ZooKeeperTestCase):
    server_config = {"tickTime": "250"}
    server_properties = {"zookeeper.maxCnxns": "7"}

    async def test_1_a_client_that_is_left_connected(self):
        folders.append(self.server.data_dir)
        assert (self.server.core.config.tick_time, self.server.core.settings.max_cnxns) == (250, 7)
        client = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.server.port).connect(Factory.forProtocol(Protocol))
        self.addCleanup(client.transport.loseConnection)

    def test_2_another_server(self):
        assert self.server.data_dir not in folders
"""


def test_servers_come_and_go_with_the_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    ended = subprocess.run(
        [sys.executable, "-m", "twisted.trial", "--temp-directory", str(tmp_path / "trial"), str(tmp_path / "test_it.py")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "PASSED (successes=2)" in ended.stdout
