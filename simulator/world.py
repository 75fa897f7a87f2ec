"""The demo world: three accounts in two time zones, their people, gateways and meters, and what befell the meters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from simulator.cast import CAST, NEWCOMER, PEOPLE, AccountPart, DevicePart, Person
from simulator.meters import MILLION, SLOT, Flags, Gauge, Integers, Interval, Meter, Register, Replacement
from sql.calendar import first_instant, months_later

SEED = 20_260_218
MOMENTS = {"rollover": 0.55, "replacement": 0.70, "zeros": 0.85}  # as a share of the history
Window = tuple[int, int]


@dataclass(frozen=True)
class Incidents:
    """What was not received (gaps) and what was received as 0 though the meter stood elsewhere (epoch seconds, end exclusive)."""

    gaps: tuple[Window, ...] = ()
    zeros: tuple[Window, ...] = ()

    def missing(self, times: Integers) -> Flags:
        """Tell for each instant whether its reading never arrived."""
        return _inside(times, self.gaps)

    def zeroed(self, times: Integers) -> Flags:
        """Tell for each instant whether the bus gave 0 instead of the register."""
        return _inside(times, self.zeros)


class Recorded(NamedTuple):
    """When a meter was replaced, what the old register showed last and the new one first, in units."""

    at: datetime
    final: Decimal
    initial: Decimal


@dataclass(frozen=True)
class Device:
    """One meter behind a gateway: how it is registered, what it shows, what befell it."""

    code: str
    part: DevicePart
    meter: Meter
    incidents: Incidents

    @property
    def kind(self) -> str:
        """Give counter, interval or gauge."""
        return "gauge" if isinstance(self.meter, Gauge) else "interval" if isinstance(self.meter, Interval) else "counter"

    @property
    def modulus(self) -> Decimal | None:
        """Give where the register wraps, in units."""
        wraps = self.meter.modulus if isinstance(self.meter, Register) else None
        return None if wraps is None else Decimal(wraps // MILLION)

    @property
    def replacement(self) -> Recorded | None:
        """Give the replacement of the meter as a person records it, if it had one."""
        meter = self.meter
        if not isinstance(meter, Register) or meter.replacement is None:
            return None
        final, initial = (Decimal(millionths) / MILLION for millionths in (meter.final(), meter.replacement.initial))
        return Recorded(datetime.fromtimestamp(meter.replacement.at, UTC), final, initial)


@dataclass(frozen=True)
class Gateway:
    """One gateway and the devices behind it."""

    mac: str
    name: str
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class Account:
    """One tenant of the demo."""

    part: AccountPart
    gateways: tuple[Gateway, ...]

    @property
    def name(self) -> str:
        """Give the account's name."""
        return self.part.name


@dataclass(frozen=True)
class World:
    """Everything the demo shows; the same for the same anchor and months, wherever and whenever it is built."""

    anchor: datetime
    months: int
    accounts: tuple[Account, ...]

    @property
    def people(self) -> tuple[Person, ...]:
        """Give who may sign in."""
        return PEOPLE

    @cached_property
    def gateways(self) -> tuple[Gateway, ...]:
        """Give every gateway of every account."""
        return tuple(gateway for account in self.accounts for gateway in account.gateways)

    def devices(self) -> Iterator[tuple[Account, Gateway, Device]]:
        """Go through every device with its account and gateway."""
        for account in self.accounts:
            for gateway in account.gateways:
                for device in gateway.devices:
                    yield account, gateway, device


def build_world(anchor: datetime, months: int, seed: int = SEED) -> World:
    """Build the world whose history reaches `months` back from the day of `anchor`, the instant it was first set up."""
    accounts, numbers = [], iter(range(1, 256))
    for part in CAST:
        span = (history_start(anchor, months, part.timezone), int(anchor.timestamp()) // SLOT * SLOT)
        gateways = []
        for gateway in part.gateways:
            number = next(numbers)
            chance = random.Random(seed * 1000 + number)  # noqa: S311  (chance, not secrecy)
            outage = _windows(chance, span, 1, 8, 120)  # the gateway itself: two hours to thirty
            devices = tuple(
                _device(seed * 100_000 + number * 100 + place, f"D{place:02}", device, part.timezone, span, outage)
                for place, device in enumerate(gateway.devices, start=1)
            )
            gateways.append(Gateway(f"02:7d:50:00:00:{number:02x}", gateway.name, devices))
        accounts.append(Account(part, tuple(gateways)))
    return World(anchor, months, tuple(accounts))


def build_newcomer(mac: str, anchor: datetime, months: int, zone: str, seed: int = SEED) -> Gateway:
    """Build the gateway that belongs to nobody yet: its meters count, and nobody has their history."""
    span = (history_start(anchor, months, zone), int(anchor.timestamp()) // SLOT * SLOT)
    devices = tuple(
        _device(seed * 100_000 + 99_000 + place, f"D{place:02}", device, zone, span, ())
        for place, device in enumerate(NEWCOMER.devices, start=1)
    )
    return Gateway(mac, NEWCOMER.name, devices)


def history_start(anchor: datetime, months: int, zone: str) -> int:
    """Give the local midnight (epoch seconds) of the day `months` calendar months before the anchor's."""
    today = anchor.astimezone(ZoneInfo(zone)).date()
    return int(first_instant(months_later(today, -months), zone).timestamp())


def _device(seed: int, code: str, part: DevicePart, zone: str, span: Window, outage: tuple[Window, ...]) -> Device:
    chance = random.Random(seed)  # noqa: S311
    step = int(part.resolution * MILLION)
    gaps = outage + _windows(chance, span, chance.randint(1, 3), 4, 28)  # one to seven hours
    if part.climate is not None:
        return Device(code, part, Gauge(seed, zone, part.climate, step), Incidents(gaps))
    assert part.load is not None
    start = chance.randrange(20_000, 400_000) * step
    register = Register(seed, zone, part.load, int(part.full_load * MILLION), step, span[0], start)
    if part.story == "interval":
        return Device(code, part, Interval(register), Incidents(gaps))
    if part.story in MOMENTS:
        moment = _moment(span, MOMENTS[part.story])
        gaps = tuple(gap for gap in gaps if gap[1] < moment - 8 * SLOT or gap[0] > moment + 16 * SLOT)
        gaps = gaps or ((_moment(span, 0.4), _moment(span, 0.4) + 9 * SLOT),)
        return Device(code, part, _befallen(register, part, moment), Incidents(gaps, _zeros(part, moment)))
    return Device(code, part, register, Incidents(gaps))


def _befallen(register: Register, part: DevicePart, moment: int) -> Register:
    """Give the register that wraps, or is replaced, at its moment."""
    if part.story == "rollover":
        wraps = int(part.modulus * MILLION)
        return replace(register, modulus=wraps, start=wraps - register.total_at(moment))
    if part.story == "replacement":
        return replace(register, replacement=Replacement(moment + SLOT // 2))
    return register


def _zeros(part: DevicePart, moment: int) -> tuple[Window, ...]:
    """Give the run of zeros at its moment, over before the glitch window of two hours is."""
    return ((moment, moment + 5 * SLOT),) if part.story == "zeros" else ()


def _windows(chance: random.Random, span: Window, count: int, shortest: int, longest: int) -> tuple[Window, ...]:
    """Choose windows of so many quarter-hours within the middle of a span."""
    starts = (_moment(span, chance.uniform(0.03, 0.95)) for _ in range(count))
    return tuple((start, start + chance.randint(shortest, longest) * SLOT) for start in starts)


def _moment(span: Window, share: float) -> int:
    """Give the quarter-hour at a share of a span."""
    return (span[0] + int((span[1] - span[0]) * share)) // SLOT * SLOT


def _inside(times: Integers, windows: tuple[Window, ...]) -> Flags:
    inside = np.zeros(times.shape, dtype=np.bool_)
    for low, high in windows:
        inside |= (times >= low) & (times < high)
    return inside
