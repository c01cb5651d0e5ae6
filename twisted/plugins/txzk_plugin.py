"""Tells twistd of the command `zookeeper`."""

from twisted.application.service import ServiceMaker

zookeeper = ServiceMaker("Apache ZooKeeper server", "txzk.tap", "A ZooKeeper server.", "zookeeper")
