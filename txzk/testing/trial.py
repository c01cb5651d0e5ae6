"""A base class for twisted.trial. Covered by tests/testing/test_trial.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from txzk.testing.server import Server


class ZooKeeperTestCase(TestCase):
    """Each test has a server of its own, `self.server`, which listens on 127.0.0.1 and is gone after the test.

    A class of yours that has a `setUp` must return what that of this class gives, or wait for it.

    :cvar server_config: keys and values of a zoo.cfg.
    :cvar server_properties: Java's system properties, under their names.
    """

    server_config: ClassVar[Mapping[str, str]] = {}
    server_properties: ClassVar[Mapping[str, str]] = {}
    server: Server

    def setUp(self) -> Deferred[Server]:  # type: ignore[override]  # trial waits for it
        from twisted.internet import reactor

        self.server = Server(reactor, config=self.server_config, properties=self.server_properties)
        self.addCleanup(self.server.stop)
        return self.server.start()
