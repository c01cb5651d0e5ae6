"""Authentication providers as operators might write them, named by the property zookeeper.authProvider.*."""

from __future__ import annotations


class Ticket:
    """Whoever shows a number has that ticket; an ACL asks for at least that number."""

    scheme = "ticket"
    is_authenticated = True

    def is_valid(self, id: str) -> bool:
        return id.isdigit()

    def matches(self, id: str, acl_id: str) -> bool:
        return int(id) >= int(acl_id)

    def user_name(self, id: str) -> str:
        return f"holder of {id}"

    def authenticate(self, remote_address: str, data: bytes | None) -> list[tuple[str, str]]:
        return [(self.scheme, str(int(data or b"")))]


class Unmakeable(Ticket):
    """Breaks while it is made."""

    def __init__(self) -> None:
        raise OSError("no such ticket office")


class Nameless:
    """Has no scheme."""
