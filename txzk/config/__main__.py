"""Prints the operators' page of all keys: python -m txzk.config. Covered by tests/config/test_reference.py."""

from txzk.config.reference import page

print(page(), end="")
