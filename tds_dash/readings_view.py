"""What the readings page answers: the selection, its place in the order of readings, its table and its export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash.development.base_component import Component

from sql.queries.devices import Device
from sql.queries.gateways import Gateway
from sql.queries.readings import HORIZON, Position, ReadingsPage
from tds_dash.components import empty_state, readings_table
from tds_dash.reading_lines import named
from tds_dash.still import still
from tds_dash.view import day_of, midnight, no_day
from tds_dash.wording import t

PAGE = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=2)  # a gateway's clock may be ahead; what is stored shows


class Selection(NamedTuple):
    """Which readings are looked at."""

    gateway: Gateway | None
    device: Device | None
    start: datetime
    end: datetime
    first: date | None
    last: date | None
    remark: str

    def holds(self, device: Device) -> bool:
        """Tell whether a device's readings are among them."""
        return (self.gateway is None or device.gateway_id == self.gateway.id) and (
            self.device is None or device.id == self.device.id
        )

    def said(self, locale: str) -> str:
        """Say what is not as it was asked for."""
        return t(self.remark, locale) if self.remark else ""


def days(first: object, last: object, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime, date | None, date | None, str]:
    """Read the two days, both included; an open end reaches as far as there are readings."""
    begin, end = day_of(first), day_of(last)
    remark = no_day(first, last)
    if begin and end and begin > end:
        return now - HORIZON, now + AHEAD, None, None, "period.wrong_order"
    start = midnight(begin, zone) if begin else now - HORIZON
    return start, midnight(end + timedelta(days=1), zone) if end else now + AHEAD, begin, end, remark


def written(edge: Position | None, way: str) -> str:
    """Write a place as an address holds it, such as `older.1764000000000000.17`."""
    return f"{way}.{(edge.time - EPOCH) // timedelta(microseconds=1)}.{edge.device_id}" if edge else ""


def position(given: object) -> tuple[Position | None, Position | None]:
    """Read a place: (before, after), of which one or none is set."""
    way, _, rest = str(given or "").partition(".")
    micros, _, device = rest.partition(".")
    if way not in ("older", "newer") or not all(
        part.isascii() and part.isdigit() and len(part) < 17 for part in (micros, device)
    ):
        return None, None
    place = Position(EPOCH + timedelta(microseconds=int(micros)), min(int(device), 2**31 - 1))
    return (place, None) if way == "older" else (None, place)


def table(
    page: ReadingsPage, known: Sequence[Device], chosen: Selection, now: datetime, zone: ZoneInfo, locale: str
) -> Component:
    """Give the page as a table, or say why it is empty."""
    if page.readings:
        return still(readings_table(named(page.readings, known), zone=zone, now=now, locale=locale))
    narrowed = chosen.gateway or chosen.device or chosen.first or chosen.last
    key = "readings.empty" if narrowed else "readings.empty_account"
    return empty_state(t(key, locale), t(f"{key}_text", locale))


def export(chosen: Selection, locale: str) -> str:
    """Give the address of the whole selection as CSV."""
    after = chosen.last + timedelta(days=1) if chosen.last else None
    query = {
        "gateway": chosen.gateway.id if chosen.gateway else None,
        "device": chosen.device.id if chosen.device else None,
        "from": chosen.first,
        "to": after,
        "locale": locale,
    }
    return f"/api/v1/export/readings.csv?{urlencode({name: value for name, value in query.items() if value})}"
