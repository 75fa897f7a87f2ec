"""Where gateways at their first boot are received: each is noted as waiting, and told what became of it."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from certs.application import Allowance, Application, read_application
from certs.authority import GATEWAY_NAME, AuthorityError
from certs.issuing import open_desk, public_host
from certs.store import CertificateFolder, certificate_pem
from settings import Settings
from sql import registrations
from sql.engine import Store
from sql.errors import Refused
from sql.registrations import Known

log = logging.getLogger("tds.registrar")
REMIND_SECONDS = 60.0


class Reply(NamedTuple):
    """What a gateway is told; `registration` is set where it is told its certificate."""

    mac: str
    payload: bytes
    registration: int | None = None


class Reception:
    """Hears gateways and has them signed once somebody took them; driven by the registrar."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.allowance = Allowance(at=time.monotonic())
        self._passed_over = 0
        self._reminded = time.monotonic()

    def hear(self, mac: str, payload: bytes) -> Reply | None:
        """Note what a gateway says of itself; gives what it is told, or None where it was not listened to."""
        if not GATEWAY_NAME.fullmatch(mac) or not self.allowance.admits(mac, payload, time.monotonic()):
            self._passed_over += 1
            return None
        try:
            application = read_application(mac, payload)
        except (Refused, AuthorityError) as error:
            log.warning("%s asked for a certificate and was not understood: %s", mac, error)
            return _reply(mac, state="refused", reason=str(error))
        with self.store.transaction() as connection:
            known = registrations.hear(connection, **_row(application))
        if known is None:
            self._passed_over += 1
            return None
        if known.new:
            log.info("%s waits for an account: serial %s, key %s", mac, application.serial_number, application.key[:16])
        return self._told(mac, known)

    def sign(self) -> list[Reply]:
        """Sign what was taken into an account since; gives what each gateway is told."""
        with self.store.transaction() as connection:
            waiting = registrations.unsigned(connection)
            if not waiting:
                return []
            replies = []
            with open_desk(self.settings, "registrar") as desk:
                for one in waiting:
                    try:
                        bundle, record = desk.certify_request(one.mac, one.request.encode(), one.decided_by)
                    except (Refused, AuthorityError) as error:
                        log.error("%s was taken by %s and gets no certificate: %s", one.mac, one.decided_by, error)
                        registrations.fail(connection, one.id, str(error))
                        continue
                    desk.journal.issued([record])
                    chain = bundle.certificate.decode()
                    registrations.sign(connection, one.id, chain, record.serial)
                    log.info("%s was taken by %s: certificate %s", one.mac, one.decided_by, record.serial)
                    replies.append(self._issued(one.id, one.mac, chain, record.serial))
        return replies

    def delivered(self, registration: int) -> None:
        """Note that a gateway was there to receive its certificate."""
        with self.store.transaction() as connection:
            registrations.deliver(connection, registration)

    def tidy(self) -> None:
        """Forget what nobody waits for, and say how many were not listened to."""
        if time.monotonic() - self._reminded < REMIND_SECONDS:
            return
        self._reminded = time.monotonic()
        if self._passed_over:
            log.warning("%d messages at first boot were not listened to: too many, or too many keys", self._passed_over)
            self._passed_over = 0
        with self.store.transaction() as connection:
            registrations.forget(connection)

    def _told(self, mac: str, known: Known) -> Reply:
        if known.state == "refused":
            return _reply(mac, state="refused", reason="this gateway was refused")
        if known.revoked:
            return _reply(mac, state="refused", reason="the certificate of this key is revoked: make a new key")
        if known.fault:
            return _reply(mac, state="refused", reason=known.fault)
        if known.certificate and known.certificate_serial:
            return self._issued(known.id, mac, known.certificate, known.certificate_serial)
        return _reply(mac, state="pending")

    def _issued(self, registration: int, mac: str, chain: str, serial: str) -> Reply:
        folder, settings = CertificateFolder(self.settings), self.settings
        where = {"host": public_host(settings, folder), "port": settings.mqtt_port, "root": settings.mqtt_root}
        trusted = certificate_pem(*folder.authorities()).decode()
        told = _reply(mac, state="issued", certificate=chain, authority=trusted, serial=serial, **where)
        return told._replace(registration=registration)


def _row(application: Application) -> dict[str, Any]:
    return dict(vars(application))


def _reply(mac: str, **told: object) -> Reply:
    return Reply(mac, json.dumps(told | {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}).encode())
