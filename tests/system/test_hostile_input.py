"""Hostile bytes at the client port of a real server: whoever sends them gets an error or is cut off, and nobody else notices."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

from tests.system.conftest import Factory
from tests.system.managed import ManagedServer
from tests.system.raw_client import OPEN_ACL, RawClient, four_letter_word
from tests.system.wire import Wire, bodies, complaints, create, frame, handshake, multi, request
from txzk.defs import errors, opcodes
from txzk.jute import records

PATHS = [
    "", "x", "//", "/a//b", "/a/", "/.", "/..", "/a/../b", "/a/./b", "/\0", "/a\0b", "/\x01", "/\x7f", "/\x9f", "/\ue000", "/\ufff0",
    "/zookeeper", "/zookeeper/quota", "/zookeeper/config/x", "/" + "a" * 100_000, "/a" * 30_000, None,
]


def known(code: int) -> bool:
    """Whether ZooKeeper has this error code."""
    return code == errors.OK or not isinstance(errors.for_code(code), errors.UnknownCodeError)


@pytest.fixture(scope="module")
def server(module_txzk: Factory) -> ManagedServer:
    return module_txzk(properties={"zookeeper.extendedTypesEnabled": "true"})


@pytest.fixture
def bystander(server: ManagedServer) -> Iterator[RawClient]:
    """A well-behaved client; after the test it and the server must be as before."""
    client = RawClient(server.port)
    client.create("/bystander", b"0", flags=1)
    yield client
    client.set_data("/bystander", b"1")
    assert client.get_data("/bystander").data == b"1"
    client.close_session()
    assert complaints(server.output()) == []


@pytest.mark.usefixtures("bystander")
class TestFrames:
    @pytest.mark.parametrize("length", [-1, -(1 << 31), (1 << 31) - 1, 1_048_576, 0x47455420])
    def test_a_length_that_cannot_be_ends_the_connection(self, server: ManagedServer, length: int) -> None:
        """The last one is `GET `, as a browser says it."""
        with Wire(server.port) as wire:
            wire.open()
            wire.send(struct.pack(">i", length))
            assert wire.rest() == b""

    @pytest.mark.parametrize("length", range(8))
    def test_a_frame_without_a_whole_header_ends_the_connection(self, server: ManagedServer, length: int) -> None:
        with Wire(server.port) as wire:
            wire.open()
            wire.send(frame(bytes(length)))
            assert wire.rest() == b""

    def test_the_longest_frame_is_taken_and_one_byte_more_is_not(self, server: ManagedServer) -> None:
        longest = 1_048_575
        with Wire(server.port) as wire:
            wire.open()
            overhead = 8 + len(create("/longest"))
            assert wire.call(opcodes.CREATE, create("/longest", bytes(longest - overhead))) == errors.OK
            assert wire.call(opcodes.DELETE, records.encode_DeleteRequest("/longest", -1)) == errors.OK
            wire.send_what_goes(request(opcodes.CREATE, create("/longest", bytes(longest - overhead + 1))))
            assert wire.rest() == b""

    def test_a_small_limit_holds_for_a_frame_that_comes_at_once(self, txzk: Factory) -> None:
        small = txzk(properties={"jute.maxbuffer": 2000})
        with Wire(small.port) as wire:
            wire.open()
            assert wire.call(opcodes.CREATE, create("/a", bytes(1900))) == errors.OK
            wire.send_what_goes(request(opcodes.CREATE, create("/b", bytes(3000))) + request(opcodes.PING))
            assert wire.rest() == b""

    def test_what_is_cut_short_by_the_end_of_the_connection_is_forgotten(self, server: ManagedServer, bystander: RawClient) -> None:
        whole = request(opcodes.CREATE, create("/never", bytes(1000)))
        for end in (1, 4, 11, 12, 500, len(whole) - 1):
            with Wire(server.port) as wire:
                wire.open()
                wire.send(whole[:end])
        assert "never" not in bystander.children("/")

    def test_noise(self, server: ManagedServer) -> None:
        chance = random.Random(1)
        for _ in range(50):
            with Wire(server.port) as wire:
                wire.open()
                wire.send_what_goes(chance.randbytes(chance.randrange(4, 3000)))
                wire.send_what_goes(struct.pack(">i", -1) * 1000)
                wire.finish()


@pytest.mark.usefixtures("bystander")
class TestHandshakes:
    @pytest.mark.parametrize("length", [-1, -(1 << 31), (1 << 31) - 1, 1025, 1_000_000])
    def test_a_length_that_no_connect_request_has_ends_the_connection(self, server: ManagedServer, length: int) -> None:
        with Wire(server.port) as wire:
            wire.send_what_goes(struct.pack(">i", length) + bytes(100))
            assert wire.rest() == b""

    @pytest.mark.parametrize("length", [0, 1, 27, 28, 43])
    def test_one_that_is_too_short_ends_the_connection(self, server: ManagedServer, length: int) -> None:
        with Wire(server.port) as wire:
            wire.send(frame(handshake()[4 : 4 + length]))
            assert wire.rest() == b""

    def test_bytes_behind_the_record_are_passed_over(self, server: ManagedServer) -> None:
        with Wire(server.port) as wire:
            wire.send(frame(handshake()[4:] + bytes(900)))
            assert records.parse_ConnectResponse(wire.frame()).sessionId
            assert wire.call(opcodes.PING, xid=-2) == errors.OK

    @pytest.mark.parametrize("password", [b"", None, bytes(15), bytes(17), b"wrong password!!", bytes(900)])
    def test_a_wrong_password_gets_no_session(self, server: ManagedServer, password: bytes | None) -> None:
        with Wire(server.port) as owner:
            session_id, secret = owner.open()
            with Wire(server.port) as thief:
                thief.send(frame(records.encode_ConnectRequest(0, 0, 30000, session_id, password, False)))
                response = records.parse_ConnectResponse(thief.frame())
                assert (response.sessionId, response.timeOut, response.passwd) == (0, 0, bytes(16))
                assert thief.rest() == b""
            with Wire(server.port) as again:
                again.send(handshake(session=(session_id, secret)))
                assert records.parse_ConnectResponse(again.frame()).sessionId == session_id

    @pytest.mark.parametrize("session_id", [1, -1, (1 << 63) - 1, -(1 << 63)])
    def test_a_session_that_never_was_is_refused(self, server: ManagedServer, session_id: int) -> None:
        with Wire(server.port) as wire:
            wire.send(handshake(session=(session_id, bytes(16))))
            assert records.parse_ConnectResponse(wire.frame()).sessionId == 0
            assert wire.rest() == b""

    @pytest.mark.parametrize("timeout_ms", [0, -1, -(1 << 31), (1 << 31) - 1])
    def test_an_odd_timeout_is_brought_into_bounds(self, server: ManagedServer, timeout_ms: int) -> None:
        with Wire(server.port) as wire:
            wire.send(handshake(timeout_ms))
            assert records.parse_ConnectResponse(wire.frame()).timeOut == (40000 if timeout_ms > 0 else 4000)

    def test_odd_numbers_elsewhere(self, server: ManagedServer) -> None:
        with Wire(server.port) as wire:
            wire.send(frame(struct.pack(">iqiqi16sB", -7, -(1 << 63), 5000, 0, 16, bytes(16), 0xFF)))
            assert records.parse_ConnectResponse(wire.frame()).protocolVersion == 0
        with Wire(server.port) as wire:
            wire.send(handshake(zxid=(1 << 63) - 1))
            assert wire.rest() == b""

    def test_noise_instead_of_one(self, server: ManagedServer) -> None:
        chance = random.Random(2)
        for _ in range(100):
            with Wire(server.port) as wire:
                wire.send_what_goes(chance.randbytes(chance.randrange(1, 200)))
                wire.finish()

    def test_requests_that_come_with_it_wait_for_the_session(self, server: ManagedServer) -> None:
        pings = b"".join(request(opcodes.PING, xid=xid) for xid in range(1, 500))
        with Wire(server.port) as wire:
            wire.send(handshake() + pings)
            response = records.parse_ConnectResponse(wire.frame())
            assert [wire.reply().xid for _ in range(1, 500)] == list(range(1, 500))
        with Wire(server.port) as wire:
            wire.send(handshake(session=(response.sessionId, response.passwd or b"")) + pings)
            assert records.parse_ConnectResponse(wire.frame()).sessionId == response.sessionId
            assert [wire.reply().xid for _ in range(1, 500)] == list(range(1, 500))

    def test_a_second_one_is_only_a_strange_request(self, server: ManagedServer) -> None:
        with Wire(server.port) as wire:
            wire.open()
            wire.send(handshake())
            assert struct.unpack(">iiqi", wire.rest())[3] == errors.UNIMPLEMENTED

    def test_a_four_letter_word_is_none_inside_a_session(self, server: ManagedServer) -> None:
        with Wire(server.port) as wire:
            wire.open()
            wire.send(b"srvr")
            assert wire.rest() == b""


@pytest.mark.usefixtures("bystander")
class TestRecords:
    def test_one_malformed_create_is_answered_and_writes_go_on(self, server: ManagedServer, bystander: RawClient) -> None:
        """With Java one such request ends all writes of an ensemble: its transaction gets a zxid that is used up."""
        with Wire(server.port) as wire:
            wire.open()
            wire.send(request(opcodes.CREATE, create("/malformed")[:-5], xid=7) + request(opcodes.CREATE, create("/well-formed"), xid=8))
            bystander.set_data("/bystander", b"while it is there")
            first, second = wire.reply(), wire.reply()
            assert (first.xid, first.err) == (7, errors.MARSHALLING_ERROR)
            assert (second.xid, second.err) == (8, errors.OK)
            assert second.zxid > first.zxid
        bystander.delete("/well-formed")

    @pytest.mark.parametrize("op", bodies("/x"))
    def test_every_record_that_is_cut_short_is_refused(self, server: ManagedServer, op: int) -> None:
        whole = bodies("/x")[op]
        with Wire(server.port) as wire:
            wire.open()
            codes = [wire.call(op, whole[:end]) for end in range(len(whole))]
            assert set(codes) == {errors.MARSHALLING_ERROR}

    @pytest.mark.parametrize("op", bodies("/x"))
    def test_lengths_inside_of_every_record(self, server: ManagedServer, op: int) -> None:
        """Four bytes after four bytes become a length that cannot be."""
        whole = bodies("/hostile")[op]
        with Wire(server.port) as wire:
            wire.open()
            for start in range(len(whole) - 3):
                for length in (-1, -2, -(1 << 31), (1 << 31) - 1, 1 << 24, len(whole)):
                    code = wire.call(op, whole[:start] + struct.pack(">i", length) + whole[start + 4 :])
                    assert known(code)

    @pytest.mark.parametrize("path", PATHS)
    def test_odd_paths_in_every_record(self, server: ManagedServer, path: str | None) -> None:
        with Wire(server.port) as wire:
            wire.open()
            for op, body in bodies(path).items():
                code = wire.call(op, body)
                assert known(code)
            for word in (b"wchp", b"wchc", b"dump"):
                assert four_letter_word(server.port, word)

    def test_bytes_that_are_no_text(self, server: ManagedServer) -> None:
        with Wire(server.port) as wire:
            wire.open()
            for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
                for op, body in bodies("/1234").items():
                    code = wire.call(op, body.replace(b"/1234", b"/" + bad.ljust(4, b"x")))
                    assert known(code)
            assert four_letter_word(server.port, b"wchp")

    @pytest.mark.parametrize("op", [opcodes.NOTIFICATION, opcodes.CHECK, opcodes.ERROR, 10, 23, 99, 108, 1 << 30, -(1 << 31)])
    def test_an_op_code_that_is_none_is_refused_and_ends_the_connection(self, server: ManagedServer, op: int) -> None:
        with Wire(server.port) as wire:
            wire.open()
            assert wire.call(op, bodies("/x")[opcodes.DELETE]) == errors.UNIMPLEMENTED
            assert wire.rest() == b""

    def test_what_only_servers_say(self, server: ManagedServer) -> None:
        for body in (b"", bytes(4), b"\xff" * 4, bytes(100)):
            with Wire(server.port) as wire:
                wire.open()
                wire.send_what_goes(request(opcodes.CREATE_SESSION, body) + request(opcodes.CLOSE_SESSION))
                wire.rest()

    def test_proofs_of_identity_that_are_none(self, server: ManagedServer) -> None:
        packets = [
            records.encode_AuthPacket(0, scheme, data)
            for scheme in (None, "", "digest", "ip", "world", "x509", "sasl", "no such scheme", "d" * 1000)
            for data in (None, b"", b":", b"\xff\xfe", bytes(1000))
        ]
        packets += [packets[3][:end] for end in range(len(packets[3]))]
        for packet in packets:
            with Wire(server.port) as wire:
                wire.open()
                wire.send_what_goes(request(opcodes.AUTH, packet, -4) + request(opcodes.CLOSE_SESSION))
                wire.rest()

    def test_sasl_without_a_token(self, server: ManagedServer) -> None:
        for body in (b"", b"\xff" * 4, b"\0\0\1\0", bytes(3)):
            with Wire(server.port) as wire:
                wire.open()
                wire.send(request(opcodes.SASL, body))
                assert wire.rest() == b""

    def test_access_lists(self, server: ManagedServer) -> None:
        lists = [
            None, [], [(31, ("world", "nobody"))], [(0, ("world", "anyone"))], [(-1, ("world", "anyone"))], [(31, (None, None))],
            [(31, ("digest", "no colon"))], [(31, ("ip", "1.2.3"))], [(31, ("ip", "1.2.3.4/99"))], [(31, ("auth", ""))],
            [(31, ("", ""))], [(1 << 30, ("x509", None))], OPEN_ACL * 5000,
        ]
        with Wire(server.port) as wire:
            wire.open()
            for number, acl in enumerate(lists):
                code = wire.call(opcodes.CREATE, create(f"/acl-{number}", acl=acl))
                assert code in (errors.OK, errors.INVALID_ACL, errors.MARSHALLING_ERROR)

    def test_multis(self, server: ManagedServer) -> None:
        check = records.encode_CheckVersionRequest("/", (1 << 31) - 1)
        nested = multi([(opcodes.MULTI, multi([(opcodes.CREATE, create("/x"))]))])
        operations = [
            b"", records.encode_MultiHeader(-1, True, -1) * 3, nested, multi([(opcodes.CHECK, check)]), multi([(opcodes.GET_DATA, b"")] * 10),
            multi([(opcodes.CLOSE_SESSION, b"")]), multi([(opcodes.ERROR, bytes(4))]), multi([(opcodes.CREATE, create("/x", flags=99))]),
            multi([(opcodes.CREATE, create("/x")), (opcodes.GET_DATA, records.encode_GetDataRequest("/", False))]),
            records.encode_MultiHeader(opcodes.CREATE, False, -1), bytes(9), b"\xff" * 9, bytes(9) * 10000,
        ]
        with Wire(server.port) as wire:
            wire.open()
            for body in operations:
                for op in (opcodes.MULTI, opcodes.MULTI_READ):
                    code = wire.call(op, body)
                    assert known(code)
