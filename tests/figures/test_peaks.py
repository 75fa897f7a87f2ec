"""Maximum demand by month as values: bars together, marks alone, a line for what is contracted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from tds_dash import theme
from tds_dash.figures import Look, MonthPeak, demand_bars
from tests.figures.rows import NOW, SAO_PAULO, months

LOOK = Look("electricity", "kW", "pt-BR", "v")


def drawn(peaks: list[MonthPeak], contracted: Decimal | None = None) -> Any:
    end = datetime(2026, 12, 1, 3, tzinfo=UTC)
    figure = demand_bars(peaks, LOOK, start=months(3)[0], end=end, zone=SAO_PAULO, now=NOW, contracted=contracted)
    return go.Figure(figure.to_plotly_json())


def test_each_month_has_its_bar_and_its_mark_above() -> None:
    first, second, third = months(3)
    figure = drawn(
        [
            MonthPeak(first, Decimal(90), Decimal(120), "ter. 8/9"),
            MonthPeak(second, None, None),
            MonthPeak(third, Decimal(80), Decimal(95)),
        ]
    )
    together, alone = figure.data
    assert list(together.x) == ["2026-09-01", "2026-11-01"]
    assert list(together.y) == [90.0, 80.0]
    assert list(together.customdata) == ["2026-09-01", "2026-11-01"]
    assert list(together.marker.opacity) == [1, theme.RUNNING_OPACITY]
    assert together.text[0] == "ter. 8/9"
    assert list(alone.y) == [120.0, 95.0]
    assert (together.name, alone.name) == ("Todos juntos", "Soma das máximas individuais")
    assert (figure.layout.showlegend, figure.layout.yaxis.rangemode) == (True, "tozero")
    assert not figure.layout.shapes


def test_a_contracted_demand_is_a_line_across() -> None:
    (line,) = drawn([MonthPeak(months(3)[0], Decimal(90), Decimal(120))], Decimal(100)).layout.shapes
    assert (line.y0, line.y1, line.xref) == (100.0, 100.0, "paper")


def test_nothing_measured_draws_nothing() -> None:
    assert not drawn([]).data
    assert not drawn([MonthPeak(months(3)[0], None, None)]).data
