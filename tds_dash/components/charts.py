"""A chart in its card: title with unit, controls, the graph at its final height, the key of its marks, its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from dash import dcc, html
from dash.development.base_component import Component

from tds_dash import theme, wording
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.tables import Column, data_table
from tds_dash.figures import ChartDevice, axes, blank, series
from tds_dash.wording import number, portion, t

if TYPE_CHECKING:
    from sql.consumption import ConsumptionRow, Step

MOST_ROWS = 400


def chart_card(
    id: str,
    title: str,
    *,
    locale: str,
    controls: Sequence[Component] = (),
    height: Literal["small", "medium", "tall"] = "medium",
    legend: bool = True,
    resource: str = "",
    label: str = "",
    figure: Any = None,
    revised: bool = False,
    below: Component | None = None,
    toolbar: bool = True,
) -> html.Section:
    """Give a chart's card with a graph `id` that callbacks fill, and places for its words.

    `{id}-title` the heading, `{id}-note` beside it, `{id}-summary` what a screen reader is told, `{id}-table` the table,
    `{id}-open` what opens it, `{id}-empty` what stands in the chart's place where there is nothing to draw; `below` stands
    between the graph with its key and the table. Without `toolbar` where the page has a button that saves its picture: the keyboard
    would stop at two of them.
    """
    head = html.Div(
        [
            html.H2(title, id=f"{id}-title", className="tds-chart-title"),
            html.Span(id=f"{id}-note", className="tds-chart-note"),
            html.Div(list(controls), className="tds-chart-controls") if controls else None,
        ],
        className="tds-chart-head",
    )
    graph = dcc.Graph(
        id=id,
        figure=blank(locale) if figure is None else figure,
        config=theme.graph_config(locale, toolbar=toolbar),
        className="tds-graph",
        responsive=True,
    )
    plot = html.Figure(
        [
            graph,
            html.Div(id=f"{id}-empty", className="tds-figure-empty"),
            html.Figcaption(id=f"{id}-summary", className="visually-hidden"),
        ],
        id=f"{id}-figure",
        className=f"tds-figure tds-figure-{height}",
        role="group",
        **labelled(label or title),
    )
    table = html.Details(
        [html.Summary(t("chart.table", locale), id=f"{id}-open"), html.Div(id=f"{id}-table", className="tds-table-scroll")],
        className="tds-details",
    )
    keys = estimated_legend(locale, revised) if legend else None
    parts: list[Any] = [[table, keys]] if below is None else [keys, below, table]
    foot = [html.Div(part, className="tds-chart-foot") for part in parts]
    edge = f" tds-edge-{resource}" if resource else ""
    return html.Section([head, plot, *foot], className=f"tds-card tds-chart{edge}", **labelled(title))


def estimated_legend(locale: str, revised: bool = False) -> html.Ul:
    """Explain the marks of a bar: measured, estimated (hatched), still running (lighter), revised where that is marked."""
    marks = [(name, t(f"chart.{name}", locale), "") for name in ("measured", "estimated", "running")]
    marks[1] = (*marks[1][:2], t("chart.estimated_hint", locale))
    marks += [("revised", t("revised.key", locale), t("revised.hint", locale))] if revised else []
    return html.Ul(
        [
            html.Li([html.Span(className=f"tds-key tds-key-{mark}", **DECORATION), words], title=hint or None)
            for mark, words, hint in marks
        ],
        className="tds-keys",
    )


def consumption_table(
    rows: Sequence[ConsumptionRow],
    devices: Sequence[ChartDevice],
    *,
    step: Step,
    zone: tzinfo,
    now: datetime,
    locale: str,
    title: str = "",
    revised: Mapping[datetime, datetime] | None = None,
) -> html.Div:
    """Give the bars of one unit as a table: a row per bucket, a column per series, newest first; when it was revised, if any was."""
    split = series.split(rows, devices, step, zone, locale)
    whole = series.together(split, step, zone)
    unit = series.one_unit(devices)
    columns = [Column(t("chart.bucket", locale))]
    columns += [Column(one.name, "end") for one in split] if len(split) > 1 else []
    columns += [
        Column(f"{t('chart.total', locale)} ({unit})", "end"),
        Column(t("chart.estimated", locale), "end"),
        Column(t("chart.coverage", locale), "end"),
    ]
    columns += [Column(t("revised.key", locale))] if revised else []
    lines = []
    for key, bucket in list(reversed(whole.items()))[:MOST_ROWS]:
        own = [one.buckets[key].consumption if key in one.buckets else None for one in split] if len(split) > 1 else []
        share = bucket.estimated / bucket.consumption if bucket.consumption else None
        lines.append(
            [
                axes.title(bucket.start, step, zone, locale),
                *(number(value, locale, fixed=True) for value in own),
                number(bucket.consumption, locale, fixed=True),
                portion(share, locale),
                portion(series.covered(bucket, step, zone, now), locale),
                *(
                    [wording.date_clock(revised[bucket.start], locale, zone) if bucket.start in revised else ""]
                    if revised
                    else []
                ),
            ]
        )
    more = html.P(t("chart.too_many", locale, n=MOST_ROWS)) if len(whole) > MOST_ROWS else None
    return html.Div([data_table(columns, lines, caption=title), more])


def history_table(
    rows: Sequence[ConsumptionRow], *, unit: str, step: Step, zone: tzinfo, locale: str, title: str = ""
) -> html.Div:
    """Give a gauge's history as a table: mean, minimum, maximum per bucket, newest first."""
    columns = [Column(t("chart.bucket", locale))]
    columns += [Column(f"{t(f'chart.{name}', locale)} ({unit})", "end") for name in ("mean", "minimum", "maximum")]
    known = [row for row in sorted(rows, key=lambda row: row.bucket, reverse=True) if row.mean is not None]
    lines = [
        [
            axes.title(row.bucket, step, zone, locale),
            *(number(value, locale, fixed=True) for value in (row.mean, row.minimum, row.maximum)),
        ]
        for row in known[:MOST_ROWS]
    ]
    more = html.P(t("chart.too_many", locale, n=MOST_ROWS)) if len(known) > MOST_ROWS else None
    return html.Div([data_table(columns, lines, caption=title), more])
