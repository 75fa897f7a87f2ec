"""Tariffs of an account: listed, added, changed, removed; and the plan that tells which tariff and band a quarter-hour has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sql.errors import NotFound, Outdated, Refused
from sql.holidays import holidays
from sql.statements import statements
from sql.tariff_rules import BANDS, DAY_TYPES, QUARTERS, Terms, check_terms, clock, periods_of
from sql.units import canonical

FILE = "tariffs.sql"
ONE_DAY = timedelta(days=1)


class Tariff(NamedTuple):
    """A tariff as it is kept; `changed_by` is empty for the command line."""

    id: int
    account_id: int
    version: int
    changed_at: datetime | None
    changed_by: str | None
    terms: Terms

    @property
    def target(self) -> str:
        """Name it for the audit."""
        return f"{self.terms.resource} {self.terms.valid_from.isoformat()}"

    def facts(self) -> dict[str, object]:
        """Give what can be changed of it, by the names of the audit."""
        terms = self.terms
        prices = {f"price_{band}": price for band, price in terms.prices.items()}
        rest = {"demand_price": terms.demand, "standing_charge": terms.standing, "tax_percent": terms.tax}
        rest |= {"contracted_demand": terms.contracted} if terms.contracted else {}
        rest |= {"excess_tolerance": terms.tolerance, "excess_multiple": terms.excess} if terms.excess else {}
        return {"name": terms.name, "unit": terms.unit, **prices, "hours": hours_in_short(terms), **rest}


class Segment(NamedTuple):
    """Local days from one (included) to another (excluded) on which one tariff is valid, None where none is."""

    tariff: Tariff | None
    start: date
    end: date


class Plan(NamedTuple):
    """What a resource of an account costs when: its tariffs by day, and the days that count as holidays."""

    zone: str
    tariffs: tuple[Tariff, ...] = ()
    holidays: frozenset[date] = frozenset()

    def on(self, day: date) -> Tariff | None:
        """Give the tariff of a local day."""
        found = None
        for tariff in self.tariffs:
            if tariff.terms.valid_from > day:
                break
            found = tariff
        return found

    def segments(self, start: date, end: date) -> Iterator[Segment]:
        """Cut days into stretches of one tariff."""
        while start < end:
            later = [tariff.terms.valid_from for tariff in self.tariffs if tariff.terms.valid_from > start]
            until = min([end, *later])
            yield Segment(self.on(start), start, until)
            start = until

    def day_type(self, day: date) -> str:
        """Tell what kind of day a local day is."""
        if day in self.holidays:
            return DAY_TYPES[3]
        return DAY_TYPES[max(day.weekday() - 4, 0)]

    def band_at(self, tariff: Tariff, instant: datetime) -> str:
        """Give a tariff's band of the quarter-hour that begins at an instant."""
        wall = instant.astimezone(ZoneInfo(self.zone))
        return tariff.terms.band_of(self.day_type(wall.date()), wall.hour * 4 + wall.minute // 15)

    def places(self, start: date, end: date) -> tuple[list[date], list[int], list[int]]:
        """Give the days of tariffs with bands, of each the place before its first quarter-hour's band, and the bands by place."""
        banded = [tariff for tariff in self.tariffs if tariff.terms.schedule]
        bands = [band for tariff in banded for band in tariff.terms.schedule or ()]
        days, places = [], []
        for segment in self.segments(start, end):
            if segment.tariff is not None and segment.tariff.terms.schedule:
                first = banded.index(segment.tariff) * QUARTERS * len(DAY_TYPES)
                for day in each(segment.start, segment.end):
                    days.append(day)
                    places.append(first + DAY_TYPES.index(self.day_type(day)) * QUARTERS)
        return days, places, bands


def each(start: date, end: date) -> Iterator[date]:
    """Go through days, the end excluded."""
    while start < end:
        yield start
        start += ONE_DAY


def tariffs(connection: Connection, account_id: int) -> list[Tariff]:
    """List an account's tariffs by resource and day."""
    return [_tariff(row) for row in connection.execute(statements(FILE)["tariffs"], {"account": account_id})]


def find_tariff(connection: Connection, tariff_id: int, version: int | None = None, *, hold: bool = False) -> Tariff:
    """Give a tariff; `hold` it until the end of the transaction, and raise Outdated where it is not the version looked at."""
    if hold:
        connection.execute(statements(FILE)["hold_tariff"], {"id": tariff_id})
    row = connection.execute(statements(FILE)["tariff"], {"id": tariff_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such tariff")
    if version is not None and row.version != version:
        raise Outdated
    return _tariff(row)


def plan(connection: Connection, account_id: int, resource: str) -> Plan:
    """Give what a resource of an account costs when."""
    return plans(connection, account_id).get(resource) or Plan(zone_of(connection, account_id))


def plans(connection: Connection, account_id: int) -> dict[str, Plan]:
    """Give the plan of every resource that an account has a tariff for."""
    found: dict[str, list[Tariff]] = {}
    for tariff in tariffs(connection, account_id):
        found.setdefault(tariff.terms.resource, []).append(tariff)
    if not found:
        return {}
    zone, days = zone_of(connection, account_id), frozenset(one.day for one in holidays(connection, account_id))
    return {resource: Plan(zone, tuple(own), days) for resource, own in found.items()}


def zone_of(connection: Connection, account_id: int) -> str:
    """Give an account's time zone."""
    return str(connection.execute(statements(FILE)["zone"], {"account": account_id}).scalar_one())


def add_tariff(connection: Connection, account_id: int, terms: Terms) -> Tariff:
    """Add a tariff; raises Refused for one that cannot be, or whose day has one already."""
    binds = {**_kept(terms), "account": account_id, "resource": terms.resource, "valid_from": terms.valid_from}
    try:
        with connection.begin_nested():
            number = connection.execute(statements(FILE)["add_tariff"], binds).scalar_one()
    except IntegrityError:
        day = terms.valid_from.isoformat()
        said = f"there is a tariff of {terms.resource} from {day} on already"
        raise Refused(said, "tariff_taken", day=terms.valid_from) from None
    return find_tariff(connection, number)


def change_tariff(connection: Connection, before: Tariff, terms: Terms) -> Tariff:
    """Change a tariff; its resource and its day stay."""
    terms = terms._replace(resource=before.terms.resource, valid_from=before.terms.valid_from)
    connection.execute(statements(FILE)["change_tariff"], {**_kept(terms), "id": before.id})
    return find_tariff(connection, before.id)


def remove_tariff(connection: Connection, before: Tariff) -> None:
    """Remove a tariff: from its day on the one before it is valid again."""
    connection.execute(statements(FILE)["remove_tariff"], {"id": before.id})


def hours_in_short(terms: Terms) -> str:
    """Give the hours of a tariff's bands in one line, for the audit: `18:00-21:00 peak weekday`."""
    periods = periods_of(terms.schedule) if terms.schedule else []
    return ", ".join(f"{clock(one.start)}-{clock(one.end)} {one.band} {'/'.join(one.days)}" for one in periods)


def _kept(terms: Terms) -> dict[str, Any]:
    check_terms(terms)
    bands = terms.bands
    return {
        "name": terms.name.strip(),
        "unit": canonical(terms.unit),
        "bands": list(bands),
        "prices": [terms.prices[BANDS[band]] for band in bands],
        "schedule": list(terms.schedule) if terms.schedule else None,
        "demand": terms.demand,
        "standing": terms.standing,
        "tax": terms.tax,
        "contracted": terms.contracted,
        "tolerance": terms.tolerance,
        "excess": terms.excess,
    }


def _tariff(row: Any) -> Tariff:
    prices = dict(zip((BANDS[band] for band in row.bands), row.prices, strict=True))
    schedule: Sequence[int] | None = row.schedule
    terms = Terms(
        row.resource,
        row.valid_from,
        row.name,
        row.unit,
        prices,
        tuple(schedule) if schedule else None,
        row.demand_price,
        row.standing_charge,
        row.tax_percent,
        row.contracted_demand,
        row.excess_tolerance,
        row.excess_multiple,
    )
    return Tariff(row.id, row.account_id, row.version, row.changed_at, row.changed_by, terms)
