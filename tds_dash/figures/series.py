"""The series of a chart: which devices it shows, in which order and colour, and what each bucket holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sql.consumption import OTHERS
from tds_dash import theme
from tds_dash.figures import axes
from tds_dash.wording import t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step


class DeviceFacts(Protocol):
    """What a device's row must have to be placed in a chart."""

    @property
    def id(self) -> int:
        """Its id; devices take their colours in this order."""

    @property
    def name(self) -> str | None:
        """What people call it."""

    @property
    def code(self) -> str:
        """Its code within its gateway, used where it has no name."""

    @property
    def resource(self) -> str:
        """What it measures."""

    @property
    def unit(self) -> str:
        """The unit of its consumption."""

    @property
    def kind(self) -> str:
        """Counter, interval or gauge."""


class ChartDevice(NamedTuple):
    """A device as a chart needs it; `position` is its place among its account's devices of that resource, from 0."""

    id: int
    name: str
    resource: str
    unit: str
    kind: str = "counter"
    position: int = 0


def placed(devices: Iterable[DeviceFacts]) -> list[ChartDevice]:
    """Give all devices of an account their places, by id within their resource: the place fixes the colour."""
    taken: dict[str, int] = {}
    found = []
    for device in sorted(devices, key=lambda device: device.id):
        position = taken.get(device.resource, 0)
        taken[device.resource] = position + 1
        found.append(ChartDevice(device.id, device.name or device.code, device.resource, device.unit, device.kind, position))
    return found


def by_unit(devices: Iterable[ChartDevice]) -> dict[tuple[str, str], list[ChartDevice]]:
    """Group devices by (resource, unit): each group is one chart, since two units never share an axis."""
    rank = {resource: index for index, resource in enumerate(theme.RESOURCES)}
    groups: dict[tuple[str, str], list[ChartDevice]] = {}
    for device in sorted(devices, key=lambda device: (rank.get(device.resource, len(rank)), device.unit, device.position)):
        groups.setdefault((device.resource, device.unit), []).append(device)
    return groups


@dataclass
class Bucket:
    """What one series holds in one bucket; `consumption` stays None while nothing covers it."""

    start: datetime
    consumption: Decimal | None = None
    estimated: Decimal = Decimal(0)
    covers: float = 0.0  # the measured shares of its devices, added up
    devices: int = 0  # that have any consumption in it
    readings: int = 0
    repeated: bool = False

    def add(self, row: ConsumptionRow) -> None:
        """Take in a device's row of this bucket."""
        if row.consumption is not None:
            self.consumption = row.consumption if self.consumption is None else self.consumption + row.consumption
            if row.estimated:
                self.estimated += row.estimated
            self.covers += row.coverage * row.devices
            self.devices += row.devices
        self.readings += row.readings
        self.repeated = self.repeated or row.bucket != self.start

    @property
    def coverage(self) -> float | None:
        """Give the mean measured share of its devices; None where none has any consumption."""
        return self.covers / self.devices if self.devices else None

    @property
    def measured(self) -> Decimal | None:
        """Give the part that is measured."""
        return None if self.consumption is None else self.consumption - self.estimated


@dataclass
class Series:
    """One colour of a chart: a device, or all the others together, which bear the number OTHERS."""

    name: str
    colour: str
    buckets: dict[str, Bucket]
    number: int = OTHERS


def gather(rows: Iterable[ConsumptionRow], step: Step, zone: tzinfo) -> dict[str, Bucket]:
    """Sum rows by their bucket's wall time.

    When clocks go back, two hours bear one wall time; they are one bar, so that keys are unique and sums hold.
    """
    buckets: dict[str, Bucket] = {}
    for row in sorted(rows, key=attrgetter("bucket")):
        key = axes.wall(row.bucket, zone, step)
        if key not in buckets:
            buckets[key] = Bucket(row.bucket)
        buckets[key].add(row)
    return buckets


def split(rows: Sequence[ConsumptionRow], devices: Sequence[ChartDevice], step: Step, zone: tzinfo, locale: str) -> list[Series]:
    """Give one series per device in fixed order, at most 12, the largest; what is left is one more, *others*.

    Rows may come with the others added up already (device OTHERS).
    """
    one_unit(devices)
    by_device: dict[int, list[ConsumptionRow]] = {number: [] for number in (OTHERS, *(device.id for device in devices))}
    for row in rows:
        if row.device_id in by_device:
            by_device[row.device_id].append(row)
    shown = largest(devices, by_device)
    colours = distinct(shown)
    series = [
        Series(device.name, colour, gather(by_device[device.id], step, zone), device.id)
        for device, colour in zip(shown, colours, strict=True)
    ]
    rest = [row for device in devices if device not in shown for row in by_device[device.id]] + by_device[OTHERS]
    if rest:
        name = t("chart.others", locale, n=len(devices) - len(shown))
        series.append(Series(name, theme.OTHERS_COLOUR, gather(rest, step, zone)))
    return series


def largest(devices: Sequence[ChartDevice], by_device: dict[int, list[ConsumptionRow]]) -> list[ChartDevice]:
    """Give at most 12 devices, those that consumed most, in the account's order."""
    chosen = sorted(devices, key=lambda device: -total(by_device[device.id]))[: theme.MOST_SERIES]
    return sorted(chosen, key=lambda device: (device.position, device.id))


def distinct(devices: Sequence[ChartDevice]) -> list[str]:
    """Give each device the shade of its place; where two of one chart would share it, the later takes a free one."""
    used: set[str] = set()
    colours = []
    for device in devices:
        shades = theme.device_shades(device.resource, theme.MOST_SERIES)
        start = device.position % len(shades)
        ring = shades[start:] + shades[:start]
        colour = next((shade for shade in ring if shade not in used), ring[0])
        used.add(colour)
        colours.append(colour)
    return colours


def total(rows: Iterable[ConsumptionRow]) -> Decimal:
    """Sum the consumption of rows."""
    return sum((row.consumption for row in rows if row.consumption is not None), Decimal(0))


def one_unit(devices: Iterable[ChartDevice]) -> str:
    """Give the unit that all devices share; ValueError where they have more than one."""
    units = {device.unit for device in devices}
    if len(units) > 1:
        raise ValueError(f"one chart, one unit: {', '.join(sorted(units))}")
    return units.pop() if units else ""


def together(
    series: Sequence[Series], step: Step, zone: tzinfo, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Bucket]:
    """Sum all series by bucket, in the order of time; with a period, its buckets without rows too."""
    whole: dict[str, Bucket] = {}
    if start is not None and end is not None:
        whole = {axes.wall(bucket, zone, step): Bucket(bucket) for bucket in reversed(axes.buckets(start, end, step, zone))}
    for one in series:
        for key, bucket in one.buckets.items():
            total = whole.get(key)
            if total is None:
                total = whole[key] = Bucket(bucket.start)
            if bucket.consumption is not None:
                total.consumption = bucket.consumption if total.consumption is None else total.consumption + bucket.consumption
                total.estimated += bucket.estimated
                total.covers += bucket.covers
                total.devices += bucket.devices
            total.readings += bucket.readings
            total.repeated = total.repeated or bucket.repeated
    return dict(sorted(whole.items()))


def covered(bucket: Bucket, step: Step, zone: tzinfo, now: datetime) -> float | None:
    """Give the mean measured share of a bucket over its devices, of the time that has passed, 0 to 1."""
    if bucket.coverage is None:
        return None
    passed = axes.elapsed(bucket.start, now, step, zone) or 1.0
    return min(1.0, bucket.coverage / passed)
