"""Who a client is and what it may do: authentication providers and the check of ACLs (9, 2.6). Covered by tests/auth/."""
