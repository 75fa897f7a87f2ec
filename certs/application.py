"""What a gateway says of itself at its first boot: decoded and checked, and how often it is listened to. No network, no database."""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from certs.authority import GATEWAY_NAME, key_mark
from certs.requests import read_request
from sql.errors import Refused

SIZE_LIMIT = 8 * 1024
WORD = re.compile(r"[^\x00-\x1f\x7f]{0,64}")
# Together the gateways of a thousand-piece batch, switched on at once, are through in two minutes.
PER_SECOND, BURST = 10.0, 200.0
# The same words of the same gateway: it repeats itself once a minute, and at once when it has lost its connection. Only the same
# words, or whoever sends anything at all in a gateway's name would silence it.
SECONDS_BETWEEN = 1.0
REMEMBERED = 20_000
# Who sends without end was heard just now: half of what is listened to is for the others, who would get no word in otherwise.
NEW_AFTER_SECONDS = 30.0


@dataclass(frozen=True)
class Application:
    """One gateway's wish for a certificate; `key` tells its public key from any other."""

    mac: str
    serial_number: str
    model: str
    firmware: str
    request: str
    key: str


def read_application(topic_mac: str, payload: bytes) -> Application:
    """Decode what was sent to a MAC's topic; raises Refused, or AuthorityError for a request that cannot be signed."""
    if len(payload) > SIZE_LIMIT:
        raise Refused(f"it is larger than {SIZE_LIMIT} bytes")
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Refused("it is not JSON") from error
    if not isinstance(told, dict):
        raise Refused("it is not a JSON object")
    mac = _word(told, "mac").lower()
    if not GATEWAY_NAME.fullmatch(mac):
        raise Refused("mac is not a MAC address such as aa:bb:cc:dd:ee:ff")
    if mac != topic_mac:
        raise Refused("mac is not that of the topic")
    serial, request = _word(told, "serial"), told.get("csr")
    if not serial:
        raise Refused("serial is missing: the number on the gateway's label")
    if not isinstance(request, str) or not request.isascii() or "\0" in request:
        raise Refused("csr is missing: a certificate signing request in PEM format")
    key = key_mark(read_request(request.encode("ascii"), mac))
    return Application(mac, serial, _word(told, "model"), _word(told, "firmware"), request, key)


@dataclass
class Bucket:
    """So many a second, and what was not used of late."""

    tokens: float = BURST / 2
    at: float = 0.0

    def takes(self, now: float) -> bool:
        """Tell whether one more is within the measure."""
        self.tokens, self.at = min(BURST / 2, self.tokens + max(now - self.at, 0) * PER_SECOND / 2), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Allowance:
    """How much is listened to: so many a second of all, half of it for those that were not heard lately; the same not too often."""

    def __init__(self, at: float = 0.0) -> None:
        self.for_all, self.for_new = Bucket(at=at), Bucket(at=at)
        self.last: OrderedDict[bytes, float] = OrderedDict()
        self.heard: OrderedDict[str, float] = OrderedDict()

    def admits(self, mac: str, payload: bytes, now: float) -> bool:
        """Tell whether this one is listened to now; time is given, in seconds."""
        before = self.heard.get(mac)
        is_new = before is None or now - before >= NEW_AFTER_SECONDS
        mark = hashlib.sha256(mac.encode() + payload).digest()
        said = self.last.get(mark)
        if said is not None and now - said < SECONDS_BETWEEN:
            return False
        if not (is_new and self.for_new.takes(now)) and not self.for_all.takes(now):
            return False
        _remember(self.last, mark, now)
        _remember(self.heard, mac, now)
        return True


def _remember(known: OrderedDict[Any, float], key: object, now: float) -> None:
    known[key] = now
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)


def _word(told: dict[str, Any], name: str) -> str:
    given = told.get(name, "")
    if not isinstance(given, str) or not WORD.fullmatch(given) or not given.isprintable():
        raise Refused(f"{name} is not a text of at most 64 printable characters")
    return given.strip()
