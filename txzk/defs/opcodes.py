"""Operation codes of the client protocol and of the transaction log (ZooDefs.OpCode).

Plain integers, because they are compared on the hot path; covered by tests/defs/test_opcodes.py.
"""

from __future__ import annotations

from typing import Final

NOTIFICATION: Final = 0
CREATE: Final = 1
DELETE: Final = 2
EXISTS: Final = 3
GET_DATA: Final = 4
SET_DATA: Final = 5
GET_ACL: Final = 6
SET_ACL: Final = 7
GET_CHILDREN: Final = 8
SYNC: Final = 9
PING: Final = 11
GET_CHILDREN2: Final = 12
CHECK: Final = 13
MULTI: Final = 14
CREATE2: Final = 15
RECONFIG: Final = 16
CHECK_WATCHES: Final = 17
REMOVE_WATCHES: Final = 18
CREATE_CONTAINER: Final = 19
DELETE_CONTAINER: Final = 20
CREATE_TTL: Final = 21
MULTI_READ: Final = 22
AUTH: Final = 100
SET_WATCHES: Final = 101
SASL: Final = 102
GET_EPHEMERALS: Final = 103
GET_ALL_CHILDREN_NUMBER: Final = 104
SET_WATCHES2: Final = 105
ADD_WATCH: Final = 106
WHO_AM_I: Final = 107
CREATE_SESSION: Final = -10
CLOSE_SESSION: Final = -11
ERROR: Final = -1

# What the connection statistics (`cons`, "lop=") call each operation; kinds of one family share a name.
SHORT_NAMES: Final[dict[int, str]] = {
    CREATE: "CREA", CREATE2: "CREA", CREATE_TTL: "CREA", CREATE_CONTAINER: "CREA",
    DELETE: "DELE", DELETE_CONTAINER: "DELE", EXISTS: "EXIS", GET_DATA: "GETD", SET_DATA: "SETD",
    GET_ACL: "GETA", SET_ACL: "SETA", GET_CHILDREN: "GETC", GET_CHILDREN2: "GETC", SYNC: "SYNC",
    PING: "PING", CHECK: "CHEC", MULTI: "MULT", MULTI_READ: "MLTR", RECONFIG: "RECO",
    CHECK_WATCHES: "CHKW", REMOVE_WATCHES: "REMW", SET_WATCHES: "SETW", SET_WATCHES2: "STW2",
    ADD_WATCH: "ADDW", GET_EPHEMERALS: "GETE", GET_ALL_CHILDREN_NUMBER: "GETACN", WHO_AM_I: "HOMI",
    CREATE_SESSION: "SESS", CLOSE_SESSION: "CLOS",
}

# Operations that make a node.
CREATES: Final[frozenset[int]] = frozenset({CREATE, CREATE2, CREATE_CONTAINER, CREATE_TTL})

# Operations that change the tree or the session table and so take a zxid.
WRITES: Final[frozenset[int]] = frozenset({
    CREATE, CREATE2, CREATE_TTL, CREATE_CONTAINER, DELETE, DELETE_CONTAINER, SET_DATA, SET_ACL,
    MULTI, RECONFIG, CREATE_SESSION, CLOSE_SESSION,
})
