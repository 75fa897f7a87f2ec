"""Rejections as people see them: pages, groups, what was not even kept, and asking to try them again."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql.errors import NotFound, Refused
from sql.statements import statements

FILE = "rejections.sql"
REASONS = (
    "not_json", "schema", "mac_mismatch", "unknown_gateway", "unknown_device", "inactive_device", "bad_timestamp", "future_timestamp",
    "too_old", "bad_value", "negative_value", "unit_mismatch", "conflicting_duplicate", "too_large",
)  # fmt: skip
# What may be stored once something else was changed: the register of gateways and devices, a device's unit or kind.
MENDABLE = ("unknown_gateway", "unknown_device", "inactive_device", "unit_mismatch", "negative_value")


class Rejection(NamedTuple):
    """A message, or a part of one, that was not stored; `size` is that of the payload in bytes, whatever was asked for of it."""

    id: int
    received_at: datetime
    reason: str
    detail: str
    gateway_id: int | None
    gateway_mac: str
    gateway_name: str | None
    device_code: str | None
    topic: str
    size: int
    payload: bytes

    def document(self) -> dict[str, Any]:
        """Give it as programs get it: the payload as text where it is UTF-8, and in Base64."""
        try:
            text: str | None = self.payload.decode()
        except UnicodeDecodeError:
            text = None
        encoded = b64encode(self.payload).decode()
        return {**self._asdict(), "payload": text, "payload_base64": encoded}


class Position(NamedTuple):
    """A place in the order of rejections."""

    time: datetime
    id: int


class RejectionsPage(NamedTuple):
    """One page, newest first, and the positions from which the older and the newer page are asked; None: there is none."""

    rejections: list[Rejection]
    older: Position | None
    newer: Position | None


class Wanted(NamedTuple):
    """Which rejections: of an account, or of none; by reason, gateway and time of arrival [start, end). None leaves it open."""

    account: int | None
    reason: str | None = None
    gateway: int | None = None
    start: datetime | None = None
    end: datetime | None = None


class Group(NamedTuple):
    """Rejections of one reason, gateway and device; `newest` is one of them, `groups` how many groups there are."""

    reason: str
    gateway_id: int | None
    gateway_mac: str
    gateway_name: str | None
    device_code: str | None
    number: int
    first_at: datetime
    last_at: datetime
    newest: int
    in_use: bool
    groups: int

    @property
    def mendable(self) -> bool:
        """Whether trying again can help."""
        return self.in_use and self.reason in MENDABLE


class Unkept(NamedTuple):
    """What of one gateway was refused and not even kept."""

    gateway_id: int | None
    gateway_mac: str | None
    gateway_name: str | None
    kept: int
    unkept: int
    first_at: datetime
    last_at: datetime


class Replay(NamedTuple):
    """A request to try rejections again; `stored` and `known` are readings, `refused` parts that stay rejected."""

    id: int
    gateway_id: int
    gateway_mac: str
    gateway_name: str
    device_code: str | None
    reasons: list[str]
    asked_at: datetime
    tried: int
    stored: int
    known: int
    refused: int
    finished_at: datetime | None


def rejections_page(
    connection: Connection,
    wanted: Wanted,
    limit: int,
    before: Position | None = None,
    after: Position | None = None,
    cut: int = 2**31 - 1,
) -> RejectionsPage:
    """Give a page, newest first, next to a position or from the newest on; payloads cut to so many bytes."""
    place = after or before or Position(None, None)  # type: ignore[arg-type]
    binds = {**wanted._asdict(), "id": None, "limit": limit + 1, "cut": cut, "time": place.time, "before": place.id}
    rows = connection.execute(statements(FILE)["newer_rejections" if after else "rejections"], binds)
    found = [_rejection(row) for row in rows]
    page, more = found[:limit], len(found) > limit
    page = page[::-1] if after else page
    older = page[-1] if page and (more or after) else None
    newer = page[0] if page and (before or (after and more)) else None
    return RejectionsPage(page, *(Position(edge.received_at, edge.id) if edge else None for edge in (older, newer)))


def all_rejections(connection: Connection, account: int | None, limit: int | None) -> list[Rejection]:
    """List the newest rejections of an account, or those of no account, with their payloads; None: all of them."""
    binds = {**Wanted(account)._asdict(), "id": None, "limit": limit, "cut": 2**31 - 1, "time": None, "before": None}
    return [_rejection(row) for row in connection.execute(statements(FILE)["rejections"], binds)]


def find_rejection(connection: Connection, rejection_id: int, account: int | None = None) -> Rejection:
    """Find a rejection with its whole payload, of one account where it is given; raises NotFound."""
    row = connection.execute(statements(FILE)["find"], {"id": rejection_id, "account": account}).one_or_none()
    if row is None:
        raise NotFound(f"there is no rejection {rejection_id}: `tds rejection list` shows them")
    return _rejection(row)


def groups(connection: Connection, wanted: Wanted, limit: int) -> list[Group]:
    """Sum up what was rejected, the largest groups first."""
    rows = connection.execute(statements(FILE)["groups"], {**wanted._asdict(), "limit": limit})
    return [Group(*row) for row in rows]


def unkept(connection: Connection, account: int | None, gateway: int | None = None) -> list[Unkept]:
    """Tell which gateways sent more than was kept of them, the worst first."""
    rows = connection.execute(statements(FILE)["unkept"], {"account": account, "gateway": gateway})
    return [Unkept(*row) for row in rows]


def try_again(connection: Connection, rejection: Rejection) -> Replay:
    """Ask to try again whatever the rejection's gateway sent of the same device and was refused for the same reason."""
    if rejection.reason not in MENDABLE:
        raise Refused(
            f"what was rejected as {rejection.reason} stays as it is: sent again it would be rejected again", "not_mendable"
        )
    gateway = rejection.gateway_id or _gateway_of(connection, rejection.gateway_mac)
    return _ask(connection, gateway, rejection.device_code, [rejection.reason])


def replays(connection: Connection, account: int | None, since: datetime | None, limit: int = 20) -> list[Replay]:
    """List the newest requests of an account, or of all."""
    return _replays(connection, account=account, since=since, limit=limit)


def find_replay(connection: Connection, replay_id: int) -> Replay:
    """Find a request as it stands; raises NotFound."""
    found = _replays(connection, id=replay_id)
    if not found:
        raise NotFound(f"there is no request {replay_id}")
    return found[0]


def newest_replay(connection: Connection, gateway_id: int, code: str | None, reasons: list[str]) -> Replay | None:
    """Find the newest request of just this."""
    return next(iter(_replays(connection, gateway=gateway_id, code=code, reasons=reasons)), None)


def _ask(connection: Connection, gateway_id: int, code: str | None, reasons: list[str]) -> Replay:
    binds = {"gateway": gateway_id, "code": code, "reasons": reasons}
    asked = connection.execute(statements(FILE)["ask"], binds).scalar()
    if asked is not None:
        return find_replay(connection, asked)
    waiting = newest_replay(connection, gateway_id, code, reasons)
    if waiting is None or waiting.finished_at is not None:
        raise Refused("the gateway is retired: there is nothing to try again", "gateway_retired")
    return waiting


def _gateway_of(connection: Connection, mac: str) -> int:
    gateway = connection.execute(statements(FILE)["gateway_of"], {"mac": mac}).scalar()
    if gateway is None:
        raise Refused(f"no gateway {mac} is registered: add it first with `tds gateway add`", "unregistered", mac=mac)
    return int(gateway)


def _replays(connection: Connection, limit: int = 1, **given: object) -> list[Replay]:
    binds = dict.fromkeys(("account", "id", "gateway", "code", "reasons", "since")) | given | {"limit": limit}
    return [Replay(*row) for row in connection.execute(statements(FILE)["replays"], binds)]


def _rejection(row: tuple[object, ...]) -> Rejection:
    found = Rejection(*row)  # type: ignore[arg-type]
    return found._replace(payload=bytes(found.payload))
