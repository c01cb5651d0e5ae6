"""The tests of txzk; run them with tools/test."""
