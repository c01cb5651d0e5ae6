"""The ZooKeeper client for Twisted programs: Deferreds over a ClientSession. Covered by tests/client/."""
