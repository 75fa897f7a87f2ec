"""Asking a broker from outside, over TLS: does it answer, does it accept a certificate, take a session over."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

CONNECT, CONNACK, DISCONNECT = 0x10, 0x20, b"\xe0\x00"
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - to be recognised, not bound


class NotReached(Exception):
    """Nothing answers there, or it is not a broker of ours; the text says what happened."""


class CertificateRefused(Exception):
    """The broker answered and did not accept the certificate; the text is its reason."""


def handshake(host: str, port: int, context: ssl.SSLContext, timeout: float = 5) -> datetime:
    """Make one TLS connection and close it, without a word of MQTT; gives the end of the broker's certificate.

    In TLS 1.2 the client learns within the handshake whether its certificate is accepted, in 1.3 only afterwards: so 1.2.
    Without MQTT no session is opened: the ingester's certificate can be shown without pushing the ingester out.
    """
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with socket.create_connection((host, port), timeout) as raw, context.wrap_socket(raw, server_hostname=host) as tls:
            expires = _end(tls.getpeercert())
            with suppress(OSError, ssl.SSLError):
                tls.unwrap()  # a farewell, or the broker's log calls it an error
            return expires
    except ssl.SSLCertVerificationError as error:
        raise NotReached(f"the certificate shown at {host}:{port} is not good: {error.verify_message}") from error
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            raise CertificateRefused(_words(error)) from error
        raise NotReached(f"{host}:{port} speaks no TLS that we accept: {_words(error)}") from error
    except OSError as error:
        raise NotReached(f"nothing answers at {host}:{port}: {error.strerror or error}") from error


def take_over(host: str, port: int, context: ssl.SSLContext, name: str, forget: bool, timeout: float = 5) -> bool:
    """Connect once under a common name and leave: the broker closes the connection that had the name until then.

    Tells whether a session of that name was found. `forget` throws the session's queue away; otherwise it waits for whoever connects next with a good certificate.
    Raises CertificateRefused or NotReached. Two packets of MQTT 3.1.1, written by hand: paho waits with `select`, which
    fails in a process that has more than a thousand connections open.
    """
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with socket.create_connection((host, port), timeout) as raw, context.wrap_socket(raw, server_hostname=host) as tls:
            tls.sendall(_connect_packet(name, forget))
            answer = tls.recv(4)
            if len(answer) == 4 and answer[3] == 0:
                tls.sendall(DISCONNECT)
    except ssl.SSLError as error:
        raise CertificateRefused(_words(error)) from error
    except OSError as error:
        raise NotReached(f"{host}:{port} did not answer: {error.strerror or error}") from error
    if len(answer) < 4 or answer[0] != CONNACK:
        raise NotReached(f"the broker at {host}:{port} closed the connection of {name} without an answer")
    if answer[3] != 0:
        raise CertificateRefused(f"connection refused with code {answer[3]}")
    return bool(answer[2] & 1)


def ask(host: str, port: int, path: str, timeout: float = 2) -> tuple[int, str] | None:
    """Ask a process of ours on this machine over HTTP; gives status and text, or None where nobody listens. Raises NotReached where it is mute."""
    client = http.client.HTTPConnection(local_address(host), port, timeout=timeout)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace").strip()
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException) as error:
        raise NotReached(f"nothing is answered at {local_address(host)}:{port}: {error or type(error).__name__}") from error
    finally:
        client.close()


def is_here(host: str) -> bool:
    """Tell whether an address is one of this machine's own; one that cannot be found is not."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(local_address(host), 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


def local_address(bind: str) -> str:
    """Give the address under which this machine reaches its own listener."""
    return "127.0.0.1" if bind in EVERYWHERE else bind


def _connect_packet(name: str, clean: bool, keepalive: int = 10) -> bytes:
    client = name.encode()
    body = struct.pack(">H4sBBHH", 4, b"MQTT", 4, 2 if clean else 0, keepalive, len(client)) + client
    return bytes((CONNECT, len(body))) + body


def _end(certificate: dict[str, Any] | None) -> datetime:
    if not certificate:  # where the context verifies nothing
        return datetime.max.replace(tzinfo=UTC)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower().removeprefix("sslv3 alert ").removeprefix("tlsv1 alert ")
