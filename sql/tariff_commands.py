"""Commands about tariffs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from settings import Settings
from sql import audit, fleet, tariffs
from sql.commands import owner_transaction, show
from sql.device_rules import shown
from sql.errors import Refused
from sql.tariff_rules import BANDS, DAY_TYPES, MEASURED_IN, Period, Terms, quarter_of, schedule_of

COLUMNS = (
    "id",
    "resource",
    "valid_from",
    "name",
    "unit",
    "prices",
    "hours",
    "demand_price",
    "standing_charge",
    "tax_percent",
    "contracted_demand",
    "excess_tolerance",
    "excess_multiple",
)


def tariff_add(settings: Settings, args: Namespace) -> None:
    """Add a tariff; what it makes anew follows with the worker, or with the next `tds ledger drain`."""
    terms = _terms(args)
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        made = tariffs.add_tariff(connection, account.id, terms)
        audit.command(connection, account.id, "tariff.added", made.target, after=made.facts())
    print(f"Added the tariff {made.id}: {made.target}.")


def tariff_list(settings: Settings, args: Namespace) -> None:
    """List an account's tariffs by resource and day."""
    with owner_transaction(settings) as connection:
        account = fleet.find_account(connection, args.account)
        found = tariffs.tariffs(connection, account.id)
    rows = [{**facts(one), "currency": account.currency} for one in found]
    if not args.json:
        for row in rows:
            row["prices"] = ", ".join(f"{band} {price}" for band, price in dict(row["prices"]).items())  # type: ignore[call-overload]
    show(args.json, rows, COLUMNS)


def tariff_remove(settings: Settings, args: Namespace) -> None:
    """Remove a tariff."""
    with owner_transaction(settings) as connection:
        before = tariffs.find_tariff(connection, args.id)
        tariffs.remove_tariff(connection, before)
        audit.command(connection, before.account_id, "tariff.removed", before.target, before=before.facts())
    print(f"Removed the tariff {before.id}: {before.target}.")


def facts(tariff: tariffs.Tariff) -> dict[str, object]:
    """Give a tariff as JSON shows it."""
    terms = tariff.terms
    return {
        "id": tariff.id,
        "resource": terms.resource,
        "valid_from": terms.valid_from.isoformat(),
        "name": terms.name,
        "unit": terms.unit,
        "prices": dict(terms.prices),
        "hours": tariffs.hours_in_short(terms),
        "demand_price": terms.demand,
        "standing_charge": terms.standing,
        "tax_percent": terms.tax,
        "contracted_demand": terms.contracted,
        "excess_tolerance": terms.tolerance,
        "excess_multiple": terms.excess,
    }


def _terms(args: Namespace) -> Terms:
    try:
        day = date.fromisoformat(args.start)
    except ValueError:
        raise Refused(f"{shown(args.start)} is not a date: write 2026-02-18") from None
    zero = Decimal(0)
    unit = args.unit or MEASURED_IN.get(args.resource, ("",))[0]
    more: dict[str, Any] = {"demand": args.demand or zero, "standing": args.standing or zero, "tax": args.tax or zero}
    more |= {name: getattr(args, name) or zero for name in ("contracted", "tolerance", "excess")}
    name = args.name or args.resource
    if args.price is not None:
        if args.band or args.hours or args.rest:
            raise Refused("give one --price, or prices by --band with their --hours")
        return Terms(args.resource, day, name, unit, {"all": args.price}, **more)
    prices = dict(_pair(given) for given in args.band)
    if not prices:
        raise Refused("give a --price, or prices by --band with their --hours")
    schedule = schedule_of((_period(given) for given in args.hours), _band(args.rest or "off_peak"))
    return Terms(args.resource, day, name, unit, prices, schedule, **more)


def _pair(given: str) -> tuple[str, Decimal]:
    band, _, price = given.partition("=")
    try:
        return _band(band), Decimal(price)
    except InvalidOperation:
        raise Refused(f"{shown(given)} is no price of a band: write peak=1.48") from None


def _period(given: str) -> Period:
    parts = given.split("=")
    ends = parts[2].split("-") if len(parts) == 3 else []
    days = parts[1].split(",") if len(parts) == 3 else []
    if len(ends) != 2 or not all(day in DAY_TYPES for day in days):
        raise Refused(f"{shown(given)} says no hours: write peak=weekday=18:00-21:00")
    return Period(tuple(days), quarter_of(ends[0]), quarter_of(ends[1]), _band(parts[0]))


def _band(given: str) -> str:
    names: Sequence[str] = BANDS[1:]
    if given not in names:
        raise Refused(f"a band is {', '.join(names[:-1])} or {names[-1]}, not {shown(given)}")
    return given
