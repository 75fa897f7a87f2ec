"""A real broker with a real authority for tests, gateways that connect to it, and certificates that must not exist."""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

import settings as settings_module
from broker.process import Broker
from broker.upkeep import Upkeep
from certs import authority
from certs.authority import Issuer
from certs.bundle import Bundle
from certs.issuing import issue_bundle
from certs.setup import ensure_authority
from certs.store import CertificateFolder, certificate_pem, key_pem
from settings import Settings
from tests.ports import free_port

ROOT = "tds_new/devices"
# As a session of MQTT 3.1.1 that is not clean. One that ends makes Mosquitto 2.0 crash sooner or later (broker/README.md).
NEVER = 0xFFFFFFFF


def make_settings(folder: Path, **more: str) -> Settings:
    """Make settings with a state folder and a port of their own."""
    return settings_module.load({"TDS_STATE_DIR": str(folder), "TDS_LOCALE": "en"} | ports() | more)


def ports() -> dict[str, str]:
    """Give a free port to each of the two brokers."""
    return {"TDS_MQTT_PORT": str(free_port()), "TDS_BOOTSTRAP_PORT": str(free_port())}


class NoUpkeep(Upkeep):
    """No renewal by a command: the test writes the lists itself."""

    def run_if_due(self, wait: bool = False) -> None:
        return


class Lab:
    """A broker run by a thread of the test, with its log in a file."""

    def __init__(self, settings: Settings, kind: type[Broker] = Broker) -> None:
        self.settings = settings
        ensure_authority(settings)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self.log_path = settings.state_dir / f"{kind.folder}.log"
        self._log = self.log_path.open("ab")
        self.broker = kind(settings, NoUpkeep(settings), self._log)
        self.broker.upkeep.patience = 60  # on a machine where everything takes long, so does this
        self.broker.start()
        self.watch()

    def watch(self) -> None:
        """Look after the broker as `tds broker` does, in a thread."""
        self._stop, self.rounds = threading.Event(), 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.broker.step()
            self.rounds += 1

    def wait_for_a_round(self) -> None:
        """Come back when a look at the broker that began after this is over."""
        before = self.rounds
        assert wait_until(lambda: self.rounds > before + 1)

    def close(self) -> None:
        """Stop watching and the broker."""
        self._stop.set()
        self._thread.join()
        self.broker.stop()
        self._log.close()

    def log(self) -> str:
        """Give Mosquitto's log so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def context(self, certificate: bytes, key: bytes, authority_pem: bytes | None = None) -> ssl.SSLContext:
        """Make the TLS side of a client."""
        folder = self.settings.state_dir / "clients"
        folder.mkdir(exist_ok=True)
        path = folder / f"{threading.get_ident()}.pem"
        path.write_bytes(key + certificate)
        pem = authority_pem or (self.settings.pki_dir / "ca.crt").read_bytes()
        context = ssl.create_default_context(cadata=pem.decode())
        context.load_cert_chain(path)
        return context

    def gateway(self, bundle: Bundle, **options: Any) -> Client:
        """Connect with an issued bundle."""
        assert bundle.key is not None
        return Client(self, self.context(bundle.certificate, bundle.key), **options)

    def ingester(self, **options: Any) -> Client:
        """Connect with the ingester's certificate."""
        certificate, key = ((self.settings.pki_dir / name).read_bytes() for name in ("ingester.crt", "ingester.key"))
        return Client(self, self.context(certificate, key), **options)

    def issue(self, mac: str) -> Bundle:
        """Issue a bundle."""
        return issue_bundle(self.settings, mac)

    def issuer(self) -> Issuer:
        """Give the intermediate, to make what the authority refuses to make."""
        return CertificateFolder(self.settings).issuer()


@dataclass
class Client:
    """A paho client that is connected, or was refused: `answer` is the broker's, `refused` why there is none."""

    lab: Lab
    context: ssl.SSLContext
    client_id: str = "anything"
    clean: bool = True
    protocol: int = mqtt.MQTTv311
    expiry: int | None = None  # of MQTT 5: seconds for which the session is kept
    will: tuple[str, bytes, bool] | None = None
    received: list[mqtt.MQTTMessage] = field(default_factory=list)
    answer: ReasonCode | None = None
    refused: str = ""
    present: bool = False
    lost: bool = False

    def __post_init__(self) -> None:
        five = self.protocol == mqtt.MQTTv5
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, self.client_id, protocol=self.protocol, **({} if five else {"clean_session": self.clean})
        )
        self.client.tls_set_context(self.context)
        self.client.on_connect = self._connected
        self.client.on_disconnect = self._disconnected
        self.client.on_message = lambda client, data, message: self.received.append(message)
        if self.will:
            self.client.will_set(self.will[0], self.will[1], qos=1, retain=self.will[2])
        more: dict[str, Any] = {}
        if five:
            properties = Properties(mqtt.PacketTypes.CONNECT)
            properties.SessionExpiryInterval = (0 if self.clean else NEVER) if self.expiry is None else self.expiry
            more = {"clean_start": self.clean, "properties": properties}
        try:
            self.client.connect("127.0.0.1", self.lab.broker.port, keepalive=30, **more)
        except (ssl.SSLError, OSError) as error:
            self.refused = getattr(error, "reason", None) or str(error)
            return
        self.client.loop_start()
        wait_until(lambda: self.answer is not None or self.lost)
        if not self.connected:
            self.close()  # or it would try again, behind the tests that follow

    def _connected(self, client: object, data: object, flags: Any, reason: ReasonCode, properties: object) -> None:
        self.answer, self.present = reason, flags.session_present

    def _disconnected(self, client: object, data: object, flags: object, reason: ReasonCode, properties: object) -> None:
        self.lost = True
        self.refused = self.refused or str(reason)

    @property
    def connected(self) -> bool:
        return self.answer is not None and not self.answer.is_failure and not self.lost

    def publish(self, topic: str, payload: bytes = b"{}", qos: int = 1, retain: bool = False) -> bool:
        """Publish and tell whether it was acknowledged; one that was lost and is back is as good as any."""
        info = self.client.publish(topic, payload, qos, retain)
        try:
            wait_until(lambda: info.is_published() or not self.client.is_connected())
            return info.is_published()
        except (RuntimeError, ValueError):
            return False

    def subscribe(self, topic: str) -> list[ReasonCode]:
        """Subscribe and give what the broker granted."""
        granted: list[ReasonCode] = []

        def on_subscribe(client: object, data: object, mid: int, codes: list[ReasonCode], properties: object) -> None:
            granted.extend(codes)

        self.client.on_subscribe = on_subscribe
        self.client.subscribe(topic, 1)
        wait_until(lambda: bool(granted) or self.lost)
        return granted

    def close(self) -> None:
        """Leave politely."""
        self.client.disconnect()
        self.client.loop_stop()

    def drop(self) -> None:
        """Leave without a word."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()

    def topics(self) -> list[str]:
        return [message.topic for message in self.received]


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait for something to become true, however busy the machine is; tells whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def was_taken_over(log: str, name: str) -> bool:
    """Tell whether a later connection under a name ended the one before, in the words of Mosquitto 2.0 or of 2.1."""
    return (
        re.search(rf"Client {name} (already connected, closing old connection|\[\S+\] disconnected: session taken over)", log)
        is not None
    )


def forge(
    issuer: Issuer,
    name: str,
    start: datetime | None = None,
    end: datetime | None = None,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    chain: bool = True,
) -> tuple[bytes, bytes]:
    """Sign what the authority would refuse to sign; gives certificate with chain, and key."""
    now, key = datetime.now(UTC), authority.new_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start or now - timedelta(minutes=5))
        .not_valid_after(end or now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(issuer.key, authority.DIGEST)
    )
    return certificate_pem(certificate, *([issuer.certificate] if chain else [])), key_pem(key)
