"""Tells twistd of the command `zookeeper`. Covered by tests/test_tap.py."""

from twisted.application.service import ServiceMaker

zookeeper = ServiceMaker("Apache ZooKeeper server", "txzk.tap", "A server that Apache ZooKeeper's clients take for one of theirs.", "zookeeper")
