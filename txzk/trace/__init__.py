"""Events and metrics: what the server tells of itself. Covered by tests/trace/."""
