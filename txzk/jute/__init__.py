"""The wire: every record of zookeeper.jute, declared once with construct and compiled at import to struct-based coders.

Import `txzk.jute.records`. Covered by tests/jute/.
"""
