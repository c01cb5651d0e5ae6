"""Both ends of a client connection as pure machines: bytes and time in, bytes out. Covered by tests/cnxn/."""
