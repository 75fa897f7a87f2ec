"""Lines: what is missing is a gap, a gauge has its band, and a card's sparkline has no axes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import ChartDevice, blank, history_lines, reading_lines, sparkline
from tests.figures.rows import MADRID, NOW, SAO_PAULO, level, meters, row, starts

START = datetime(2026, 11, 17, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
COLD = ChartDevice(1, "Câmara fria", "temperature", "°C", "gauge", 0)


def history(rows: Any, device: ChartDevice = COLD, zone: Any = SAO_PAULO, start: datetime = START) -> Any:
    end = start + timedelta(days=7)
    figure = history_lines(rows, device, step="hour", start=start, end=end, zone=zone, now=NOW, locale="en", view="v")
    return go.Figure(figure.to_plotly_json())


def test_a_gauge_is_its_mean_within_its_band() -> None:
    figure = history([level(1, START, 20), level(1, START + HOUR, 21)])
    band, mean = figure.data
    assert band.fill == "toself"
    assert list(band.y) == [21.5, 22.5, 19.5, 18.5, None]
    assert band.hoverinfo == "skip"
    assert list(mean.y) == [20.0, 21.0]
    assert mean.line.color == theme.resource_colour("temperature")
    assert [list(pair) for pair in mean.customdata] == [[18.5, 21.5], [19.5, 22.5]]
    assert "Minimum" in mean.hovertemplate


def test_a_missing_bucket_breaks_line_and_band() -> None:
    figure = history([level(1, START, 20), level(1, START + 5 * HOUR, 21), level(1, START + 6 * HOUR, None)])
    band, mean = figure.data
    assert list(mean.x)[:3] == ["2026-11-17 00:00", "2026-11-17 01:00", "2026-11-17 05:00"]
    assert list(mean.y) == [20.0, None, 21.0, None]
    assert mean.connectgaps is False
    assert list(band.y).count(None) == 2


def test_a_register_is_drawn_per_whole_step() -> None:
    now_hour = datetime(2026, 11, 23, 17, tzinfo=UTC)
    figure = history([row(1, now_hour - HOUR, 5), row(1, now_hour, 2)], meters(1)[0])
    assert list(figure.data[0].y) == [5.0]
    assert figure.data[0].line.shape == "hv"


def test_a_line_never_runs_backwards_when_clocks_go_back() -> None:
    first = datetime(2026, 10, 24, 22, tzinfo=UTC)
    rows = [level(1, hour, index) for index, hour in enumerate(starts("hour", first, first + timedelta(hours=25), MADRID))]
    x = list(history(rows, zone=MADRID, start=first).data[1].x)
    assert x == sorted(x)
    assert len(x) == len(set(x)) == 24


def lines(points: Any, device: ChartDevice = COLD, zone: Any = SAO_PAULO) -> Any:
    figure = reading_lines(points, device, start=START, end=START + HOUR, zone=zone, locale="pt-BR")
    return go.Figure(figure.to_plotly_json())


def test_readings_far_apart_are_not_joined() -> None:
    points = [(START + minutes * timedelta(minutes=1), Decimal(minutes), minutes == 90) for minutes in (0, 15, 90, 105)]
    figure = lines(points)
    assert list(figure.data[0].y) == [0.0, 15.0, None, 90.0, 105.0]
    assert figure.data[0].x[0] == "2026-11-17 00:00"
    assert figure.data[0].connectgaps is False
    assert list(lines([(START, Decimal(1), True)]).data[0].y) == [1.0]


def test_few_readings_have_their_dots_and_many_have_none() -> None:
    few, many = ([(START + n * timedelta(seconds=10), Decimal(n), False) for n in range(count)] for count in (300, 301))
    assert lines(few).data[0].mode == "lines+markers"
    assert lines(many).data[0].mode == "lines"


def test_readings_never_run_backwards_when_clocks_go_back() -> None:
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)  # 02:10 in Madrid, which comes twice
    points = [(first + n * timedelta(minutes=20), Decimal(n), False) for n in range(9)]
    x = list(lines(points, zone=MADRID).data[0].x)
    assert x == sorted(x)
    assert len(x) == len(set(x)) == 6


def test_a_sparkline_has_no_axes_and_keeps_its_gap() -> None:
    figure = go.Figure(sparkline([Decimal(3), None, Decimal(5), 6.5], "water").to_plotly_json())
    assert figure.layout.xaxis.visible is figure.layout.yaxis.visible is False
    assert [list(trace.y) for trace in figure.data[1:]] == [[3.0, None, 5.0], [5.0, 6.5]]
    assert [trace.line.dash for trace in figure.data[1:]] == ["solid", "dot"]
    assert figure.data[1].line.color == theme.resource_colour("water")
    assert list(figure.data[0].y).count(None) == 2


def test_a_sparkline_of_whole_days_is_one_line() -> None:
    assert [list(trace.y) for trace in sparkline([1, 2, 3], "gas", running=False).data[1:]] == [[1.0, 2.0, 3.0]]
    assert [list(trace.y) for trace in sparkline([], "gas").data] == [[]]


def test_the_blank_figure_shows_nothing() -> None:
    figure = blank()
    assert figure.data == ()
    assert figure.layout.xaxis.visible is False


def test_hover_times_and_ticks_speak_the_language() -> None:
    assert history([]).layout.xaxis.hoverformat == "%a %-d %b %Y, %H:%M"
    assert history([]).layout.uirevision == "v"
    assert [stop.value for stop in history([]).layout.xaxis.tickformatstops][1] == "%e %b\n%Y"
