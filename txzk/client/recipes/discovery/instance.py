"""Instance: one place where a service is to be had, and its JSON, which is that of Curator's x-discovery. Covered by tests/recipes/test_instance.py."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

# Jackson says of which class a value is where JSON does not tell; these two are what JSON means by an object.
_CLASS: Final = "@class"
_PLAIN_MAPS: Final = ("java.util.HashMap", "java.util.LinkedHashMap")
_INTEGER: Final = 1 << 31


class ServiceType(Enum):
    """How long a registration lasts.

    DYNAMIC: as long as the session of who registered it. DYNAMIC_SEQUENTIAL: the same, and the node has a number behind its name. STATIC: until it is
    unregistered or its registry closed. PERMANENT: until it is unregistered.
    """

    DYNAMIC = "DYNAMIC"
    STATIC = "STATIC"
    PERMANENT = "PERMANENT"
    DYNAMIC_SEQUENTIAL = "DYNAMIC_SEQUENTIAL"

    @property
    def dynamic(self) -> bool:
        """Whether it ends with the session."""
        return self in (ServiceType.DYNAMIC, ServiceType.DYNAMIC_SEQUENTIAL)


class Part(NamedTuple):
    """A piece of a UriSpec: text, or the name of a variable."""

    value: str
    variable: bool


class UriSpec:
    """A pattern for the URI of an instance, such as "{scheme}://{address}:{port}".

    Variables are scheme (https where there is a port for it, else http), name, id, address, port, ssl-port, registration-time-utc, service-type, "[" and "]" for
    braces, and whatever else `build` is given; those that nobody knows come out as nothing.

    :ivar parts: of which it consists.
    """

    def __init__(self, text: str = "") -> None:
        """
        :raises ValueError: where braces are not paired.
        """
        self.parts: tuple[Part, ...] = ()
        parts: list[Part] = []
        rest = text
        while rest:
            before, opened, rest = rest.partition("{")
            if "}" in before:
                raise ValueError(f"a }} without {{ in {text!r}")
            if before:
                parts.append(Part(before, False))
            if opened:
                name, closed, rest = rest.partition("}")
                if not closed or "{" in name:
                    raise ValueError(f"a {{ without }} in {text!r}")
                parts.append(Part(name.strip(), True))
        self.parts = tuple(parts)

    @classmethod
    def of(cls, parts: list[Part]) -> UriSpec:
        """One of given parts."""
        spec = cls()
        spec.parts = tuple(parts)
        return spec

    def build(self, instance: Instance, variables: Mapping[str, object] | None = None) -> str:
        """The URI of an instance.

        :param variables: values over those of the instance.
        """
        known: dict[str, object] = {
            "[": "{", "]": "}", "scheme": "http" if instance.ssl_port is None else "https", "name": instance.name, "id": instance.id,
            "address": instance.address, "port": instance.port, "ssl-port": instance.ssl_port, "registration-time-utc": instance.registration_time,
            "service-type": instance.service_type.value.lower(), **(variables or {}),
        }
        values = (known.get(part.value) if part.variable else part.value for part in self.parts)
        return "".join(str(value) for value in values if value is not None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UriSpec) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return "UriSpec({!r})".format("".join(f"{{{part.value}}}" if part.variable else part.value for part in self.parts))


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Instance:
    """An instance of a service.

    :ivar name: of the service.
    :ivar id: of the instance; a random one by default.
    :ivar payload: what else there is to know, as JSON has it: str, int, float, bool, list, dict or None. An object of a Java class is a dict that has the name
        of its class as "@class".
    :ivar registration_time: milliseconds since 1970; 0 before it was registered.
    :ivar enabled: False to keep it from being chosen.
    """

    name: str
    id: str = field(default_factory=_new_id)
    address: str | None = None
    port: int | None = None
    ssl_port: int | None = None
    payload: Any = None
    registration_time: int = 0
    service_type: ServiceType = ServiceType.DYNAMIC
    uri_spec: UriSpec | None = None
    enabled: bool = True

    def uri(self, variables: Mapping[str, object] | None = None) -> str:
        """What its UriSpec gives; "" without one."""
        return "" if self.uri_spec is None else self.uri_spec.build(self, variables)

    def encode(self) -> bytes:
        """As Curator writes it.

        :raises TypeError: for a payload that JSON does not have.
        """
        spec = None if self.uri_spec is None else {"parts": [part._asdict() for part in self.uri_spec.parts]}
        fields: dict[str, Any] = {
            "name": self.name, "id": self.id, "address": self.address, "port": self.port, "sslPort": self.ssl_port, "payload": _typed(self.payload),
            "registrationTimeUTC": self.registration_time, "serviceType": self.service_type.value, "uriSpec": spec,
        }
        if not self.enabled:
            # Curator leaves it out too, since its versions of old read no field that they do not know.
            fields["enabled"] = False
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Instance:
        """Reads what Curator or `encode` wrote; fields that are not known are passed over.

        :raises ValueError: for anything else.
        """
        fields = json.loads(data)
        try:
            spec = fields.get("uriSpec")
            return cls(
                fields["name"], fields["id"], fields.get("address"), fields.get("port"), fields.get("sslPort"), _untyped(fields.get("payload")),
                fields.get("registrationTimeUTC", 0), ServiceType(fields.get("serviceType") or "DYNAMIC"),
                None if spec is None else UriSpec.of([Part(part["value"], part["variable"]) for part in spec["parts"]]), fields.get("enabled", True),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an instance of a service: {error!r}") from error


def _typed(payload: Any) -> Any:
    """A payload as Jackson reads it."""
    if isinstance(payload, (list, tuple)):
        return ["java.util.ArrayList", list(payload)]
    if isinstance(payload, int) and not -_INTEGER <= payload < _INTEGER:
        return ["java.lang.Long", payload]
    return payload


def _untyped(payload: Any) -> Any:
    """A payload as JSON means it."""
    if isinstance(payload, list) and len(payload) == 2 and isinstance(payload[0], str):
        return payload[1]
    if isinstance(payload, dict) and payload.get(_CLASS) in _PLAIN_MAPS:
        return {name: value for name, value in payload.items() if name != _CLASS}
    return payload
