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
import subprocess
from collections.abc import Callable, Collection

from broker import mosquitto
from broker.material import MaterialError, client_context
from broker.presence import present
from broker.probe import CertificateRefused, NotReached, local_address
from broker.watch import Watch
from settings import Settings

log = logging.getLogger("tds.broker")
# Taking over takes about 10 ms each, and a revocation waits for it.
MOST_HELD = 400
ATTEMPTS = 3


def reread(process: subprocess.Popen[bytes], settings: Settings, watch: Watch, hold: Callable[[Collection[str]], None]) -> bool:
    """Have it read its files again; tells whether it may go on running. `hold` takes over the sessions of those named."""
    away = watch.away()
    if 0 < len(away) <= MOST_HELD:
        hold(away)
        away = watch.away()
    if away:
        return False
    if not any(_reload_in_its_place(process, settings) for _ in range(ATTEMPTS)):
        return False
    return not watch.away()  # who left in the meantime may have left before it read


def _reload_in_its_place(process: subprocess.Popen[bytes], settings: Settings) -> bool:
    """Have it read while somebody is there for the ingester; tells whether somebody was: the ingester may be back too soon."""
    try:
        context = client_context(settings.pki_dir)
        context.check_hostname = False
        with present(local_address(settings.broker_bind), settings.mqtt_port, context, settings.mqtt_client_id) as stand_in:
            mosquitto.reload(process)
            stand_in.wait_for_a_round()
    except (MaterialError, CertificateRefused, NotReached) as error:
        log.warning("nobody could be there for the ingester while the broker reads its files again: %s", error)
        return False
    return True
