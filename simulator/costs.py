"""What the demo's accounts pay: a white tariff, a flat one with a demand charge, one in pounds; their holidays, budgets and invoices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from simulator.cast import AURORA, HARBOUR, VILA_VERDE
from simulator.world import World
from sql import fleet, invoices, tariffs
from sql.budgets import Budget, set_budget
from sql.held import hold
from sql.holidays import add_holidays, brazilian
from sql.invoices import Invoice
from sql.tariff_rules import Terms, white_tariff

RECORDED_BY = "demo@tds.example"  # who belongs to every account of the demo
BRAZIL = (AURORA, VILA_VERDE)
_WHITE = {"off_peak": "0.68412", "intermediate": "0.97953", "peak": "1.53276"}
# By account: resource, name, prices, whether by the white tariff's hours, then demand, standing charge, tax in percent.
_PRICES: Mapping[str, tuple[tuple[str, str, Mapping[str, str], bool, str, str, str], ...]] = {
    AURORA: (
        ("electricity", "Tarifa verde A4", {"all": "0.51247"}, False, "34.82", "0", "21"),
        ("water", "Industrial", {"all": "22.46"}, False, "0", "68.90", "0"),
        ("gas", "Industrial 2", {"all": "4.317"}, False, "0", "412.35", "12"),
    ),
    VILA_VERDE: (
        ("electricity", "Tarifa branca B3", _WHITE, True, "0", "26.40", "23.5"),
        ("water", "Coletiva", {"all": "14.82"}, False, "0", "41.20", "0"),
        ("gas", "Residencial coletiva", {"all": "7.905"}, False, "0", "18.75", "12"),
    ),
    HARBOUR: (
        ("electricity", "Half-hourly fixed", {"all": "0.24315"}, False, "1.92", "74.50", "20"),
        ("water", "Metered business", {"all": "3.184"}, False, "0", "14.20", "0"),
        ("gas", "Business gas", {"all": "0.872"}, False, "0", "31.60", "20"),
    ),
}
# Of a month, in money or units.
_BUDGETS = {
    AURORA: (("electricity", "money", "", "90000"), ("water", "money", "", "34500"), ("gas", "quantity", "m³", "4300")),
    VILA_VERDE: (("electricity", "money", "", "12800"), ("water", "quantity", "m³", "1500")),
    HARBOUR: (("electricity", "money", "", "21000"),),
}
# What suppliers asked, as a share of what was measured and of what it costs, the newest month first: mostly right.
_ASKED = (("1.032", "1.041"), ("1.004", "1.002"), ("0.998", "0.997"), ("1.001", "1.083"))
_BILLED = ("electricity", "water")
CONTRACTED = {AURORA: Decimal(345)}  # kW
EXCESS = (Decimal(5), Decimal(2))  # as in Brazil: beyond 5 percent more, twice the price on top
RISE = Decimal("1.062")  # what the regulator let prices rise by within the history
_PLACES = Decimal("0.00001")


def price(connection: Connection, world: World) -> None:
    """Give the demo's accounts their tariffs, holidays and budgets."""
    for account in world.accounts:
        found = fleet.find_account(connection, account.name)
        today = world.anchor.astimezone(ZoneInfo(found.timezone)).date()
        for terms in terms_of(account.name, today, world.months):
            tariffs.add_tariff(connection, found.id, terms)
        if account.name in BRAZIL:
            days = {one.day: one.name for year in range(today.year - 2, today.year + 2) for one in brazilian(year, found.locale)}
            add_holidays(connection, found.id, days)
        for resource, measure, unit, amount in _BUDGETS.get(account.name, ()):
            month = (today.replace(day=1) - timedelta(days=70)).replace(day=1)
            set_budget(connection, found.id, Budget(resource, month, measure, unit, Decimal(amount)))


def bill(connection: Connection, world: World, now: datetime) -> None:
    """Give the demo's accounts the invoices of their last months, once there are figures."""
    for account in world.accounts:
        found = fleet.find_account(connection, account.name)
        today = now.astimezone(ZoneInfo(found.timezone)).date()
        for resource in _BILLED:
            plan, end = tariffs.plan(connection, found.id, resource), today.replace(day=1)
            for quantity, amount in _ASKED:
                last = end - timedelta(days=1)
                end = last.replace(day=1)
                unit = "kWh" if resource == "electricity" else "m³"
                asked = Invoice(0, resource, end, last, Decimal(0), unit, Decimal(0), None, RECORDED_BY)
                held = hold(connection, found.id, plan, asked, found.currency, now)
                if held.measured and held.cost:
                    whole, cents = round(held.measured * Decimal(quantity)), round(held.cost * Decimal(amount), 2)
                    invoices.add_invoice(connection, found.id, asked._replace(quantity=Decimal(whole), amount=cents))


def contracted(account: str, resource: str) -> Decimal:
    """Give the demand that an account has contracted, in kW."""
    return CONTRACTED.get(account, Decimal(0)) if resource == "electricity" else Decimal(0)


def terms_of(account: str, today: date, months: int) -> list[Terms]:
    """Give an account's tariffs: from before its history, and dearer ones from half a year ago."""
    first = (today - timedelta(days=31 * months + 62)).replace(month=1, day=1)
    rise = (today - timedelta(days=160)).replace(day=15)
    made = []
    for resource, name, prices, white, demand, standing, tax in _PRICES.get(account, ()):
        unit = "kWh" if resource == "electricity" else "m³"
        exact = {band: Decimal(amount) for band, amount in prices.items()}
        hours = white_tariff() if white else None
        terms = Terms(
            resource,
            first,
            name,
            unit,
            exact,
            hours,
            Decimal(demand),
            Decimal(standing),
            Decimal(tax),
            contracted(account, resource),
            *(EXCESS if contracted(account, resource) else ()),
        )
        made.append(terms)
        if rise > first:
            dearer = {band: (amount * RISE).quantize(_PLACES) for band, amount in exact.items()}
            made.append(terms._replace(valid_from=rise, prices=dearer))
    return made
