"""Instance: the very JSON that Curator 5.9.0 writes and reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from txzk.client.recipes.discovery.instance import Instance, ServiceType, UriSpec

SPEC = (
    '{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},{"value":"address","variable":true},{"value":":","variable":false},'
    '{"value":"port","variable":true},{"value":"/","variable":false},{"value":"[","variable":true}]}'
)


def curators(payload: str, more: str = "") -> bytes:
    """What JsonInstanceSerializer wrote."""
    return (
        '{"name":"web","id":"a","address":"10.0.0.1","port":80,"sslPort":443,"payload":' + payload
        + ',"registrationTimeUTC":1234567890123,"serviceType":"DYNAMIC","uriSpec":' + SPEC + more + "}"
    ).encode()


def instance(payload: object, enabled: bool = True) -> Instance:
    spec = UriSpec("{scheme}://{ address }:{port}/{[}")
    return Instance("web", "a", "10.0.0.1", 80, 443, payload, 1234567890123, ServiceType.DYNAMIC, spec, enabled)


@pytest.mark.parametrize(
    "payload, text",
    [
        ('é text/"quote"', '"é text/\\"quote\\""'), (5, "5"), (2**31, '["java.lang.Long",2147483648]'), (-(2**31) - 1, '["java.lang.Long",-2147483649]'),
        (2**31 - 1, "2147483647"), (1.5, "1.5"), (True, "true"), (None, "null"), (["k", 1], '["java.util.ArrayList",["k",1]]'), ({"k": [1]}, '{"k":[1]}'),
        ({"@class": "com.example.P", "x": "y"}, '{"@class":"com.example.P","x":"y"}'),
    ],
)
def test_it_is_written_and_read_as_curator_does(payload: object, text: str) -> None:
    assert instance(payload).encode() == curators(text)
    assert Instance.decode(curators(text)) == instance(payload)


def test_what_only_curator_writes() -> None:
    assert Instance.decode(curators('{"@class":"java.util.HashMap","k":"v"}')) == instance({"k": "v"})
    assert Instance.decode(curators('{"@class":"java.util.TreeMap","k":"v"}')) == instance({"@class": "java.util.TreeMap", "k": "v"})
    assert Instance.decode(curators('["java.lang.Long",5]')) == instance(5)
    assert Instance.decode(curators("null", ',"enabled":true,"other":1')) == instance(None)
    assert Instance.decode(b'{"name":"web","id":"a"}') == Instance("web", "a")


def test_an_instance_that_is_not_enabled_says_so() -> None:
    assert instance(None, False).encode() == curators("null", ',"enabled":false')
    assert Instance.decode(curators("null", ',"enabled":false')) == instance(None, False)


def test_defaults() -> None:
    one, two = Instance("web"), Instance("web")
    assert one.id != two.id and len(one.id) == 36
    assert json.loads(one.encode()) == {
        "name": "web", "id": one.id, "address": None, "port": None, "sslPort": None, "payload": None, "registrationTimeUTC": 0,
        "serviceType": "DYNAMIC", "uriSpec": None,
    }
    assert [kind.dynamic for kind in (ServiceType.DYNAMIC, ServiceType.DYNAMIC_SEQUENTIAL, ServiceType.STATIC, ServiceType.PERMANENT)] == [
        True, True, False, False
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "5", "{}", '{"name":"web"}', '{"name":"w","id":"a","serviceType":"OTHER"}', '{"name":"w","id":"a","uriSpec":{"parts":[{}]}}',
             '{"name":"w","id":"a","uriSpec":5}', b"\xff"]
)
def test_what_is_no_instance(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        Instance.decode(text if isinstance(text, bytes) else text.encode())


def test_uris() -> None:
    assert instance(None).uri() == "https://10.0.0.1:80/{"
    assert Instance("web").uri() == ""
    spec = UriSpec("{scheme}://{name}.{id}:{ssl-port}/{service-type}/{registration-time-utc}{]}{none}{x}")
    plain = Instance("web", "a", registration_time=7, uri_spec=spec)
    assert plain.uri({"x": 1, "id": "b"}) == "http://web.b:/dynamic/7}1"
    assert repr(spec) == "UriSpec('{scheme}://{name}.{id}:{ssl-port}/{service-type}/{registration-time-utc}{]}{none}{x}')"
    assert UriSpec("a{b}") == UriSpec("a{ b }") != UriSpec("a") and hash(UriSpec("a")) == hash(UriSpec("a")) and UriSpec("a") != "a"


@pytest.mark.parametrize("text", ["a}", "{a", "{a{b}}", "{", "}", "{a}}"])
def test_braces_that_are_not_paired(text: str) -> None:
    with pytest.raises(ValueError, match="without"):
        UriSpec(text)


def test_a_payload_that_json_does_not_have() -> None:
    payload: Any = object()
    with pytest.raises(TypeError):
        Instance("web", payload=payload).encode()
