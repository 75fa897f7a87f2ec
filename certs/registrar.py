"""The registrar: hears gateways at their first boot, where the signing key is, and brings them what they are told."""

from __future__ import annotations

import logging
import secrets
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy.exc import DBAPIError

from broker.first_boot import REGISTRAR
from certs.authority import issue_client, new_key
from certs.enforcement import client_context
from certs.reception import Reception, Reply
from certs.store import BOOTSTRAP, CertificateFolder, certificate_pem, key_pem
from certs.worker import store_at_hand
from settings import Settings, SettingsError
from sql.engine import reason
from sql.errors import Refused, TdsError

log = logging.getLogger("tds.registrar")
KEEPALIVE = 30
# Long enough for a connection to be made with it; another is made for the next one.
LIFETIME = timedelta(hours=1)
STEP_SECONDS = 0.5
PAUSE_SECONDS = 5.0
SIGN_AGAIN_SECONDS = 30.0
MOST_UNHEARD = 1_000
# After a flood Mosquitto 2.0 may pass nothing on to whoever it could not keep up with, for as long as that connection lasts.
# So where nothing was heard for a while the registrar speaks to itself, and where it does not hear that, it connects anew.
ASK_AFTER_SECONDS, DEAF_AFTER_SECONDS = 10.0, 15.0


class LineLost(TdsError):
    """There is no connection to first boot's broker."""


class Line:
    """One connection to first boot's broker, served by whoever calls `serve`; nothing of it outlives the connection."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.heard: deque[tuple[str, bytes]] = deque(maxlen=MOST_UNHEARD)
        self.delivered: deque[int] = deque()
        self.subscribed = False
        self._under_way: dict[int, int] = {}
        self._heard_at, self._has_asked = time.monotonic(), False
        self._refusal = ""
        # Nobody can push out whose name nobody can guess: client ids are free on this broker.
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            f"{REGISTRAR}-{secrets.token_hex(16)}",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self.client.tls_set_context(self._context())
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        try:
            self.client.connect(settings.mqtt_host, settings.bootstrap_port, KEEPALIVE)
        except OSError as error:
            raise LineLost(
                f"{settings.mqtt_host}:{settings.bootstrap_port} does not answer: {error.strerror or error}"
            ) from error

    def serve(self, seconds: float) -> None:
        """Deal with the traffic of a moment; raises LineLost."""
        if self.client.loop(seconds) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LineLost(self._refusal or "the broker of first boot closed the connection")
        silence = time.monotonic() - self._heard_at
        if silence > DEAF_AFTER_SECONDS:
            raise LineLost("the broker of first boot passes nothing on")
        if silence > ASK_AFTER_SECONDS and not self._has_asked:
            self.client.publish(f"{self.settings.bootstrap_root()}/{REGISTRAR}/register")
            self._has_asked = True

    def tell(self, reply: Reply) -> None:
        """Send a gateway what it is told; whether it was there to hear it shows in `delivered`."""
        topic = f"{self.settings.bootstrap_root()}/{reply.mac}/certificate"
        # Only what is to be known to have arrived waits for its acknowledgement, which comes late in a flood.
        sent = self.client.publish(topic, reply.payload, qos=0 if reply.registration is None else 1)
        if reply.registration is not None:
            self._under_way[sent.mid] = reply.registration

    def close(self) -> None:
        """Leave."""
        with suppress(OSError, ValueError):
            self.client.disconnect()
            self.client.loop(0.1)

    def _context(self) -> ssl.SSLContext:
        folder = CertificateFolder(self.settings)
        issuer, key = folder.issuer(BOOTSTRAP), new_key()
        certificate = issue_client(key.public_key(), "bootstrap", REGISTRAR, issuer, datetime.now(UTC), LIFETIME)
        return client_context(folder, certificate_pem(certificate), key_pem(key))

    def _on_connect(self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode, __: Properties | None) -> None:
        if code.is_failure:
            self._refusal = f"the broker of first boot refuses the registrar: {code}"
            return
        # Not QoS 1, of which the broker has a few on their way at a time: who waits repeats himself, and a flood should drain.
        client.subscribe(f"{self.settings.bootstrap_root()}/+/register", qos=0)
        self.subscribed = True

    def _on_disconnect(self, client: Client, _: object, flags: DisconnectFlags, code: ReasonCode, __: Properties | None) -> None:
        self.subscribed = False

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        self._heard_at, self._has_asked = time.monotonic(), False
        mac = message.topic.split("/")[-2]
        if mac != REGISTRAR:
            self.heard.append((mac, bytes(message.payload)))

    def _on_publish(self, client: Client, _: object, mid: int, code: ReasonCode, __: Properties | None) -> None:
        registration = self._under_way.pop(mid, None)
        # 0x10: nobody was there. Such a gateway asks again when it is back.
        if registration is not None and code.value == 0:
            self.delivered.append(registration)


class Registrar:
    """Works until it is told to stop; a broker or a database that is away is waited for."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self.settings = settings
        self.stop = stop
        self._line: Line | None = None
        self._fault = ""
        self._next_try = self._sign_from = 0.0

    def run(self) -> None:
        """Work in this thread until the event is set."""
        while not self.stop.is_set():
            try:
                with store_at_hand(self.settings) as store:
                    reception = Reception(self.settings, store)
                    while not self.stop.is_set():
                        self.step(reception)
            except (DBAPIError, TdsError, SettingsError) as error:
                self._complain(reason(error))
                self.stop.wait(PAUSE_SECONDS)
            finally:
                self._hang_up()

    def run_or_stop(self) -> None:
        """Work in a thread; where that ends by a fault of ours, everything beside it is told to stop, to be started anew."""
        try:
            self.run()
        except BaseException:
            log.exception("the registrar ended by a fault of its own")
            raise
        finally:
            self.stop.set()

    def step(self, reception: Reception) -> None:
        """Hear, sign and tell for a moment; raises where the database cannot be used."""
        line = self._line_or_none()
        for reply in self._sign(reception):
            if line:
                line.tell(reply)
        reception.tidy()
        if line is None:
            self.stop.wait(STEP_SECONDS)
            return
        until = time.monotonic() + STEP_SECONDS
        try:
            while (left := until - time.monotonic()) > 0:
                line.serve(left)
                self._attend(line, reception)
        except LineLost as error:
            self._complain(str(error))
            self._hang_up()

    def _attend(self, line: Line, reception: Reception) -> None:
        while line.heard:
            reply = reception.hear(*line.heard.popleft())
            if reply:
                line.tell(reply)
        while line.delivered:
            reception.delivered(line.delivered.popleft())
        if line.subscribed and self._fault:
            log.info("gateways at first boot are heard")
            self._fault = ""

    def _sign(self, reception: Reception) -> list[Reply]:
        if time.monotonic() < self._sign_from:
            return []
        try:
            return reception.sign()
        except Refused as error:  # the key is put away, or the folder is busy: what waits for it goes on waiting
            log.error("gateways that were taken get no certificate yet: %s", error)
            self._sign_from = time.monotonic() + SIGN_AGAIN_SECONDS
            return []

    def _line_or_none(self) -> Line | None:
        if self._line is None and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + PAUSE_SECONDS
            # Where no bootstrap certificate was ever issued there is nobody to hear.
            if CertificateFolder(self.settings).certificate(BOOTSTRAP) is not None:
                try:
                    self._line = Line(self.settings)
                except LineLost as error:
                    self._complain(f"{error}: is `tds broker --bootstrap` running?")
                except Refused as error:
                    self._complain(str(error))
                else:
                    where = f"{self.settings.mqtt_host}:{self.settings.bootstrap_port}"
                    log.info("gateways at first boot are heard at %s", where)
        return self._line

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            log.warning("gateways at first boot are not heard: %s", fault)
            self._fault = fault
