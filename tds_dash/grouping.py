"""What the explorer draws as one: each device, all devices of a gateway, or all of a resource; a chart for each unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from sql.queries.meters import Meter
from sql.ranked import Member, others
from sql.units import convert, convertible
from tds_dash.amounts import MAIN_UNIT
from tds_dash.figures import ChartDevice, placed
from tds_dash.theme import MOST_SERIES, RESOURCES, device_shades
from tds_dash.wording import t

DEVICE, GATEWAY, RESOURCE = "device", "gateway", "resource"
GROUPINGS = (DEVICE, GATEWAY, RESOURCE)


class Group(NamedTuple):
    """What is drawn as one: how a chart shows it, and its devices."""

    shown: ChartDevice
    devices: tuple[Meter, ...]

    @property
    def id(self) -> int:
        """Its number among all groups of a page."""
        return self.shown.id


class Chart(NamedTuple):
    """All groups of one resource and unit; two units never share an axis."""

    number: int
    resource: str
    unit: str
    groups: tuple[Group, ...]

    @property
    def shown(self) -> list[ChartDevice]:
        """Its groups as a chart shows them."""
        return [group.shown for group in self.groups]

    @property
    def devices(self) -> list[Meter]:
        """Its devices."""
        return [device for group in self.groups for device in group.devices]

    @property
    def series(self) -> int:
        """How many are drawn, the others as one."""
        return min(len(self.groups), MOST_SERIES + 1)

    @property
    def members(self) -> list[Member]:
        """Its devices as the database is asked to add them up."""
        return [
            Member(device.id, group.id, self.number, factor(device, self.unit))
            for group in self.groups
            for device in group.devices
        ]

    @property
    def numbers(self) -> set[int]:
        """The numbers under which its rows come, that of the others too."""
        return {group.id for group in self.groups} | {others(self.number)}


def unit_of(meter: Meter) -> str:
    """Give the unit in which a meter is shown: its resource's, where it can be brought to that."""
    main = MAIN_UNIT.get(meter.resource, meter.unit)
    return main if convertible(meter.unit, main) else meter.unit


def factor(meter: Meter, unit: str) -> Decimal:
    """Give what a meter's consumption is multiplied by to be in a unit."""
    return Decimal(1) if meter.unit == unit else convert(Decimal(1), meter.unit, unit)


def charts(known: Sequence[Meter], wanted: Iterable[Meter], grouping: str, locale: str) -> list[Chart]:
    """Make groups of the wanted meters, and a chart for each resource and unit; places, and so colours, are those among all known."""
    places = {one.id: one.position for one in placed(known)}
    gateways = gateway_places(known)
    parts: dict[tuple[str, str], dict[int, list[Meter]]] = {}
    for meter in sorted(wanted, key=lambda meter: meter.id):
        key = {DEVICE: meter.id, GATEWAY: meter.gateway_id}.get(grouping, 0)
        parts.setdefault((meter.resource, unit_of(meter)), {}).setdefault(key, []).append(meter)
    found: list[Chart] = []
    number = 0
    for resource, unit in sorted(parts, key=lambda part: (RESOURCES.index(part[0]), -size(parts[part]), part[1])):
        groups = []
        for meters in parts[resource, unit].values():
            number = meters[0].id if grouping == DEVICE else number + 1
            first = meters[0]
            name, place = {
                DEVICE: (first.name or first.code, places[first.id]),
                GATEWAY: (first.gateway_name, gateways[resource].get(first.gateway_id, 0)),
            }.get(grouping, (t(f"resource.{resource}", locale), 0))
            groups.append(Group(ChartDevice(number, name, resource, unit, first.kind, place), tuple(meters)))
        found.append(Chart(len(found), resource, unit, tuple(sorted(groups, key=lambda group: (group.shown.position, group.id)))))
    return found


def size(groups: dict[int, list[Meter]]) -> int:
    """Count the devices of groups."""
    return sum(len(meters) for meters in groups.values())


def gateway_places(known: Iterable[Meter]) -> dict[str, dict[int, int]]:
    """Give each gateway its place among those that meter a resource, by id: the place fixes the colour."""
    ids: dict[str, set[int]] = {}
    for meter in known:
        ids.setdefault(meter.resource, set()).add(meter.gateway_id)
    return {resource: {gateway: place for place, gateway in enumerate(sorted(found))} for resource, found in ids.items()}


def colour_of(meter: Meter, known: Iterable[Meter]) -> str:
    """Give a device its colour."""
    place = next((one.position for one in placed(known) if one.id == meter.id), 0)
    return device_shades(meter.resource, MOST_SERIES)[place % MOST_SERIES]
