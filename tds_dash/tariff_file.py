"""Tariffs, budgets and holidays as a file, as their page lists them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from sql import tariffs
from sql.budgets import Budget, budgets
from sql.holidays import holidays
from sql.tariffs import Tariff
from tds_dash import doors, sheets, tariffs_view
from tds_dash.identity import account
from tds_dash.sheets import Field, File, Sheet
from tds_dash.wording import t

blueprint = Blueprint("tariffs", __name__)


def gather() -> File:
    """Give the account's tariffs, budgets and holidays."""
    language = sheets.language()
    with doors.transaction() as conn:
        found, limits, days = tariffs.tariffs(conn, account().id), budgets(conn, account().id), holidays(conn, account().id)
    heads = [
        Field(t("field.resource", language)),
        Field(t("tariffs.valid_from", language), "day"),
        Field(t("field.name", language)),
    ]
    heads += [Field(t("costs.line", language)), Field(f"{t('costs.price', language)} ({account().currency})", "price")]
    heads += [Field(t("field.unit", language)), Field(t("tariffs.hours", language))]
    ordered = sorted(found, key=lambda one: (one.terms.resource, -one.terms.valid_from.toordinal()))
    priced = Sheet(t("tariffs.title", language), heads, [row for one in ordered for row in tariff_rows(one, language)])
    heads = [Field(t("field.resource", language)), Field(t("tariffs.from_month", language), "month")]
    heads += [Field(t("tariffs.per_month", language), "number"), Field(t("field.unit", language))]
    planned = Sheet(t("tariffs.budgets", language), heads, [budget_row(one, language) for one in limits])
    heads = [Field(t("tariffs.day", language), "day"), Field(t("field.name", language))]
    free = Sheet(t("tariffs.holidays", language), heads, [[one.day, one.name] for one in reversed(days)])
    return File("tariffs", language, [priced, planned, free])


sheets.serve(blueprint, "/_tariffs/export", gather)


def tariff_rows(one: Tariff, language: str) -> list[list[Any]]:
    """Give a row for each price and charge of a tariff, with the hours of a band."""
    terms = one.terms
    head = [t(f"resource.{terms.resource}", language), terms.valid_from, terms.name]
    hours = tariffs_view.hours_of(terms, language)
    rows: list[list[Any]] = [
        [*head, t(f"costs.band_{band}", language), price, terms.unit, "; ".join(hours.get(band, []))]
        for band, price in terms.prices.items()
    ]
    per_month = t("tariffs.per_month", language)
    for name, value, unit in (
        ("demand", terms.demand, "kW"),
        ("contracted", terms.contracted, "kW"),
        ("tolerance", terms.tolerance, "%"),
        ("excess", terms.excess, "×"),
        ("standing", terms.standing, per_month),
        ("tax", terms.tax, "%"),
    ):
        rows += [[*head, t(f"tariffs.field_{name}", language), value, unit, None]] if value else []
    return rows


def budget_row(one: Budget, language: str) -> list[Any]:
    """Give a budget's cells."""
    unit = account().currency if one.measure == "money" else one.unit
    return [t(f"resource.{one.resource}", language), one.month, one.amount, unit]
