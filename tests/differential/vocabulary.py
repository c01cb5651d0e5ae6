"""What the stream is made of: paths, ACLs, data and bodies, sound and odd. Every choice takes the `Random` of the stream."""

from __future__ import annotations

import base64
import hashlib
import struct
from random import Random
from typing import Any

Acl = list[tuple[int, tuple[str | None, str | None]]] | None

OPEN: Acl = [(31, ("world", "anyone"))]
# Encoders write characters outside the basic plane as Java does; this stands for one written as everybody else does.
ASTRAL_PLACEHOLDER = "@@@@"
USERS = ["alice:wonder", "bob:builder", "carol:"]
SUPER = "super:test"
SUPER_DIGEST = "super:" + base64.b64encode(hashlib.sha1(SUPER.encode()).digest()).decode()

_NAMES = ["a", "b", "c", "d"]
_ODD_PATHS: list[str | None] = [
    None, "", "/", "//", "x", "a/b", "/a/", "/a//b", "/a/./b", "/a/../b", "/.", "/..", "/...", "/.a", "/\0", "/a\0b", "/\1", "/\x1f",
    "/\x7f", "/\x80", "/\x9f", "/\xa0", "/\ud800", "/\ue000", "/\uf8ff", "/\uf900", "/\uffef", "/\ufff0", "/\uffff", "/\u00e4\u20ac",
    "/\U0001f600", "/" + ASTRAL_PLACEHOLDER, "/zookeeper", "/zookeeper/", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/x",
    "/zookeeper/quota/x", "/zookeeper/quota/a/zookeeper_limits", "/zookeeper/quota/q/zookeeper_stats", "/" + "n" * 5000,
    "/a" * 600, " ", "/ ", "/a ", "\n", "/a/b/c/d/e",
]
_VERSIONS = [0, 1, 2, 3, -2, 2**31 - 1, -(2**31)]
_LENGTHS = [-1, -2, -(2**31), 0, 1, 3, 2**20, 2**24, 2**31 - 1]


def digest_id(credentials: str) -> str:
    """What the digest scheme makes of `user:password`."""
    return credentials.split(":")[0] + ":" + base64.b64encode(hashlib.sha1(credentials.encode()).digest()).decode()


def some_path(random: Random) -> str:
    """A sound path of a small space, so that paths meet."""
    depth = random.choice((1, 1, 2, 2, 3))
    return "".join("/" + random.choice(_NAMES) for _ in range(depth))


def odd_path(random: Random) -> str | None:
    return random.choice(_ODD_PATHS)


def some_version(random: Random) -> int:
    return random.choice(_VERSIONS)


def some_data(random: Random) -> bytes | None:
    kind = random.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return b""
    return random.randbytes(random.choice((1, 5, 20, 100)) if kind < 0.97 else 3000)


_SOUND_ENTRIES: list[tuple[str, str]] = [
    ("world", "anyone"), ("auth", ""), ("auth", "whatever"), ("ip", "127.0.0.1"), ("ip", "127.0.0.0/8"), ("ip", "10.0.0.0/8"),
    ("ip", "127.0.0.1/32"), ("ip", "0.0.0.0/0"), ("ip", "::1"), *(("digest", digest_id(user)) for user in USERS), ("digest", "x:y"),
]
_ODD_ENTRIES: list[tuple[str | None, str | None]] = [
    ("world", "nobody"), ("world", ""), ("world", None), ("digest", "no colon"), ("digest", "a:b:c"), ("digest", ""), ("digest", ":"),
    ("digest", "a:"), ("digest", ":b"), ("digest", None), ("ip", "nowhere"), ("ip", "127.0.0.1/33"), ("ip", "127.0.0.1/-1"),
    ("ip", "127.0.0.1/x"), ("ip", "256.0.0.1"), ("ip", "127.0.0"), ("ip", ""), ("ip", None), ("super", ""), ("sasl", "someone"),
    ("x509", "CN=x"), ("", ""), ("nothing", "at all"), (None, "anyone"), (None, None), ("World", "anyone"), ("auth", None),
    ("ip", "127.0.0.1/"), ("ip", "127.0.0.1/8/8"), ("ensemble", "x"), ("digest", "\U0001f600:b"),
]
_PERMS = [31, 31, 1, 3, 5, 7, 15, 16, 17, 0, 2, 32, -1, 63]


def some_acl(random: Random) -> Acl:
    """Mostly open, else sound; sometimes odd."""
    kind = random.random()
    if kind < 0.7:
        return OPEN
    if kind < 0.9:
        acl: Acl = [(random.choice(_PERMS), random.choice(_SOUND_ENTRIES)) for _ in range(random.choice((1, 1, 2, 3)))]
        return acl
    if kind < 0.92:
        return None
    if kind < 0.94:
        return []
    entries: list[Any] = [(random.choice(_PERMS), random.choice(_ODD_ENTRIES))]
    if random.random() < 0.4:
        entries.append((31, random.choice(_SOUND_ENTRIES)))
        random.shuffle(entries)
    return entries


def written(body: bytes) -> bytes:
    """Puts a four-byte UTF-8 character where its placeholder stands."""
    return body.replace(ASTRAL_PLACEHOLDER.encode(), "\U0001f600".encode())


def damage(random: Random, body: bytes) -> bytes:
    """Another body: cut, lengthened, with a length or a byte changed, or something else altogether."""
    kind = random.randrange(7)
    if kind == 0 or not body:
        return random.randbytes(random.choice((0, 1, 4, 20)))
    if kind == 1:
        return body[: random.randrange(len(body))]
    if kind == 2:
        return body + random.randbytes(random.choice((1, 4, 40)))
    if kind == 3:
        at = random.randrange(len(body))
        return body[:at] + bytes((random.randrange(256),)) + body[at + 1 :]
    at = random.choice((0, 0, random.randrange(len(body))))
    return body[:at] + struct.pack(">i", random.choice(_LENGTHS)) + body[at + 4 :]


def some_limits(random: Random) -> bytes:
    """The text of a quota: soft limits, hard limits, both or none."""
    soft = f"count={random.choice((-1, 2, 5))},bytes={random.choice((-1, 30, 200))}"
    if random.random() < 0.3:
        return soft.encode()
    hard_bytes, hard_count = random.choice((-1, 50, 300)), random.choice((-1, 2, 6))
    return f"{soft}=;byteHardLimit={hard_bytes};countHardLimit={hard_count}".encode()
