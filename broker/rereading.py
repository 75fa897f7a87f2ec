"""Having Mosquitto 2.0 read its files again, without what goes wrong there for clients that are away.

It takes a client that is away for one whose certificate is missing, and so
- forgets what it may read: from then on nothing is kept for it. That matters for the ingester: somebody is there in its place;
- ends its connection once more. Where the client's session has an end (MQTT 5), that end is noted a second time, and one of the
  two notes outlives the session: when the client comes back, or when its time is over, Mosquitto crashes, or takes whoever lies
  in that place of its memory for expired. So before it reads, such sessions are taken over once, by MQTT 3.1.1, which gives
  them no end; their queue stays. Where that cannot be done, Mosquitto is to be stopped and started instead.
"""

from __future__ import annotations

import logging
import ssl
import subprocess
import time
from collections.abc import Callable, Collection

from broker import mosquitto
from broker.material import MaterialError, client_context
from broker.presence import present
from broker.probe import CertificateRefused, NotReached, handshake, local_address
from broker.watch import Watch
from settings import Settings

log = logging.getLogger("tds.broker")
# Taking over takes about 10 ms each, and a revocation waits for it.
MOST_HELD = 400
PATIENCE_SECONDS = 3.0


def reread(process: subprocess.Popen[bytes], settings: Settings, watch: Watch, hold: Callable[[Collection[str]], None]) -> bool:
    """Have it read its files again; tells whether it may go on running. `hold` takes over the sessions of those named."""
    away = watch.away()
    if 0 < len(away) <= MOST_HELD:
        hold(away)
        away = watch.away()
    if away:
        return False
    # Whoever left in the meantime may have left before it read.
    return (_reload_in_its_place(process, settings) or _reload_beside_it(process, settings, watch)) and not watch.away()


def _reload_in_its_place(process: subprocess.Popen[bytes], settings: Settings) -> bool:
    """Have it read while somebody is there for the ingester; tells whether somebody was."""
    try:
        with present(*_listener(settings), _context(settings), settings.mqtt_client_id) as stand_in:
            mosquitto.reload(process)
            stand_in.wait_for_a_round()
    except (MaterialError, CertificateRefused, NotReached) as error:
        log.info("nobody could be there for the ingester while the broker reads its files again: %s", error)
        return False
    return True


def _reload_beside_it(process: subprocess.Popen[bytes], settings: Settings, watch: Watch) -> bool:
    """Have it read while the ingester itself is connected, which came back too soon; tells whether it was there throughout."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not watch.own()[0] and time.monotonic() < until:
        time.sleep(0.05)
    before = watch.own()
    if not before[0]:
        return False
    try:
        mosquitto.reload(process)
        handshake(*_listener(settings), _context(settings))  # takes two rounds of its loop: so it has read by then
    except (MaterialError, CertificateRefused, NotReached):
        return False
    return watch.own() == before


def _listener(settings: Settings) -> tuple[str, int]:
    return local_address(settings.broker_bind), settings.mqtt_port


def _context(settings: Settings) -> ssl.SSLContext:
    context = client_context(settings.pki_dir)
    context.check_hostname = False
    return context
