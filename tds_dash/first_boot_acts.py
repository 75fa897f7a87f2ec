"""Carrying out what was asked for of gateways at their first boot: the role first, then the store, which counts what names nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dash.development.base_component import Component

from sql import claims
from sql.claims import Claim, Expected, Label, Waiting
from sql.errors import Refused
from sql.orders import find_authority
from tds_dash import auditing, doors, wording
from tds_dash.certificates_view import Shown
from tds_dash.components import sentence
from tds_dash.identity import account, locale, store, zone
from tds_dash.rights import is_admin, require_admin
from tds_dash.typed import line
from tds_dash.wording import t

LONGEST_TYPED = 200
MOST_DEVICES = 32


class Situation(NamedTuple):
    """What there is to show of first boot, and whether the authority is there to sign."""

    expected: list[Expected]
    claims: list[Claim]
    demonstration: Label | None
    at_work: bool


class Typed(NamedTuple):
    """What the dialog holds, as it arrives."""

    mac: object
    serial: object
    name: object = None
    capacity: object = None
    again: object = None
    reason: object = None


def situation(now: datetime) -> Situation:
    """Give what there is to show to this request's person."""
    with doors.transaction() as conn:
        authority = find_authority(conn)
        there = authority is not None and authority.is_there(now)
        return Situation(claims.expected(conn), claims.claims(conn), claims.demonstration(conn), there)


def shown(now: datetime) -> Shown:
    """Give how it is shown."""
    return Shown(now, zone(), locale(), is_admin())


def look(typed: Typed) -> Waiting:
    """Give what the gateway of a label says of itself; raises Refused."""
    mac, serial = label(typed)
    require_admin()
    return claims.look(store(), account().id, auditing.actor(), mac, serial)


def take(typed: Typed) -> Component:
    """Take a gateway into the account, and say so; raises Refused."""
    mac, serial = label(typed)
    require_admin()
    name, capacity = text(typed.name), devices(typed.capacity)
    claims.claim(store(), account().id, auditing.actor(), mac, serial, name, capacity, typed.again is True)
    return sentence("first_boot.taken", locale(), gateway=name or mac)


def turn_away(typed: Typed) -> Component:
    """Refuse a gateway, and say so; raises Refused."""
    mac, serial = label(typed)
    require_admin()
    claims.refuse(store(), account().id, auditing.actor(), mac, serial, text(typed.reason))
    return sentence("first_boot.turned_away", locale(), mac=mac)


ACTS: dict[str, Callable[[Typed], Component]] = {"take": take, "refuse": turn_away}


def label(typed: Typed) -> Label:
    """Read MAC and serial number as they were typed; raises Refused where one of them is none."""
    mac, serial = text(typed.mac), text(typed.serial)
    if not mac or not serial:
        raise Refused("MAC address and serial number are on the label", "label")
    try:
        return claims.read_label(mac, serial)
    except Refused as error:
        raise Refused(str(error), "not_a_mac") from error


def devices(given: object) -> int:
    """Read how many devices a gateway may have; raises Refused where that is no such number."""
    digits = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < 3 and 1 <= int(digits) <= MOST_DEVICES):
        raise Refused(f"a gateway has between 1 and {MOST_DEVICES} devices", "capacity")
    return int(digits)


def text(given: Any) -> str:
    """Read a line of text as it was typed."""
    return line(given, LONGEST_TYPED + 1)


def refusal(error: Refused) -> str:
    """Say why something was refused, in the reader's language."""
    key = f"first_boot.refused.{error.key}"
    return t(key, locale()) if key in wording.words(wording.known(locale())) else str(error)


def moment() -> datetime:
    """Give the present instant."""
    return datetime.now(UTC)
