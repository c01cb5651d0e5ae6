"""zoo.cfg and system properties, checked and frozen. Covered by tests/config/."""
