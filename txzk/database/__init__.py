"""The state of a ZooKeeper server: the tree of znodes with all that hangs on it, and the session table.

Only `DataTree.apply` and the loader change znodes; covered by tests/database/.
"""
