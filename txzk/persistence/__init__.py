"""Java ZooKeeper's own files: transaction logs, snapshots, epochs; recovery from them, and purging (6). Covered by tests/persistence/."""
