"""The words of ZooKeeper: zxid, op codes, errors, create modes, permissions, paths.

Pure constants and functions that every other room may use; covered by tests/defs/.
"""
