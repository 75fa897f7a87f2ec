"""What the consumption page answers: its chart, title, totals, table and export, or why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import no_update

from sql.consumption import OTHERS
from sql.queries.devices import Device
from tds_dash.amounts import amount, in_main_unit
from tds_dash.components import consumption_table, empty_state
from tds_dash.figures import ChartDevice, by_unit, consumption_bars
from tds_dash.still import still
from tds_dash.view import MOST_YEARS, Span
from tds_dash.wording import date as day_in_words
from tds_dash.wording import number, percent, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

Answer = tuple[Any, ...]


class Shown(NamedTuple):
    """What is looked at: which devices, chosen or all of a resource, over which period, at which step."""

    resource: str
    devices: list[ChartDevice]
    chosen: bool
    span: Span
    step: Step
    asked: Step | None
    now: datetime
    zone: ZoneInfo
    locale: str
    revised: Mapping[datetime, datetime] = {}


def metered(device: Device | ChartDevice, resource: object) -> bool:
    """Tell whether a device counts consumption of a resource."""
    return device.kind != "gauge" and device.resource == resource


def answer(shown: Shown, rows: Sequence[ConsumptionRow]) -> Answer:
    """Give the filled card."""
    devices, rows = in_main_unit(shown.devices, rows)
    group = next(iter(by_unit(devices).values()))
    ids = {device.id for device in group} | {OTHERS}
    kept = [row for row in rows if row.device_id in ids]
    words = {"unit": group[0].unit, "step": t(f"step.per_{shown.step}", shown.locale)}
    title = t("chart.titled", shown.locale, resource=t(f"resource.{shown.resource}", shown.locale), **words)
    common: dict[str, Any] = {"step": shown.step, "zone": shown.zone, "now": shown.now, "locale": shown.locale}
    common |= {"revised": shown.revised}
    figure = consumption_bars(kept, group, start=shown.span.start, end=shown.span.end, view=view_of(shown), **common)
    table = still(consumption_table(kept, group, title=title, **common))
    left_out = len(devices) - len(group)
    return (
        figure,
        title,
        totals(shown, kept, group),
        table,
        False,
        None,
        True,
        remark(shown, left_out),
        export(shown),
        drawn(shown),
    )


def nothing(shown: Shown) -> Answer:
    """Give the sentence that says why there is nothing, in place of the card."""
    if shown.devices:
        first, last = days_of(shown)
        dates = {"from_date": day_in_words(first, shown.locale), "to_date": day_in_words(last, shown.locale)}
        state = empty_state(
            t("consumption.empty", shown.locale), t("consumption.empty_text", shown.locale, **dates), icon="bar-chart-line"
        )
    else:
        state = empty_state(
            t("consumption.empty_account", shown.locale),
            t("consumption.empty_account_text", shown.locale),
            action=t("overview.empty_action", shown.locale),
            href="/gateways",
            icon="bar-chart-line",
        )
    return (no_update, no_update, "", None, True, state, False, remark(shown, 0), export(shown), drawn(shown))


def totals(shown: Shown, rows: Sequence[ConsumptionRow], group: Sequence[ChartDevice]) -> str:
    """Say the total of the period, how much of it is estimated and how much of the period was measured."""
    passed = min(shown.now, shown.span.end) - shown.span.start
    whole = amount(rows, shown.step, shown.zone, max(passed, timedelta(0)), len(group))
    estimated = sum(row.estimated or 0 for row in rows)
    share = estimated / whole.quantity if whole.quantity else None
    said = [number(whole.quantity, shown.locale, group[0].unit, significant=6)]
    if share is not None:
        said.append(t("consumption.estimated_share", shown.locale, percent=percent(share, shown.locale, 1)))
    said.append(t("consumption.coverage", shown.locale, percent=percent(whole.coverage, shown.locale)))
    return " · ".join(said)


def remark(shown: Shown, left_out: int) -> str:
    """Say what is not as it was asked for."""
    said = []
    if shown.span.remark:
        said.append(t(shown.span.remark, shown.locale, years=MOST_YEARS))
    if shown.asked:
        words = {"asked": t(f"step.{shown.asked}", shown.locale), "step": t(f"step.{shown.step}", shown.locale)}
        said.append(t("consumption.step_widened", shown.locale, **{name: word.lower() for name, word in words.items()}))
    if left_out:
        said.append(t("consumption.other_units", shown.locale, n=left_out))
    return " ".join(said)


def export(shown: Shown) -> str:
    """Give the address of the same figures as CSV."""
    first, last = days_of(shown)
    which = [("device", device.id) for device in shown.devices] if shown.chosen else [("resource", shown.resource)]
    query = [*which, ("step", shown.step), ("from", first), ("to", last + timedelta(days=1)), ("locale", shown.locale)]
    return f"/api/v1/export/consumption.csv?{urlencode(query)}"


def drawn(shown: Shown) -> dict[str, str]:
    """Say what is drawn, for what a click on it opens."""
    return {"step": shown.step, "from": shown.span.start.isoformat(), "to": shown.span.end.isoformat()}


def days_of(shown: Shown) -> tuple[date, date]:
    """Give the first and the last local day of the period."""
    first = shown.span.start.astimezone(shown.zone).date()
    last = (shown.span.end - timedelta(seconds=1)).astimezone(shown.zone).date()
    return first, last


def view_of(shown: Shown) -> str:
    """Name the view: while it stays, so does the reader's zoom."""
    devices = ",".join(str(device.id) for device in shown.devices) if shown.chosen else "all"
    return f"{shown.resource} {devices} {shown.step} {shown.span.start:%Y%m%d%H} {shown.span.end:%Y%m%d%H}"
