"""A temperature beside consumption: two axes, each with its name and its unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import ChartDevice, consumption_bars, overlaid, reading_lines
from tests.figures.rows import NOW, SAO_PAULO, level, meters, row

START = datetime(2026, 11, 20, 3, tzinfo=UTC)
DAY = timedelta(days=1)
OUTDOORS = ChartDevice(9, "Outdoors <b>", "temperature", "°C", "gauge", 0)


def drawn(levels: Any) -> Any:
    meter = meters(1)[0]
    bars = consumption_bars(
        [row(1, START + n * DAY, 10 + n) for n in range(3)], [meter], step="day", start=START, end=START + 3 * DAY,
        zone=SAO_PAULO, now=NOW, locale="en", view="v",
    )  # fmt: skip
    return go.Figure(
        overlaid(bars, levels, OUTDOORS, of=meter, step="day", zone=SAO_PAULO, now=NOW, locale="en").to_plotly_json()
    )


def test_two_axes_say_what_they_are() -> None:
    figure = drawn([level(9, START, 20), level(9, START + DAY, 22)])
    line = figure.data[-1]
    assert (line.yaxis, figure.layout.yaxis2.side, figure.layout.yaxis2.overlaying) == ("y2", "right", "y")
    assert figure.layout.yaxis.title.text == "Entrada geral, kWh"
    assert figure.layout.yaxis2.title.text == line.name == "Outdoors ‹b›, °C"
    assert figure.layout.showlegend is True
    assert [trace.name for trace in figure.data if trace.showlegend] == ["Entrada geral, kWh", "Outdoors ‹b›, °C"]
    assert line.line.color == theme.resource_colour("temperature")
    assert (figure.layout.uirevision, figure.layout.yaxis.rangemode) == ("v", "tozero")


def test_means_stand_in_the_middle_of_their_buckets_and_gaps_stay() -> None:
    line = drawn([level(9, START, 20), level(9, START + 2 * DAY, 24), level(9, START + 3 * DAY, 8)]).data[
        -1
    ]  # the last still runs
    assert list(line.x) == ["2026-11-20 12:00:00", "2026-11-21", "2026-11-22 12:00:00"]
    assert list(line.y) == [20.0, None, 24.0]
    assert line.connectgaps is False


def test_beside_readings_it_stands_where_they_stand() -> None:
    register = reading_lines(
        [(START, 1, False)], meters(1)[0], start=START, end=START + DAY, zone=SAO_PAULO, locale="en"  # type: ignore[list-item]
    )  # fmt: skip
    figure = overlaid(
        register,
        [level(9, START, 20)],
        OUTDOORS,
        of=meters(1)[0],
        step="15min",
        zone=SAO_PAULO,
        now=NOW,
        locale="en",
        middle=False,
    )
    assert list(figure.data[-1].x) == ["2026-11-20 00:00"]
