"""A thousand gateways come back at once, as they do after a power cut."""

from __future__ import annotations

import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from broker.machine import raise_descriptor_limit
from certs import issue_bundles
from certs.bundle import Bundle
from certs.revocation import revoke
from tests.broker.lab import ROOT, Client, Lab, wait_until

CROWD = 1_000


def connect_packet(keepalive: int = 120) -> bytes:
    body = struct.pack(">H4sBBH", 4, b"MQTT", 4, 2, keepalive) + struct.pack(">H1s", 1, b"x")
    return bytes((0x10, len(body))) + body


def publish_packet(topic: str) -> bytes:
    body = struct.pack(">H", len(topic)) + topic.encode() + b"{}"
    return bytes((0x30, len(body))) + body


def arrive(lab: Lab, bundle: Bundle) -> ssl.SSLSocket:
    assert bundle.key is not None
    context = lab.context(bundle.certificate, bundle.key)
    raw = socket.create_connection(("127.0.0.1", lab.settings.mqtt_port), 60)
    tls = context.wrap_socket(raw, server_hostname="127.0.0.1")
    tls.sendall(connect_packet())
    assert tls.recv(4) == b"\x20\x02\x00\x00"
    return tls


def test_a_thousand_connections_at_once_and_a_revocation_among_them(lab: Lab) -> None:
    assert raise_descriptor_limit() > CROWD * 2
    bundles = issue_bundles(lab.settings, [f"aa:bb:cd:00:{number >> 8:02x}:{number & 255:02x}" for number in range(CROWD)])
    ingester = lab.ingester(clean=False)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    with ThreadPoolExecutor(32) as pool:
        sockets = list(pool.map(lambda bundle: arrive(lab, bundle), bundles))
    with ExitStack() as leaving:
        for tls in sockets:
            leaving.enter_context(tls)
        publish_around_a_revocation(lab, bundles, sockets, ingester)
    ingester.close()


def publish_around_a_revocation(lab: Lab, bundles: list[Bundle], sockets: list[ssl.SSLSocket], ingester: Client) -> None:
    assert revoke(lab.settings, bundles[500].serial, "stolen").effect.done

    for bundle, tls in zip(bundles, sockets, strict=True):
        if bundle is not bundles[500]:
            tls.sendall(publish_packet(f"{ROOT}/{bundle.mac}/telemetry"))
    assert wait_until(lambda: len(ingester.received) == CROWD - 1)
    assert sockets[500].recv(4) == b""
