"""Twisted around the cores: ports, the disk, the driver that turns effects into deeds, the service. Covered by tests/server/."""
