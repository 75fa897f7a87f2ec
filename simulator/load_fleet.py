"""The gateways of a load run: registered in an account of their own, with values that any instant gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import text

from simulator.gateway import Shown
from sql import fleet, rollups
from sql.engine import Store
from sql.errors import Refused

ACCOUNT = "simulation"
MOST_GATEWAYS, MOST_DEVICES = 65_536, 32
_EPOCH_MS = 1_577_836_800_000  # 1 January 2020: registers stood at their base then
_DAY_MS = 86_400_000


class Sort(NamedTuple):
    """One sort of meter: what it is registered as, and thousandths of its unit per hour (a level has none)."""

    kind: str
    resource: str
    unit: str
    hourly: int


SORTS = (
    Sort("counter", "water", "m³", 640),
    Sort("counter", "electricity", "kWh", 12_345),
    Sort("counter", "gas", "m³", 910),
    Sort("gauge", "temperature", "°C", 0),
)


class Station(NamedTuple):
    """One registered gateway: its MAC, and the ids of its devices in the order of their codes."""

    mac: str
    device_ids: tuple[int, ...]


def mac_of(number: int) -> str:
    """Give the MAC of a simulated gateway: locally administered, so that no real one has it."""
    return f"02:7d:51:00:{number >> 8:02x}:{number & 255:02x}"


def code_of(place: int) -> str:
    """Give the code of a device by its place."""
    return f"D{place + 1:02}"


def thousandths(place: int, micros: int) -> int:
    """Give what the device at a place shows at an instant (epoch microseconds), in thousandths of its unit."""
    sort, ms = SORTS[place % len(SORTS)], micros // 1000
    if sort.kind == "gauge":
        return 18_000 + abs(ms % _DAY_MS - _DAY_MS // 2) * 9_000 // _DAY_MS
    return 1_000_000 * (place + 1) + (ms - _EPOCH_MS) * sort.hourly // 3_600_000


def shown(devices: int, micros: int) -> list[Shown]:
    """Give one value of each device of a gateway at an instant."""
    values = []
    for place in range(devices):
        whole, rest = divmod(thousandths(place, micros), 1000)
        values.append(Shown(code_of(place), f"{whole}.{rest:03}", SORTS[place % len(SORTS)].unit))
    return values


def register_stations(
    store: Store, gateways: int, devices: int, rate: float, zone: str, locale: str, say: Callable[[str], None]
) -> list[Station]:
    """Register what is missing of the account `simulation`, in one transaction, and give every station asked for."""
    if not (1 <= gateways <= MOST_GATEWAYS and 1 <= devices <= MOST_DEVICES):
        raise Refused(f"ask for 1 to {MOST_GATEWAYS} gateways of 1 to {MOST_DEVICES} devices each")
    wanted = [mac_of(number) for number in range(gateways)]
    with store.transaction() as connection:
        if ACCOUNT not in {account.name for account in fleet.list_accounts(connection)}:
            fleet.add_account(connection, ACCOUNT, timezone=zone, locale=locale)
        owners = {gateway.mac: gateway.account for gateway in fleet.list_gateways(connection) if gateway.retired_at is None}
        _refuse_strangers(owners, wanted)
        known = _devices(store, wanted)
        interval = max(1, min(900, math.ceil(gateways / rate)))
        if len(known) < gateways * devices:
            say(f"registering {gateways} gateways of {devices} devices in the account {ACCOUNT}")
        for mac in wanted:
            if mac not in owners:
                fleet.add_gateway(connection, mac, ACCOUNT, name=f"Simulated {mac[-5:]}", capacity=MOST_DEVICES)
            for place in range(devices):
                if (mac, code_of(place)) not in known:
                    sort = SORTS[place % len(SORTS)]
                    facts = {"kind": sort.kind, "resource": sort.resource, "unit": sort.unit, "interval": interval}
                    fleet.add_device(connection, mac, code_of(place), **facts)
    rollups.add_missing_zones(store)
    known = _devices(store, wanted)
    return [Station(mac, tuple(known[mac, code_of(place)] for place in range(devices))) for mac in wanted]


def _refuse_strangers(owners: dict[str, str], wanted: Sequence[str]) -> None:
    for mac in wanted:
        if owners.get(mac, ACCOUNT) != ACCOUNT:
            raise Refused(f"the gateway {mac} belongs to the account {owners[mac]}: a simulation must not write there")


def _devices(store: Store, macs: Sequence[str]) -> dict[tuple[str, str], int]:
    with store.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT g.mac, d.code, d.id FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id"
                " WHERE g.mac = any(:macs) AND g.retired_at IS NULL AND d.retired_at IS NULL"
            ),
            {"macs": list(macs)},
        )
        return {(mac, code): device_id for mac, code, device_id in rows}
