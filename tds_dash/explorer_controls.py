"""The explorer's controls: what to see, over which period, in which steps, beside what; set as the address sets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from sql.consumption import STEPS
from tds_dash import comparing, grouping, periods, view
from tds_dash.components import period_picker, segmented
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.choosers import chooser
from tds_dash.components.files import files, picture
from tds_dash.exploring import BESIDE, METERED, STACKED, Asked
from tds_dash.wording import t

PAGE = "consumption"


def what(asked: Asked, language: str) -> Component:
    """Give what to see: grouped how, of which resource, of which devices."""
    groups = [(name, t(f"consumption.group_{name}", language)) for name in grouping.GROUPINGS]
    resources = [(name, t(f"resource.{name}", language)) for name in METERED]
    devices = chooser(
        f"{PAGE}-devices", t("consumption.devices", language), t("consumption.all_devices", language), locale=language, multi=True
    )
    return html.Div(
        [
            field(t("consumption.group", language), segmented(f"{PAGE}-group", groups, asked.group, label=t("consumption.group", language))),
            html.Div(
                field(t("consumption.resource", language), segmented(f"{PAGE}-resource", resources, asked.resource, label=t("consumption.resource", language))),
                id=f"{PAGE}-resources",
                hidden=asked.group == grouping.RESOURCE,
            ),
            devices,
        ],
        className="tds-filters",
    )  # fmt: skip


def field(label: str, control: Component) -> Component:
    """Put a control under a label that is seen; the control names itself to a screen reader."""
    return html.Div([html.Span(label, className="tds-label", **DECORATION), control], className="tds-field")


def when(asked: Asked, given: Mapping[str, object], language: str) -> Component:
    """Give the period: back and forth, the named ones, and room for its dates or what a kind of it needs to know."""
    # What cannot be a period stays chosen, so that it can be mended; what is shown instead is said beside it.
    kind = view.CUSTOM if given.get("period") == view.CUSTOM else asked.period.kind
    kinds = list(dict.fromkeys([*periods.KINDS[:-1], *([kind] if kind != view.CUSTOM else []), view.CUSTOM]))
    choices = [(name, t(f"period.{name}", language)) for name in kinds]
    days = [view.day_of(given.get(name)) for name in ("from", "to")]
    numbers = [{"value": str(day), "label": str(day)} for day in range(1, 32)]
    opens = dbc.Select(id=f"{PAGE}-day", options=numbers, value=str(asked.period.billing_day), className="tds-input tds-day")
    billing = html.Div(
        [html.Label(t("period.billing_day", language), htmlFor=f"{PAGE}-day", className="tds-label"), opens],
        id=f"{PAGE}-billing",
        className="tds-inline",
        hidden=kind != periods.BILLING,
    )
    dates = html.Div(
        period_picker(PAGE, locale=language, start=days[0], end=days[1]), id=f"{PAGE}-custom", hidden=kind != view.CUSTOM
    )
    return html.Div(
        [
            step_aside("back", "chevron-left", t("period.back", language)),
            segmented(f"{PAGE}-period", choices, kind, label=t("consumption.period", language)),
            step_aside("on", "chevron-right", t("period.on", language)),
            html.Div([billing, dates, html.Strong("\u00a0", id=f"{PAGE}-dates", className="tds-dates")], className="tds-slot"),
        ],
        className="tds-filters tds-when",
    )


def step_aside(name: str, icon: str, label: str) -> Component:
    """Give the link to the period before or after; a callback brings its address."""
    given: dict[str, Any] = {"data-view": PAGE, "role": "link", **labelled(label)}  # a link even where it leads nowhere yet
    return html.A(
        html.I(className=f"bi bi-{icon}", **DECORATION), id=f"{PAGE}-{name}", className="tds-icon-button", title=label, **given
    )


def how(asked: Asked, language: str) -> list[Component]:
    """Give step, stacking and comparison."""
    steps = [(view.AUTOMATIC, t("period.automatic", language)), *((name, t(f"step.{name}", language)) for name in STEPS)]
    bars = [(name, t(f"consumption.{name}", language)) for name in (STACKED, BESIDE)]
    choices = [{"value": name, "label": t(f"compare.{name}", language)} for name in comparing.HOWS]
    compare = dbc.Select(id=f"{PAGE}-compare", options=choices, value=asked.compare, className="tds-input tds-compare")
    label = t("compare.label", language)
    other = chooser(f"{PAGE}-with", t("compare.with", language), t("compare.choose", language), locale=language)
    return [
        segmented(f"{PAGE}-step", steps, asked.step, label=t("consumption.step", language)),
        segmented(f"{PAGE}-bars", bars, asked.bars, label=t("consumption.bars", language)),
        html.Div([html.Label(label, htmlFor=f"{PAGE}-compare", className="visually-hidden"), compare]),
        html.Div(other, id=f"{PAGE}-others", hidden=asked.compare != comparing.OTHER, className="tds-other"),
    ]


def out(language: str) -> list[Component]:
    """Give the ways out: the figures as CSV and as a workbook, the chart as a picture."""
    saved = picture(f"{PAGE}-chart", language, said=f"{PAGE}-chart-note", named=f"{PAGE}-dates")
    return [files(PAGE, f"/_{PAGE}/export", language, beside=saved)]
