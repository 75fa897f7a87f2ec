"""Load over day and week as values: the heatmap of the week, the mean day in its band, the duration curve, the nights."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from sql.queries.load import HourOfDay, HourOfWeek
from tds_dash import theme
from tds_dash.figures import Look, average_day, duration_curve, night_bars, week_heatmap

LOOK = Look("electricity", "kW", "en", "v")


def checked(figure: Any) -> Any:
    return go.Figure(figure.to_plotly_json())  # plotly's own checks


def test_the_week_has_a_cell_for_each_hour_and_none_where_nothing_is_known() -> None:
    figure = checked(week_heatmap([HourOfWeek(1, 8, 12, Decimal("5.5")), HourOfWeek(7, 23, 11, Decimal(2))], LOOK))
    (heat,) = figure.data
    assert (len(heat.z), len(heat.z[0])) == (7, 24)
    assert (heat.z[0][8], heat.z[6][23], heat.z[0][9]) == (5.5, 2.0, None)
    assert heat.y[0] == "Mon"
    assert "mean of %{customdata} hours" in heat.hovertemplate
    assert heat.colorscale[1][1] == theme.resource_colour("electricity")
    assert heat.colorscale[0][1].startswith("rgba(")  # the ground shows through: light or dark
    assert (figure.layout.yaxis.autorange, figure.layout.uirevision) == ("reversed", "v")


def test_the_mean_day_tells_working_days_from_weekends_by_more_than_colour() -> None:
    hours = [
        HourOfDay(weekend, hour, 9, Decimal(hour), Decimal(hour - 1), Decimal(hour + 1))
        for weekend in (True, False)
        for hour in (1, 2)
    ]
    figure = checked(average_day(hours, LOOK))
    lines = [trace for trace in figure.data if trace.name]
    assert [(line.name, line.line.dash) for line in lines] == [("Monday to Friday", "solid"), ("Saturday and Sunday", "dot")]
    assert list(lines[0].y) == [1.0, 2.0]
    assert [list(pair) for pair in lines[0].customdata] == [[0.0, 2.0], [1.0, 3.0]]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 2
    assert figure.layout.yaxis.rangemode == "tozero"


def test_the_duration_curve_falls_over_the_share_of_time() -> None:
    figure = checked(duration_curve([(0.0, Decimal(9)), (0.5, Decimal(4)), (1.0, Decimal(1))], LOOK))
    (curve,) = figure.data
    assert list(curve.x) == [0.0, 50.0, 100.0]
    assert list(curve.y) == [9.0, 4.0, 1.0]
    assert curve.text[1] == "50\u00a0%"
    assert figure.layout.xaxis.title.text == "Share of the time"
    cold = checked(duration_curve([(0.0, Decimal(-18))], Look("temperature", "°C", "pt-BR")))
    assert (cold.data[0].fill, cold.layout.yaxis.rangemode) == ("none", None)


def test_nights_are_bars_by_evening() -> None:
    (bars,) = checked(night_bars([(date(2026, 3, 1), Decimal("0.25"))], Look("water", "m³/h", "pt-BR"))).data
    assert (list(bars.x), list(bars.y)) == (["2026-03-01"], [0.25])


def test_nothing_known_draws_nothing() -> None:
    for figure in (week_heatmap([], LOOK), average_day([], LOOK), duration_curve([], LOOK), night_bars([], LOOK)):
        assert not checked(figure).data
