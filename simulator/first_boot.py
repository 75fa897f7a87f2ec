"""A gateway that nobody knows: makes a key, asks for its certificate with its batch's identity, and waits until somebody takes it."""

from __future__ import annotations

import json
import logging
import os
import ssl
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from simulator.gateway import Identity, tls_context

log = logging.getLogger("tds.simulator")
# Until the first answer the registrar may not have been there to hear it.
UNHEARD_SECONDS, REPEAT_SECONDS = 5.0, 60.0
RECONNECT_SECONDS = 5.0
KEEPALIVE = 60


class BatchFiles(NamedTuple):
    """What lies on every gateway of a production batch, as PEM."""

    certificate: bytes
    key: bytes
    authority: bytes


class Batch(NamedTuple):
    """What every gateway of a production batch carries, as PEM, and where it asks."""

    certificate: bytes
    key: bytes
    authority: bytes
    host: str
    port: int
    root: str


class Label(NamedTuple):
    """What is written on the gateway."""

    mac: str
    serial_number: str
    model: str = "Simulated G8"
    firmware: str = "1.0.0"


class Newcomer:
    """One gateway at its first boot; its key is made on the spot, or read from where it was kept, and leaves it never."""

    def __init__(self, label: Label, batch: Batch, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.label = label
        self.batch = batch
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.answer: dict[str, Any] = {}
        self._next = 0.0

    def ask(self, stopped: Callable[[], bool], seconds: float = float("inf")) -> Identity | None:
        """Ask until there is a certificate for our key; None where it was stopped, or took too long."""
        until = time.monotonic() + seconds
        while not stopped() and time.monotonic() < until:
            client = self._client()
            try:
                client.connect(self.batch.host, self.batch.port, KEEPALIVE)
                while not stopped() and time.monotonic() < until:
                    if client.loop(0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                        break
                    if (identity := self._identity()) is not None:
                        client.disconnect()
                        return identity
                    self._repeat(client)
            except OSError as error:
                log.info("first boot does not answer %s: %s", self.label.mac, error)
            wait_until = time.monotonic() + RECONNECT_SECONDS
            while not stopped() and time.monotonic() < min(wait_until, until):
                time.sleep(0.1)
        return None

    @cached_property
    def application(self) -> bytes:
        """Give what it says of itself, the same every time."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.label.mac)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, hashes.SHA256())
        told = {"mac": self.label.mac, "serial": self.label.serial_number, "model": self.label.model}
        told |= {"firmware": self.label.firmware, "csr": request.public_bytes(Encoding.PEM).decode()}
        return json.dumps(told).encode()

    def key_pem(self) -> bytes:
        """Give its key, to be kept on the gateway."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, self.label.mac, reconnect_on_failure=False)
        client.tls_set_context(self._context())
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        return client

    def _context(self) -> ssl.SSLContext:
        return tls_context(Identity(self.label.mac, self.batch.certificate, self.batch.key, self.batch.authority))

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(f"{self.batch.root}/{self.label.mac}/certificate", qos=1)
        self.answer, self._next = {}, 0.0

    def _repeat(self, client: Client) -> None:
        if client.is_connected() and time.monotonic() >= self._next:
            self._next = time.monotonic() + (REPEAT_SECONDS if self.answer else UNHEARD_SECONDS)
            client.publish(f"{self.batch.root}/{self.label.mac}/register", self.application, qos=1)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        self.answer = json.loads(message.payload)

    def _identity(self) -> Identity | None:
        """Give what it is from now on, where the certificate is for our own key and signed by the authority that we know."""
        if self.answer.get("state") != "issued":
            return None
        chain = str(self.answer["certificate"]).encode()
        if not is_for(chain, self.key.public_key(), self.batch.authority):
            log.warning("%s was sent a certificate that is not for it", self.label.mac)
            self.answer = {}
            return None
        return Identity(self.label.mac, chain, self.key_pem(), self.batch.authority)


def is_for(chain: bytes, key: ec.EllipticCurvePublicKey, authority: bytes) -> bool:
    """Tell whether a certificate, sent with its issuer's, is for a key and leads to an authority: anybody might have sent it."""
    try:
        own, issuer = x509.load_pem_x509_certificates(chain)
        own.verify_directly_issued_by(issuer)
        return own.public_key() == key and issuer in x509.load_pem_x509_certificates(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False


def kept_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Give the key kept in a file that only its owner reads; made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
