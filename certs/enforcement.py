"""Making a revocation felt: wait until the broker has the new list, then close the connections opened before it.

Mosquitto reads a new list without looking at the connections it has: a revoked gateway would go on publishing until it
leaves by itself. Its connection is closed by connecting once under the same name, with a certificate that lives for two
minutes; with its own the gateway is then refused. A gateway that was renewed comes back with the new one by itself.
"""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker import material
from broker.probe import CertificateRefused, NotReached, handshake, local_address, take_over
from certs.authority import GATEWAY_NAME, Issuer, Purpose, issue_client, new_key
from certs.journal import Record
from certs.store import BOOTSTRAP, CertificateFolder, certificate_pem, key_pem
from settings import Settings

Address = tuple[str, int]
MINUTES = timedelta(minutes=2)
# `tds broker` looks for a new list twice a second; a remote one may have it copied.
PATIENCE_SECONDS = 9.0
# First boot's broker starts anew for a revocation, Mosquitto 2.0 sometimes: for a moment nothing answers there.
RESTART_SECONDS = 4.0


@dataclass(frozen=True)
class Effect:
    """What a broker makes of a revocation; `done`: it refuses the certificates and no connection of theirs is left."""

    done: bool
    sentence: str
    broker_absent: bool = False


@dataclass(frozen=True)
class Canary:
    """A certificate made to be refused: while the broker takes it, the broker has not read the list that names it."""

    serial: int
    certificate: bytes
    key: bytes

    @classmethod
    def make(cls, issuer: Issuer, now: datetime) -> Canary:
        """Make one; its serial belongs into the list about to be written."""
        key = new_key()
        certificate = issue_client(key.public_key(), "ingester", "tds-canary", issuer, now, MINUTES)
        return cls(certificate.serial_number, certificate_pem(certificate, issuer.certificate), key_pem(key))


@dataclass(frozen=True)
class Canaries:
    """One canary for each list that is about to name a revoked certificate."""

    regular: Canary | None = None
    bootstrap: Canary | None = None

    @classmethod
    def make(cls, folder: CertificateFolder, revoked: Iterable[Record], now: datetime) -> Canaries:
        """Make those that are needed; raises Refused where the key that signs such a list is not here."""
        batches = {record.purpose == BOOTSTRAP for record in revoked}
        return cls(
            Canary.make(folder.issuer(), now) if False in batches else None,
            Canary.make(folder.issuer(BOOTSTRAP), now) if True in batches else None,
        )


def enforce(settings: Settings, folder: CertificateFolder, targets: Mapping[str, bool], canary: Canary) -> Effect:
    """Have the broker of every cell refuse the canary, then take over each name's session there.

    `targets` maps a common name to whether another certificate of it is valid: its queue then waits for it.
    """
    places = ((settings.mqtt_host, settings.mqtt_port), *settings.more_brokers)
    effects = [_enforce_at(place, folder, targets, canary) for place in places]
    left = [effect for effect in effects if not effect.done]
    return Effect(
        not left, "; ".join(effect.sentence for effect in left or effects), bool(left) and all(e.broker_absent for e in left)
    )


def _enforce_at(place: Address, folder: CertificateFolder, targets: Mapping[str, bool], canary: Canary) -> Effect:
    where = f"{place[0]}:{place[1]}"
    try:
        if not _wait_for_list(place, folder, canary):
            return Effect(
                False,
                f"the broker at {where} has not read the new list after {PATIENCE_SECONDS:.0f} s: is it run by `tds broker`?",
            )
        issuer = folder.issuer()
        for name, renewed in targets.items():
            _close(place, folder, issuer, name, forget=not renewed)
    except NotReached as error:
        return Effect(False, f"{error}; it holds from the broker's next start", broker_absent=True)
    except CertificateRefused as error:
        return Effect(False, f"the broker at {where} refuses even good certificates ({error}): see `tds doctor`")
    return Effect(True, f"the broker at {where} refuses it, and no connection of it is left")


def enforce_first_boot(settings: Settings, folder: CertificateFolder, canary: Canary) -> Effect:
    """Wait for the broker of first boot to refuse the canary; by then it has started anew, and no connection is left."""
    where = f"{settings.mqtt_host}:{settings.bootstrap_port}"
    try:
        if _wait_for_list((settings.mqtt_host, settings.bootstrap_port), folder, canary, restarts=True):
            return Effect(True, f"the broker of first boot at {where} refuses it, and no connection of it is left")
    except NotReached as error:
        return Effect(False, f"{error}; it holds from the start of first boot's broker", broker_absent=True)
    except CertificateRefused as error:
        return Effect(False, f"the broker of first boot at {where} refuses even good certificates: {error}")
    return Effect(False, f"the broker of first boot at {where} has not read the new list after {PATIENCE_SECONDS:.0f} s")


def hold(settings: Settings, folder: CertificateFolder, names: Iterable[str]) -> None:
    """Take over the session of each gateway that is away, once, by MQTT 3.1.1: its queue stays, and it has no end any more.

    Mosquitto 2.0 crashes over sessions with an end when it reads its files again. One that is not there is not left behind.
    """
    issuer, key = folder.issuer(), new_key()
    for name in names:
        certificate = issue_client(key.public_key(), "gateway", name, issuer, datetime.now(UTC), MINUTES)
        context = client_context(folder, certificate_pem(certificate, issuer.certificate), key_pem(key))
        context.check_hostname = False
        here = (local_address(settings.broker_bind), settings.mqtt_port)
        if not take_over(*here, context, name, forget=False):
            take_over(*here, context, name, forget=True)


def _wait_for_list(place: Address, folder: CertificateFolder, canary: Canary, restarts: bool = False) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    back_by = time.monotonic() + (RESTART_SECONDS if restarts else 0)
    while True:
        try:
            handshake(*place, client_context(folder, canary.certificate, canary.key))
            back_by = time.monotonic() + RESTART_SECONDS
        except CertificateRefused as error:
            if "revoked" in str(error):
                return True
            raise
        except NotReached:
            if time.monotonic() > back_by:
                raise
        if time.monotonic() > deadline:
            return False
        time.sleep(0.25)


def _close(place: Address, folder: CertificateFolder, issuer: Issuer, name: str, forget: bool) -> None:
    key, is_gateway = new_key(), GATEWAY_NAME.fullmatch(name) is not None
    purpose: Purpose = "gateway" if is_gateway else "ingester"
    certificate = issue_client(key.public_key(), purpose, name, issuer, datetime.now(UTC), MINUTES)
    context = client_context(folder, certificate_pem(certificate, issuer.certificate), key_pem(key))
    # The ingester's session is its backlog: that is never thrown away. Where a gateway had none, none is left behind.
    if not take_over(*place, context, name, forget and is_gateway) and is_gateway and not forget:
        take_over(*place, context, name, forget=True)


def client_context(folder: CertificateFolder, certificate: bytes, key: bytes) -> ssl.SSLContext:
    """Make the TLS side of a client with a certificate that is in no file."""
    context = ssl.create_default_context(cafile=str(folder.path / material.AUTHORITY))
    # Python reads certificates from files only; these live for as long as this takes, in a folder of our own.
    with tempfile.TemporaryDirectory(prefix="tds-") as place:
        path = Path(place, "client.pem")
        path.touch(mode=0o600)
        path.write_bytes(key + certificate)
        context.load_cert_chain(path)
    return context
