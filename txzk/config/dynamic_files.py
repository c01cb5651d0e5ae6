"""The files of a configuration that changes while it runs, as values: what to write and what to remove (6.6).

A change is proposed in `<zoo.cfg>.dynamic.next`; when it is committed it becomes `<zoo.cfg>.dynamic.<version>`, the zoo.cfg names that file, and the
proposal goes. The order is such that a server can start from what there is after each step. The server lines of a zoo.cfg that has no
dynamic file move into one with the first change. Covered by tests/config/test_dynamic_files.py.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from txzk.quorum.servers import QuorumConfigError
from txzk.quorum.text import GROUP, SERVER, VERSION, WEIGHT, parse_version
from txzk.quorum.verifiers import QuorumVerifier

_NEXT: Final = ".dynamic.next"
_DYNAMIC: Final = ".dynamic."
_BACKUP: Final = ".bak"

_MOVED: Final = (SERVER, GROUP, WEIGHT)
_POINTERS: Final = ("dynamicConfigFile", "peerType")
_CLIENT: Final = ("clientPort", "clientPortAddress")


class FileChange(NamedTuple):
    """A file that is replaced as a whole, durably and before the next change; or one that goes, where `data` is None."""

    path: str
    data: bytes | None


def next_path(config_path: str) -> str:
    """The file of a change that is proposed.

    :param config_path: of the zoo.cfg.
    """
    return config_path + _NEXT


def dynamic_path(config_path: str, version: int) -> str:
    """The file of a configuration that is committed.

    :param config_path: of the zoo.cfg.
    """
    return f"{config_path}{_DYNAMIC}{version:x}"


def version_of(path: str) -> int:
    """The version in the name of a dynamic file; 0 where there is none."""
    _, dot, version = path.rpartition(".")
    try:
        return parse_version(version) if dot else 0
    except QuorumConfigError:
        return 0


def dynamic_text(verifier: QuorumVerifier) -> str:
    """What stands in a dynamic file: sorted lines, without the version."""
    return "\n".join(sorted(line for line in verifier.text().split("\n") if not line.startswith(f"{VERSION}=")))


def backup(config_path: str, text: str) -> FileChange:
    """The copy that a server makes of a zoo.cfg out of which the server lines will move: at a start with reconfigEnabled and without a dynamic file.

    :param text: of the zoo.cfg.
    """
    return FileChange(config_path + _BACKUP, _encoded(text))


def proposed(config_path: str, verifier: QuorumVerifier) -> FileChange:
    """Keeps a configuration that is proposed.

    :param config_path: of the zoo.cfg.
    """
    return FileChange(next_path(config_path), _encoded("\n".join(sorted(verifier.text().split("\n")))))


def activated(config_path: str, text: str, verifier: QuorumVerifier, last_seen_version: int, sid: int) -> list[FileChange]:
    """Keeps a configuration that is committed.

    :param config_path: of the zoo.cfg; absolute, since the zoo.cfg will name a file beside it.
    :param text: of the zoo.cfg as it is now.
    :param last_seen_version: of the newest proposal; it goes unless it is newer.
    :param sid: this server.
    """
    server = verifier.servers.get(sid)
    path = dynamic_path(config_path, verifier.version)
    changes = [
        FileChange(path, _encoded(dynamic_text(verifier))),
        FileChange(config_path, _encoded(edited(text, path, server is not None and server.client_port is not None))),
    ]
    if last_seen_version <= verifier.version:
        changes.append(FileChange(next_path(config_path), None))
    return changes


def edited(text: str, path: str, without_client_port: bool) -> str:
    """A zoo.cfg that names another dynamic file; other lines stay as they are, where Java loses comments, order and escapes.

    :param text: of the zoo.cfg.
    :param path: of the dynamic file.
    :param without_client_port: whether the dynamic file says where this server takes clients.
    """
    import javaproperties  # see properties.py

    kept: list[str] = []
    for element in javaproperties.parse(text):
        key = element.key.strip() if isinstance(element, javaproperties.KeyValue) else ""
        if key.startswith(_MOVED) or key in _POINTERS or (without_client_port and key in _CLIENT):
            continue
        kept.append(element.source)
    before = "".join(kept)
    if before and not before.endswith(("\n", "\r")):
        before += "\n"
    escaped = path.replace("\\", "\\\\")
    return f"{before}dynamicConfigFile={escaped}\n"


def _encoded(text: str) -> bytes:
    """As files of properties are: ISO 8859-1, other characters escaped."""
    return text.encode("iso-8859-1", "backslashreplace")
