"""Who is in an ensemble, and which of its servers are a quorum. Covered by tests/quorum/."""
