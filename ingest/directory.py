"""Who is who: MAC and code to ids, unit, kind and zone, held in memory and kept true by the database's notices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from psycopg2.extensions import connection as Connection

from sql.statements import raw_statements

CHANNEL = "tds_directory"
NEVER = timedelta.max


class Device(msgspec.Struct, frozen=True):
    """What resolving needs of a device; `active` is false where it was switched off or retired.

    A reading that arrives later than `late_after` comes when the device has been silent already.
    """

    id: int
    unit: str
    kind: str
    active: bool
    late_after: timedelta = NEVER


class Gateway(msgspec.Struct):
    """A gateway in use, the zone its account reads times in, its devices by code, the shortest and the longest of their `late_after`.

    What was taken up to `others_until` is another account's, which had this gateway before.
    """

    id: int
    account_id: int
    zone: ZoneInfo
    devices: dict[str, Device]
    late_after: timedelta = NEVER
    all_late_after: timedelta = timedelta(0)
    others_until: datetime | None = None


class Directory:
    """The register as last read; reading it again replaces it whole, looking up replaces some gateways."""

    def __init__(self) -> None:
        self.gateways: dict[str, Gateway] = {}

    def load(self, connection: Connection) -> None:
        """Read the whole register; in a transaction of its own."""
        self.gateways = _read(connection, None)

    def look_up(self, connection: Connection, macs: Iterable[str]) -> None:
        """Read some gateways anew, because something of theirs was not found."""
        wanted = sorted({mac for mac in macs if "\0" not in mac})
        found = _read(connection, wanted)
        for mac in wanted:
            self.gateways.pop(mac, None)
        self.gateways.update(found)


def _read(connection: Connection, macs: list[str] | None) -> dict[str, Gateway]:
    gateways: dict[str, Gateway] = {}
    with connection, connection.cursor() as cursor:
        cursor.execute(raw_statements("intake.sql")["directory"], {"macs": macs})
        for mac, gateway_id, account_id, zone, code, device_id, unit, kind, active, silence, others_until in cursor:
            gateway = gateways.get(mac)
            if gateway is None:
                gateway = gateways[mac] = Gateway(gateway_id, account_id, ZoneInfo(zone), {}, others_until=others_until)
            if code is not None:
                late_after = timedelta(seconds=silence)
                gateway.devices[code] = Device(device_id, unit, kind, active, late_after)
                gateway.late_after = min(gateway.late_after, late_after)
                gateway.all_late_after = max(gateway.all_late_after, late_after)
    return gateways
