"""Tests with real processes and real peers."""
