"""Maximum demand as a file: what the page shows, its months, top quarter-hours and the devices' own maxima."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Blueprint, request

from sql.queries.meters import Meter
from tds_dash import doors, peaks_asked, sheets, view
from tds_dash.demand import PER_HOUR, Demand, demand_of
from tds_dash.peaks_view import NAMED, Asked
from tds_dash.sheets import Field, File, Sheet, wall
from tds_dash.wording import t

SECOND = timedelta(seconds=1)

blueprint = Blueprint("peaks", __name__)


def gather() -> File:
    """Give the peaks that the address asks for."""
    resource, months, month = (request.args.get(name) for name in ("resource", "months", "month"))
    behind, chosen = (view.numbers(request.args.get(name)) for name in ("gateways", "devices"))
    with doors.reading() as conn:
        asked, found = peaks_asked.read(conn, resource, months, behind, chosen, month)
    asked = asked._replace(locale=sheets.language())
    first, last = ((moment.astimezone(asked.zone)) for moment in (asked.start, asked.end - SECOND))
    name = f"peaks-{asked.resource}-{first:%Y-%m}-{last:%Y-%m}"
    return File(name, asked.locale, [months_sheet(asked, found), top_sheet(asked, found), devices_sheet(asked, found)])


sheets.serve(blueprint, "/_peaks/export", gather)


def months_sheet(asked: Asked, found: Demand[Meter]) -> Sheet:
    """Give a row for each month, newest first."""
    locale, unit = asked.locale, found.unit
    fields = [Field(t("step.month", locale), "month")]
    fields += [Field(f"{t(f'peaks.{name}', locale)} ({unit})", "number") for name in ("together", "alone")]
    fields += [Field(t("peaks.beyond", locale, unit=unit), "number")] if asked.excess else []
    fields += [Field(t("peaks.diversity", locale), "number"), Field(t("peaks.when", locale), "time")]

    def rows() -> Iterator[list[Any]]:
        for one in reversed(found.months):
            start = one.quarter.start if one.quarter else None
            month = sheets.bucket(one.month, "month", asked.zone)
            beyond = [asked.excess.get(one.month)] if asked.excess else []
            yield [month, one.together, one.alone, *beyond, one.diversity, wall(start, asked.zone)]

    return Sheet(t("peaks.title", locale), fields, rows())


def top_sheet(asked: Asked, found: Demand[Meter]) -> Sheet:
    """Give a row for each of the top quarter-hours, with the devices that made most of it."""
    locale = asked.locale
    names = {device.id: device.name for device in found.devices}
    fields = [Field("#", "count"), Field(t("peaks.when", locale), "time"), Field(found.unit, "number")]
    fields.append(Field(f"{t('chart.estimated', locale)} ({found.unit})", "number"))
    for place in range(1, NAMED + 1):
        fields += [Field(f"{t('peaks.made_by', locale)} {place}"), Field(f"{t('consumption.share', locale)} {place}", "share")]

    def rows() -> Iterator[list[Any]]:
        for place, quarter in enumerate(found.top, start=1):
            parts = [part for part in found.parts.get(quarter.start, []) if part.measured and part.quantity > 0][:NAMED]
            made = [cell for part in parts for cell in (names[part.device_id], sheets.share(part.quantity, quarter.quantity))]
            made += [None] * (2 * NAMED - len(made))
            yield [place, wall(quarter.start, asked.zone), demand_of(quarter), quarter.estimated * PER_HOUR, *made]

    return Sheet(t("peaks.top", locale), fields, rows())


def devices_sheet(asked: Asked, found: Demand[Meter]) -> Sheet:
    """Give a row for each device's own maximum, the largest first, with its part in the highest quarter-hour of all."""
    locale = asked.locale
    highest = found.parts.get(found.top[0].start, []) if found.top else []
    parts = {part.device_id: part.quantity * PER_HOUR for part in highest if part.measured}
    fields = [Field(t("field.device", locale)), Field(t("field.gateway", locale))]
    fields.append(Field(f"{t('peaks.own', locale)} ({found.unit})", "number"))
    fields += [Field(t("step.month", locale), "month"), Field(t("peaks.when", locale), "time")]
    fields.append(Field(f"{t('peaks.in_peak', locale)} ({found.unit})", "number"))

    def rows() -> Iterator[list[Any]]:
        for one in found.alone:
            month, moment = sheets.bucket(one.month, "month", asked.zone), wall(one.moment, asked.zone)
            yield [one.device.name, one.device.gateway_name, one.demand, month, moment, parts.get(one.device.id)]

    return Sheet(t("peaks.devices", locale), fields, rows())
