"""One simulated gateway: publishes over mutual TLS and keeps every message until the database has confirmed it."""

from __future__ import annotations

import json
import os
import ssl
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

KEEPALIVE = 60
MOST_UNDER_WAY = 2_000  # messages on the wire without the broker's acknowledgement, per gateway


class Broker(NamedTuple):
    """Where the broker listens, and the root of its topics."""

    host: str
    port: int
    root: str


class Identity(NamedTuple):
    """What a gateway proves itself with, as PEM: its chain, its key, and the authority it trusts."""

    mac: str
    chain: bytes
    key: bytes
    authority: bytes


class Shown(NamedTuple):
    """One value to publish: the number as text, and the instant (epoch microseconds) where it is not the message's own."""

    code: str
    value: str
    unit: str
    micros: int | None = None


class Gateway:
    """A gateway's connection and memory; driven by a switchboard, never by a thread of its own."""

    def __init__(self, identity: Identity, broker: Broker, confirmed: bool = True) -> None:
        self.mac = identity.mac
        self.broker = broker
        self.confirmed = confirmed
        self.connected = False
        self.refusal = ""
        self.kept: dict[int, bytes] = {}
        self.when_acknowledged: Callable[[int], None] = _ignore
        self.when_stored: Callable[[int], None] = _ignore
        self._topic = f"{broker.root}/{self.mac}"
        self._numbers: dict[int, int] = {}
        self.client = self._client(tls_context(identity))

    def connect(self) -> None:
        """Connect, for the first time or again; raises OSError where the broker does not answer or refuses the certificate."""
        self.connected = False
        self.client.connect(self.broker.host, self.broker.port, KEEPALIVE)

    def send(self, seq: int, payload: bytes) -> None:
        """Publish a message and keep it until it is confirmed; while there is no connection it is only kept."""
        if self.confirmed:
            self.kept[seq] = payload
        if self.connected or not self.confirmed:
            self._publish(seq, payload)

    def resend(self) -> int:
        """Publish again what is kept and no longer on the way to the broker; gives how many messages."""
        under_way = set(self._numbers.values())
        late = [(seq, payload) for seq, payload in self.kept.items() if seq not in under_way]
        for seq, payload in late:
            self._publish(seq, payload)
        return len(late)

    def close(self) -> None:
        """Say goodbye, so that the broker does not publish the last will."""
        if self.connected:
            self.client.publish(f"{self._topic}/status", b"offline", qos=1)
        self.client.disconnect()

    def _client(self, context: ssl.SSLContext) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self.mac, reconnect_on_failure=False)
        client.tls_set_context(context)
        client.will_set(f"{self._topic}/status", b"offline", qos=1)
        client.max_inflight_messages_set(MOST_UNDER_WAY)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _publish(self, seq: int, payload: bytes) -> None:
        self._numbers[self.client.publish(f"{self._topic}/telemetry", payload, qos=1).mid] = seq

    def _on_connect(self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, __: Properties | None) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            return
        self.connected, self.refusal = True, ""
        client.subscribe(f"{self._topic}/commands/stored", qos=1)
        client.publish(f"{self._topic}/status", b"online", qos=1)
        self.resend()

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        self.connected = False

    def _on_publish(self, client: Client, _: object, mid: int, reason: ReasonCode, __: Properties | None) -> None:
        seq = self._numbers.pop(mid, None)
        if seq is not None:
            self.when_acknowledged(seq)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        for seq in json.loads(message.payload)["seq"]:
            if self.kept.pop(seq, None) is not None:
                self.when_stored(seq)


def encode(mac: str, micros: int, shown: Iterable[Shown], seq: int | None) -> bytes:
    """Write a message in the wire format; values stay the exact decimals they are."""
    readings = ",".join(
        f'{{"dispositivo_codigo":{json.dumps(one.code)},"valor":{one.value},"unidade":{json.dumps(one.unit)}'
        + ("" if one.micros is None else f',"timestamp":"{iso(one.micros)}"')
        + "}"
        for one in shown
    )
    number = "" if seq is None else f',"seq":{seq}'
    return f'{{"gateway_mac":"{mac}","timestamp":"{iso(micros)}","leituras":[{readings}]{number}}}'.encode()


def iso(micros: int) -> str:
    """Write an instant (epoch microseconds) as ISO 8601 in UTC, with the digits it needs."""
    seconds, rest = divmod(micros, 1_000_000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:06}Z" if rest else f"{whole}Z"


def tls_context(identity: Identity) -> ssl.SSLContext:
    """Make the TLS context of a gateway; the key touches a private file only for as long as OpenSSL reads it."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=identity.authority.decode("ascii"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    descriptor, path = tempfile.mkstemp(prefix="tds-gateway-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(identity.key + identity.chain)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context


def _ignore(_: int) -> None:
    """Do nothing with a number."""
