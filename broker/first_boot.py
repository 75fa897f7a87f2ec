"""The second Mosquitto, for gateways at their first boot: a port, an authority and an access list of its own, and nothing kept."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from broker.configuration import (
    ACCESS,
    ADDRESS,
    CIPHERS,
    CONFIGURATION,
    LISTENERS,
    TOPIC,
    Version,
)
from broker.machine import raise_descriptor_limit
from broker.material import AUTHORITY, BOOTSTRAP_AUTHORITY, BOOTSTRAP_CRL, CERTIFICATE, FIRST_BOOT, KEY, Material
from broker.presence import FIXED
from broker.probe import CertificateRefused, handshake
from broker.process import Broker
from settings import Settings, SettingsError

log = logging.getLogger("tds.broker")
# The registrar's common name; those of bootstrap certificates begin otherwise.
REGISTRAR = "tds-registrar"
# A request with an RSA key of 4,096 bits is 2 KB, an answer with three RSA certificates 6 KB.
PACKET_LIMIT = 16 * 1024
CONNECTIONS = 1_000
MEMORY_LIMIT = 256 * 1024**2
QUEUE_MESSAGES = 1_000


class FirstBootBroker(Broker):
    """Run beside the first: whatever a holder of a bootstrap certificate does here, the gateways' own broker does not feel."""

    names = FIRST_BOOT
    folder = "bootstrap"
    port_setting = "TDS_BOOTSTRAP_PORT"
    keeps_sessions = False

    @property
    def port(self) -> int:
        """Give the port of the listener."""
        return self.settings.bootstrap_port

    def _limit_descriptors(self) -> int:
        return lower_descriptor_limit(CONNECTIONS + 64)

    def _names_to_deny(self, now: datetime) -> tuple[str, ...]:
        return ()  # a revoked batch is out by the list alone

    def _rules(self) -> Iterable[tuple[str, str]]:
        yield CONFIGURATION, render_configuration(self.settings, self._version)
        yield ACCESS, render_access(self.settings)

    def _reload(self, before: Material | None, material: Material) -> None:
        """Start anew where a batch was revoked: its connections end with the process, which keeps nothing; others come back.

        So it does for every change on 2.0, which may crash at a reload (broker/rereading.py).
        """
        if self._version >= FIXED and (before is None or material.revoked() <= before.revoked()):
            super()._reload(before, material)
            return
        self._start_anew()
        log.info("started anew: every connection is closed, and who may comes back")

    def _answers(self, host: str) -> None:
        context = ssl.create_default_context(cafile=str(self.settings.pki_dir / AUTHORITY))
        context.check_hostname = False
        with suppress(CertificateRefused):  # it asks for a certificate, and we show none: that is an answer
            handshake(host, self.port, context)


def lower_descriptor_limit(most: int) -> int:
    """Lower the number of connections that this process's children may open; Mosquitto 2.0.11 knows no other limit that holds."""
    if sys.platform == "win32":
        return most
    import resource

    raise_descriptor_limit(most)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def render_configuration(settings: Settings, version: Version = (2, 0, 11)) -> str:
    """Render mosquitto.conf; paths are relative to the folder it lies in."""
    if not ADDRESS.fullmatch(settings.broker_bind):
        raise SettingsError(f"TDS_BROKER_BIND is not an address such as 0.0.0.0: {settings.broker_bind!r}")
    return _CONFIGURATION.format(
        bind=settings.broker_bind,
        port=settings.bootstrap_port,
        authority=BOOTSTRAP_AUTHORITY,
        certificate=CERTIFICATE,
        key=KEY,
        crl=BOOTSTRAP_CRL,
        access=ACCESS,
        ciphers=CIPHERS,
        listeners=LISTENERS if version < (2, 1, 0) else "",
        connections=f"max_connections {CONNECTIONS}\n" if version >= (2, 0, 12) else "",
        packet=PACKET_LIMIT,
        memory=MEMORY_LIMIT,
        queue=QUEUE_MESSAGES,
    )


def render_access(settings: Settings) -> str:
    """Render the access list: one connection speaks for one MAC, the one that it names as its client id."""
    root = settings.bootstrap_root()
    if not TOPIC.fullmatch(root):
        raise SettingsError(f"TDS_MQTT_ROOT may hold letters, digits, dots, dashes and slashes only: {settings.mqtt_root!r}")
    return _ACCESS.format(root=root, registrar=REGISTRAR)


_CONFIGURATION = """\
# Mosquitto for first boot. Written anew at every start of `tds broker --bootstrap`, from broker/first_boot.py.
{listeners}
# ---- who may connect -------------------------------------------------------------------------------------------------
listener {port} {bind}

# Gateways know this broker as they know the other: by the authority in their ca.crt. This broker knows its clients by an
# authority of its own: a gateway's regular certificate is as strange here as a bootstrap certificate is at the other.
cafile {authority}
certfile {certificate}
keyfile {key}
require_certificate true
allow_anonymous false

# The revoked batches.
crlfile {crl}
tls_version tlsv1.2
ciphers {ciphers}

# One certificate is shared by a whole batch, so the name tells nobody apart. The client id does: it has to be the gateway's
# MAC, and the access list ties the topics to it.
use_identity_as_username true
allow_zero_length_clientid false

# ---- who may do what -------------------------------------------------------------------------------------------------
acl_file {access}
retain_available false

# ---- limits: a certificate that lies in every gateway of a batch will be in somebody else's hands one day ---------------
# Room for a request or a chain of certificates, and for nothing else.
max_packet_size {packet}
max_keepalive 300
{connections}max_inflight_messages 20
max_queued_messages {queue}
memory_limit {memory}

# Nothing is kept: a gateway says who it is until it has its certificate. Sessions left behind end soon.
persistence false
persistent_client_expiration 1h

# ---- the log ---------------------------------------------------------------------------------------------------------
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
log_timestamp true
log_timestamp_format %Y-%m-%dT%H:%M:%S
sys_interval 0
"""

_ACCESS = """\
# Who may do what at first boot; everything else is refused. Written by `tds broker --bootstrap`, from broker/first_boot.py.
# %c is the client id, which a gateway chooses: its MAC. A holder of the bootstrap certificate may choose another's, and then
# speaks for that MAC alone. Mosquitto applies no pattern to an id that holds +, # or /.

# The registrar hears every gateway and answers each.
user {registrar}
topic read {root}/+/register
topic write {root}/+/certificate
# By this it knows that it still hears.
topic write {root}/{registrar}/register

# A gateway says who it is, and reads what is for it.
pattern write {root}/%c/register
pattern read {root}/%c/certificate
"""
