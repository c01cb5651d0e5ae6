"""The request pipeline: prep, log, final, and reads; what ZooKeeper calls its request processors (3).

Writes take a zxid in prep, go to the log, and are applied and answered by final after the flush; reads are answered from the tree.
Covered by tests/request/.
"""
