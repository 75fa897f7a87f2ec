"""How many failed tries are let through, and for whom they count; nobody's mistakes lock anybody else out.

A stranger's failures count for the pair of e-mail and address, for the address, and, more slowly, for the e-mail wherever they
come from. A browser in which the person has signed in before is counted by itself alone, and an address where they have been
signed in before for the pair alone: so however many strangers guess, the person still gets in where they usually do.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections.abc import Sequence
from typing import Any

from flask import Response, current_app, request

from sql import attempts, sessions
from sql.attempts import Bucket, Limit
from tds_dash.identity import store

PER_PAIR = Limit(5, 300)
PER_ADDRESS = Limit(50, 300)
PER_EMAIL = Limit(60, 3600)
PER_BROWSER = Limit(10, 300)
PER_CODE = Limit(5, 300)
PER_PERSON_CODE = Limit(20, 3600)
PER_MAIL = Limit(3, 3600)
DEVICE_COOKIE = "tds-device"
DEVICE_SECONDS = 180 * 86_400


def for_sign_in(email: str, user_id: int | None) -> list[Bucket]:
    """Give what a try to sign in counts for."""
    browser, place = known_browser(user_id), known_place(user_id)
    if browser:
        return [Bucket(PER_BROWSER, "browser", (browser,))]
    pair = Bucket(PER_PAIR, "pair", (email, address()))
    return [pair] if place else [pair, Bucket(PER_ADDRESS, "address", (address(),)), Bucket(PER_EMAIL, "email", (email,))]


def known_place(user_id: int | None) -> bool:
    """Tell whether this person has been signed in from this address before; asked of nobody too, who must not be told by the time it takes."""
    with store().transaction(user_id=user_id or 0) as conn:
        return sessions.has_been_at(conn, user_id or 0, request.remote_addr or "")


def for_code(user_id: int) -> list[Bucket]:
    """Give what a try with a code, or with one's own password once signed in, counts for."""
    browser = known_browser(user_id)
    if browser:
        return [Bucket(PER_CODE, "browser-code", (browser,))]
    return [Bucket(PER_CODE, "code", (str(user_id), address())), Bucket(PER_PERSON_CODE, "codes", (str(user_id),))]


def for_mail(email: str) -> list[Bucket]:
    """Give what asking for a mail counts for: whoever asks, nobody's post box is filled."""
    return [Bucket(PER_MAIL, "mail", (email,)), Bucket(PER_ADDRESS, "mails", (address(),))]


def admit(buckets: Sequence[Bucket]) -> int:
    """Count a try; gives 0 where it may go on, else the seconds to wait."""
    with store().transaction() as conn:
        return attempts.admit(conn, buckets)


def forget(buckets: Sequence[Bucket]) -> None:
    """Take back a counted try, which did not fail."""
    with store().transaction() as conn:
        attempts.forget(conn, buckets)


def address() -> str:
    """Give where the request comes from; of IPv6 the network, since a house has as many addresses as it likes."""
    given = request.remote_addr or ""
    try:
        found = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return given
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))


def known_browser(user_id: int | None) -> str | None:
    """Give the name of this browser where this person has signed in with it within half a year."""
    owner, since, name, mark = ([*request.cookies.get(DEVICE_COOKIE, "").split("."), "", "", "", ""])[:4]
    genuine = hmac.compare_digest(mark.encode("utf-8", "replace"), _mark(owner, since, name).encode())
    if not genuine or owner != str(user_id) or time.time() - int(since) > DEVICE_SECONDS:
        return None
    return name


def remember_browser(response: Response, user_id: int) -> None:
    """Have the browser known from now on."""
    parts = (str(user_id), str(int(time.time())), known_browser(user_id) or secrets.token_urlsafe(12))
    given: dict[str, Any] = {"httponly": True, "samesite": "Lax", "secure": current_app.config["SESSION_COOKIE_SECURE"]}
    response.set_cookie(DEVICE_COOKIE, ".".join((*parts, _mark(*parts))), max_age=DEVICE_SECONDS, **given)


def _mark(*parts: str) -> str:
    """Sign what the cookie says: only we know browsers."""
    key = f"tds browser {current_app.config['SECRET_KEY']}".encode()
    return hmac.new(key, ".".join(parts).encode("utf-8", "replace"), "sha256").hexdigest()
