"""Mosquitto's configuration and access list, rendered from the settings; each line says why it is there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from broker.material import AUTHORITY, CERTIFICATE, CRL, KEY
from settings import Settings, SettingsError

CONFIGURATION, ACCESS, DATA, DATABASE = "mosquitto.conf", "access.acl", "data", "mosquitto.db"
# The contract's 64 KiB are judged by the ingester, which keeps the beginning of what it rejects; the broker only cuts
# off what is past all reason. Between the two a message is too large, and said to be.
PACKET_LIMIT = 256 * 1024
QUEUE_MESSAGES, QUEUE_BYTES = 2_000_000, 1024**3
WINDOW = 2_000
# Size of the file written, and seconds between two of them: the broker does nothing else while it writes, about 10 ms for
# each megabyte. So a backlog is written less often, and costs no more than a tenth of its time.
AUTOSAVE = ((20_000_000, 5), (200_000_000, 30), (10**12, 120))
KEEPALIVE_SECONDS = 1_800
# One common name, one identity, one part of a topic: nothing in it may be a wildcard, a separator or a space.
IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
TOPIC = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
ADDRESS = re.compile(r"[A-Za-z0-9.:_-]+")
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

Version = tuple[int, int, int]


def render_configuration(
    settings: Settings, version: Version = (2, 0, 11), descriptors: int = 1024, autosave: int = AUTOSAVE[0][1]
) -> str:
    """Render mosquitto.conf; paths are relative to the folder it lies in, from which Mosquitto is started."""
    if not ADDRESS.fullmatch(settings.broker_bind):
        raise SettingsError(f"TDS_BROKER_BIND is not an address such as 0.0.0.0: {settings.broker_bind!r}")
    # 2.0.11 counts connections wrongly; there the descriptors alone are the limit.
    connections = f"{_CONNECTIONS}max_connections {max(descriptors - 64, 64)}\n" if version >= (2, 0, 12) else ""
    return _CONFIGURATION.format(
        bind=settings.broker_bind,
        port=settings.mqtt_port,
        authority=AUTHORITY,
        certificate=CERTIFICATE,
        key=KEY,
        crl=CRL,
        access=ACCESS,
        ciphers=CIPHERS,
        listeners=LISTENERS if version < (2, 1, 0) else "",  # later it has no other value, and complains of the line
        connections=connections,
        client=settings.mqtt_client_id,
        packet=PACKET_LIMIT,
        messages=QUEUE_MESSAGES,
        bytes=QUEUE_BYTES,
        window=WINDOW,
        autosave=autosave,
        keepalive=KEEPALIVE_SECONDS,
        data=DATA,
        database=DATABASE,
    )


def autosave_seconds(size: int) -> int:
    """Give how often to write a backlog of so many bytes."""
    return next(seconds for limit, seconds in AUTOSAVE if size < limit)


def render_access(settings: Settings, denied: Iterable[str] = ()) -> str:
    """Render the access list: what is not named is refused; names in `denied` are refused everything."""
    root, client = settings.mqtt_root, settings.mqtt_client_id
    if not TOPIC.fullmatch(root):
        raise SettingsError(f"TDS_MQTT_ROOT may hold letters, digits, dots, dashes and slashes only: {root!r}")
    if not IDENTITY.fullmatch(client):
        raise SettingsError(f"TDS_MQTT_CLIENT_ID may hold letters, digits, dots and dashes only: {client!r}")
    # A name that could mean more than itself never gets a line; no certificate of ours carries one.
    names = sorted(name for name in set(denied) if IDENTITY.fullmatch(name) and name != client)
    lines = [_ACCESS.format(root=root, client=client)]
    if names:
        lines.append("\n# Revoked, and no other certificate of theirs is valid.\n")
        lines += [f"user {name}\ntopic deny #\n" for name in names]
    return "".join(lines)


LISTENERS = """
# One set of rules for every listener. With `true`, Mosquitto 2.0.12 to 2.0.22 queues nothing for the ingester while it is
# away, and still acknowledges to the gateway. First in the file, because it decides how the rest is read.
per_listener_settings false
"""
_CONNECTIONS = """
# A little below the descriptors this process may open, so that the log says what happened.
"""

_CONFIGURATION = """\
# Mosquitto for TDS. Written anew at every start of `tds broker`, from broker/configuration.py: changes belong there.
# Paths are relative: to try it by hand, `cd` into this folder, then `mosquitto -c mosquitto.conf`.
{listeners}
# ---- who may connect -------------------------------------------------------------------------------------------------
# One listener, TLS only. There is no plain port.
listener {port} {bind}

# Both sides show a certificate of our authority.
cafile {authority}
certfile {certificate}
keyfile {key}
require_certificate true
allow_anonymous false

# The list of revoked certificates. It has to be in date, or nobody gets in: `tds broker` sees to that.
crlfile {crl}

# TLS 1.2 is the oldest accepted, 1.3 is preferred; only suites with forward secrecy and authenticated encryption.
tls_version tlsv1.2
ciphers {ciphers}

# The common name of the certificate is the user name, and the user name is the client id. Without the second line any
# gateway could connect as {client} and throw away the messages that wait for the ingester.
use_identity_as_username true
use_username_as_clientid true
{connections}
# ---- who may do what -------------------------------------------------------------------------------------------------
# What the list does not allow is refused.
acl_file {access}

# Nothing is retained: a message outlives neither its gateway nor its revocation, and none is replayed to the ingester
# at every reconnect. A gateway that sets the retain flag is disconnected (MQTT 5 tells it so when it connects).
retain_available false

# ---- limits ----------------------------------------------------------------------------------------------------------
# A larger packet closes its connection. (`message_size_limit` would acknowledge the message and drop it.)
max_packet_size {packet}

# A gateway that fell silent is noticed, and its place freed, after one and a half times its keepalive.
max_keepalive {keepalive}

# Without this small packets wait up to 40 ms for company.
set_tcp_nodelay true

# ---- what waits for the ingester -------------------------------------------------------------------------------------
# Messages on their way and not yet acknowledged, for each client. The ingester acknowledges after its commit, so this
# window over the time of a commit is the most it can take in a second. (An MQTT 5 client names its own.)
max_inflight_messages {window}

# Beyond these the broker drops messages that it has acknowledged, without a word to the gateway: whichever comes first.
# The second keeps the memory of this process within bounds (1 GiB of payload, about 1.7 million messages).
max_queued_messages {messages}
max_queued_bytes {bytes}

# Messages sent with QoS 0 wait for the ingester too, as far as they got here.
queue_qos0_messages true

# Sessions and queues are written to disk every {autosave} s (less often while much waits: `tds broker` changes this number
# with the size of the file) and when the broker stops. A broker that is killed loses at most what it took in since the
# last time; what a gateway keeps until its `commands/stored`, it does not lose even then.
persistence true
persistence_location {data}
persistence_file {database}
autosave_interval {autosave}
autosave_on_changes false

# ---- the log ---------------------------------------------------------------------------------------------------------
# Connections and refusals, with their reason. Add `log_type debug` to see refused topics too: a line for each message.
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
log_timestamp true
log_timestamp_format %Y-%m-%dT%H:%M:%S

# Figures for `$SYS/#`, which only the ingester may read: it says how many messages were dropped.
sys_interval 10
"""

_ACCESS = """\
# Who may do what; everything else is refused. Written by `tds broker`, from broker/configuration.py: changes belong there.
# %u is the common name of the gateway's certificate, its MAC address. Mosquitto applies no pattern to a name that holds
# +, # or /, and our authority signs none.

# The ingester reads what all gateways send, and tells each what is stored.
user {client}
topic read {root}/+/telemetry
topic read {root}/+/status
topic write {root}/+/commands/stored
topic read $SYS/#

# A gateway writes its own telemetry and status, and reads its own commands.
pattern write {root}/%u/telemetry
pattern write {root}/%u/status
pattern read {root}/%u/commands/#
"""
