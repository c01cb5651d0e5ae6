"""A server made of the machines below it: standalone today; still without sockets, threads and clocks. Covered by tests/peer/."""
