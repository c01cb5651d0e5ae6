"""Tests of txzk.testing."""
