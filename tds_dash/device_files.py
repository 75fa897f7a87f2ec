"""What a device's page shows as files: its history, or its readings where these are seen; its load; its days against a temperature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Blueprint, request

from sql.consumption import ConsumptionRow
from sql.queries.devices import Device
from sql.queries.readings import all_readings
from tds_dash import degree_panel, degree_view, doors, history_panel, history_view, load_panel, load_view, sheets
from tds_dash.degree_view import KINDS
from tds_dash.figures import axes
from tds_dash.history_view import Found, Looked
from tds_dash.load_view import Loaded
from tds_dash.sheets import Field, File, Sheet, wall
from tds_dash.wording import t
from tds_dash.zoom import READINGS

PERIOD = ("period", "from", "to")

blueprint = Blueprint("devices", __name__)


def history(device_id: str) -> File:
    """Give what is seen of the history, by the step that it is drawn with, or reading by reading."""
    controls = tuple(request.args.get(name) for name in (*PERIOD, "step", "zoom"))
    with doors.reading() as conn:
        looked, found, device = history_panel.look(conn, device_id, controls, request.args.get("temperature"))
    looked = looked._replace(locale=sheets.language())
    first, last = (f"{moment.astimezone(looked.zone):%Y-%m-%d-%H%M}" for moment in (looked.span.start, looked.span.end))
    what = "readings" if looked.drawn == READINGS else "history"
    shown = [readings_sheet(looked, device)] if looked.drawn == READINGS else [history_sheet(looked, found)]
    if looked.drawn == READINGS and looked.beside is not None:
        shown.append(levels_sheet(looked, found))
    return File(f"{what}-{name_of(device)}-{first}-{last}", looked.locale, shown)


def load(device_id: str) -> File:
    """Give the load of the period asked for: week, average day, duration, base load, and nights of what flows."""
    with doors.reading() as conn:
        device = doors.device_for_user(conn, device_id)
        found = load_panel.loaded(conn, device, load_period())
    found = found._replace(locale=sheets.language())
    shown = [week_sheet(found), day_sheet(found), duration_sheet(found), *base_sheet(found), *nights_sheet(found)]
    return File(f"load-{named(found)}", found.locale, shown)


def degrees(device_id: str) -> File:
    """Give the days of the load's period against the temperature beside."""
    language = sheets.language()
    with doors.reading() as conn:
        device = doors.device_for_user(conn, device_id)
        found = degree_panel.against(conn, device, load_period(), request.args.get("temperature"))
    if found is None:
        return File(
            f"degrees-{name_of(device)}",
            language,
            [Sheet(t("degree.waiting", language), [Field(t("step.day", language), "day")], [])],
        )
    unit, lines = device.unit, {one.name: one.relation for one in found.kept}
    fields = [
        Field(t("step.day", language), "day"),
        Field(t("degree.kind", language)),
        Field(f"{found.gauge.name} ({found.gauge.unit})", "number"),
    ]
    fields += [Field(f"{t(f'degree.{name}', language)} ({unit})", "number") for name in ("consumed", "by_line")]
    rows: list[list[Any]] = []
    for day in sorted(found.days, reverse=True):
        relation = lines[KINDS[day.weekend]]
        by_line = round(relation.at(day.temperature), 3) if relation else None
        kind = t(f"load.{KINDS[day.weekend]}", language)
        rows.append([day.day, kind, round(day.temperature, 2), round(day.consumption, 3), by_line])
    return File(f"degrees-{named(found)}", language, [Sheet(degree_view.title(found._replace(locale=language)), fields, rows)])  # fmt: skip


sheets.serve(blueprint, "/_device/<device_id>/history", history, "history")
sheets.serve(blueprint, "/_device/<device_id>/load", load, "load")
sheets.serve(blueprint, "/_device/<device_id>/degrees", degrees, "degrees")


def load_period() -> Any:
    """Give the period that the load is asked of, as its page reads it."""
    return load_panel.period_of(request.args.get("profile"), *(request.args.get(name) for name in PERIOD))


def name_of(device: Device) -> str:
    """Name a device in a file's name: by its gateway's MAC and its code."""
    return f"{device.gateway_mac.replace(':', '')}-{device.code}"


def named(found: Any) -> str:
    """Name a device and the days that are looked at."""
    first, last = (moment.astimezone(found.zone).date() for moment in (found.span.start, found.span.end - axes.SHORT["15min"]))
    return f"{name_of(found.device)}-{first.isoformat()}-{last.isoformat()}"


def readings_sheet(looked: Looked, device: Device) -> Sheet:
    """Give every reading of what is seen, oldest first as they came: the chart may show an outline, this is all of them."""
    locale = looked.locale

    def rows() -> Iterator[list[Any]]:
        with doors.reading() as conn:
            for reading in all_readings(conn, device.id, looked.span.start, looked.span.end):
                yield [wall(reading.time, looked.zone), reading.value]

    fields = [Field(t("field.time", locale), "second"), Field(f"{t('field.value', locale)} ({device.unit})", "number")]
    return Sheet(history_view.title(looked), fields, rows())


def history_sheet(looked: Looked, found: Found) -> Sheet:
    """Give a row for each bucket, oldest first: a meter's consumption, or a gauge's level; the temperature that is drawn beside."""
    locale, unit, gauge = looked.locale, looked.device.unit, looked.device.kind == "gauge"
    fields = [Field(t("chart.bucket", locale), sheets.holds(looked.step))]
    if gauge:
        fields += [Field(f"{t(f'chart.{name}', locale)} ({unit})", "number") for name in ("mean", "minimum", "maximum")]
    else:
        fields += [Field(f"{t('chart.consumption', locale)} ({unit})", "number"), Field(t("chart.estimated", locale), "share")]
    fields.append(Field(t("chart.coverage", locale), "share"))
    fields += [Field(t("revised.key", locale), "time")] if looked.revised else []
    fields += [Field(f"{looked.beside.name} ({looked.beside.unit})", "number")] if looked.beside else []
    levels = {row.bucket: row.mean for row in found.beside}

    def rows() -> Iterator[list[Any]]:
        for row in sorted(found.rows, key=lambda one: one.bucket):
            own: list[Any] = [row.mean, row.minimum, row.maximum]
            if not gauge:
                own = [row.consumption, sheets.share(row.estimated, row.consumption)]
            own += [coverage(row, looked)]
            own += [wall(looked.revised.get(row.bucket), looked.zone)] if looked.revised else []
            own += [levels.get(row.bucket)] if looked.beside else []
            yield [sheets.bucket(row.bucket, looked.step, looked.zone), *own]

    return Sheet(history_view.title(looked), fields, rows())


def coverage(row: ConsumptionRow, looked: Looked) -> float:
    """Give the measured share of what has passed of a bucket."""
    passed = axes.elapsed(row.bucket, looked.now, looked.step, looked.zone) or 1.0
    return round(min(1.0, float(row.coverage) / passed), 6)


def levels_sheet(looked: Looked, found: Found) -> Sheet:
    """Give the temperature that stands beside readings, by the step in which it is drawn."""
    assert looked.beside is not None
    name = f"{looked.beside.name} ({looked.beside.unit})"
    fields = [Field(t("chart.bucket", looked.locale), sheets.holds(looked.step)), Field(name, "number")]
    return Sheet(name, fields, [[sheets.bucket(row.bucket, looked.step, looked.zone), row.mean] for row in found.beside])


def week_sheet(found: Loaded) -> Sheet:
    """Give the mean of every hour of the week: a row per hour, a column per weekday."""
    known = {(cell.weekday, cell.hour): cell.mean for cell in found.profile.week}
    fields = [Field(t("load.hour_heading", found.locale), "count")]
    fields += [Field(t(f"calendar.weekday_{day}", found.locale), "number") for day in range(1, 8)]
    rows = [[hour, *(known.get((day, hour)) for day in range(1, 8))] for hour in range(24)]
    return Sheet(load_view.titles(found)[0], fields, rows)


def day_sheet(found: Loaded) -> Sheet:
    """Give the average day: of working days and weekends the mean and both edges of the band."""
    known = {(one.weekend, one.hour): one for one in found.profile.day}
    kinds = ((False, t("load.weekdays", found.locale)), (True, t("load.weekends", found.locale)))
    fields = [Field(t("load.hour_heading", found.locale), "count")]
    fields += [
        Field(f"{kind}, {t(f'load.{edge}', found.locale)}", "number") for _, kind in kinds for edge in ("mean", "low", "high")
    ]
    rows: list[list[Any]] = []
    for hour in range(24):
        row: list[Any] = [hour]
        for weekend, _ in kinds:
            one = known.get((weekend, hour))
            row += [one.mean, one.low, one.high] if one else [None, None, None]
        rows.append(row)
    return Sheet(load_view.titles(found)[1], fields, rows)


def duration_sheet(found: Loaded) -> Sheet:
    """Give every point of the duration curve."""
    fields = [Field(t("load.share_of_time", found.locale), "share"), Field(found.unit, "number")]
    return Sheet(load_view.titles(found)[2], fields, [[share, level] for share, level in found.duration.points])


def base_sheet(found: Loaded) -> Sequence[Sheet]:
    """Give what is used at night, at weekends and around the clock, in units, as a share, as a level and in money; nothing of a gauge."""
    base, costs, locale = found.base, found.costs, found.locale
    if base is None:
        return []
    fields = [Field(t("load.base", locale)), Field(f"{t('chart.consumption', locale)} ({found.device.unit})", "number")]
    fields += [Field(t("consumption.share", locale), "share"), Field(f"{t('chart.mean', locale)} ({found.unit})", "number")]
    fields.append(Field(f"{t('costs.column', locale)} ({found.currency})", "money"))
    rows = [
        [t(f"load.{name}", locale), part, sheets.share(part, whole), level, cost]
        for name, part, whole, level, cost in (
            ("night", base.night, base.quantity, base.night_level, costs.night),
            ("weekend", base.weekend, base.quantity, base.weekend_level, costs.weekend),
            ("always", base.always, base.days_quantity, base.always_level, costs.always),
        )
    ]
    return [Sheet(t("load.base", locale), fields, rows)]


def nights_sheet(found: Loaded) -> Sequence[Sheet]:
    """Give the nights of what flows, newest first; nothing of anything else."""
    if not found.nights:
        return []
    fields = [Field(t("load.night_of", found.locale), "day"), Field(t("load.least", found.locale, unit=found.unit), "number")]
    fields.append(Field(t("load.flowed", found.locale, unit=found.device.unit), "number"))
    rows = [[night.evening, night.least, night.quantity] for night in reversed(found.nights)]
    return [Sheet(t("load.nights", found.locale, unit=found.unit), fields, rows)]
