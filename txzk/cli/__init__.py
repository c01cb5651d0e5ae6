"""Commands for operators. Covered by tests/cli/."""
