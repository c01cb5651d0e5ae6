"""The names of the two epoch files, by which epochs are told apart everywhere; covered by tests/persistence/test_epochs.py."""

from __future__ import annotations

from typing import Final

ACCEPTED_EPOCH: Final = "acceptedEpoch"
CURRENT_EPOCH: Final = "currentEpoch"
