"""Tests of the Twisted shells."""
