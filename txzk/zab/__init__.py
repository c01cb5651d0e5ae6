"""Zab: discovery, synchronization and broadcast between a leader and its learners. Covered by tests/zab/."""
