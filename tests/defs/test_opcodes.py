"""Numbers of the operations, as every other implementation has them."""

from __future__ import annotations

from txzk.defs import opcodes

# From ZooDefs.OpCode of ZooKeeper 3.9.5.
NUMBERS = {
    "NOTIFICATION": 0, "CREATE": 1, "DELETE": 2, "EXISTS": 3, "GET_DATA": 4, "SET_DATA": 5, "GET_ACL": 6, "SET_ACL": 7, "GET_CHILDREN": 8,
    "SYNC": 9, "PING": 11, "GET_CHILDREN2": 12, "CHECK": 13, "MULTI": 14, "CREATE2": 15, "RECONFIG": 16, "CHECK_WATCHES": 17,
    "REMOVE_WATCHES": 18, "CREATE_CONTAINER": 19, "DELETE_CONTAINER": 20, "CREATE_TTL": 21, "MULTI_READ": 22, "AUTH": 100,
    "SET_WATCHES": 101, "SASL": 102, "GET_EPHEMERALS": 103, "GET_ALL_CHILDREN_NUMBER": 104, "SET_WATCHES2": 105, "ADD_WATCH": 106,
    "WHO_AM_I": 107, "CREATE_SESSION": -10, "CLOSE_SESSION": -11, "ERROR": -1,
}
NAMED = {name: value for name, value in vars(opcodes).items() if isinstance(value, int)}


def test_every_operation_has_its_number() -> None:
    assert NAMED == NUMBERS


def test_no_number_is_given_twice() -> None:
    assert len(set(NAMED.values())) == len(NAMED)


def test_what_takes_a_zxid() -> None:
    reads = {
        "NOTIFICATION", "EXISTS", "GET_DATA", "GET_ACL", "GET_CHILDREN", "SYNC", "PING", "GET_CHILDREN2", "CHECK", "CHECK_WATCHES",
        "REMOVE_WATCHES", "MULTI_READ", "AUTH", "SET_WATCHES", "SASL", "GET_EPHEMERALS", "GET_ALL_CHILDREN_NUMBER", "SET_WATCHES2",
        "ADD_WATCH", "WHO_AM_I", "ERROR",
    }
    assert opcodes.WRITES == {value for name, value in NUMBERS.items() if name not in reads}
    assert opcodes.CREATES == {1, 15, 19, 21} and opcodes.CREATES < opcodes.WRITES


def test_every_operation_of_a_client_has_a_short_name() -> None:
    assert opcodes.SHORT_NAMES.keys() == set(NUMBERS.values()) - {opcodes.NOTIFICATION, opcodes.AUTH, opcodes.SASL, opcodes.ERROR}
