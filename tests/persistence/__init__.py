"""Unit tests of the storage rooms."""
