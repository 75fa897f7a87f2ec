"""Bars that late readings changed: a diamond above each, the time in what hovering says, a column in the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pytest

from sql.consumption import ConsumptionRow
from tds_dash import theme
from tds_dash.components import consumption_table, estimated_legend
from tds_dash.figures import ChartDevice, consumption_bars

ZONE = ZoneInfo("America/Sao_Paulo")
START = datetime(2026, 11, 1, 3, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATE = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
DEVICES = [ChartDevice(1, "Press", "electricity", "kWh"), ChartDevice(2, "Oven", "electricity", "kWh", position=1)]


def rows(*devices: int) -> list[ConsumptionRow]:
    """Give three days of 10 kWh a device, 2 of them estimated."""
    days = [START + timedelta(days=n) for n in range(3)]
    return [ConsumptionRow(d, day, Decimal(10), Decimal(2), 0.8, None, None, None, 96) for d in devices for day in days]


def drawn(revised: dict[datetime, datetime] | None, devices: list[ChartDevice] = DEVICES, locale: str = "en") -> Any:
    found = consumption_bars(
        rows(*(device.id for device in devices)), devices, step="day", start=START, end=START + timedelta(days=3),
        zone=ZONE, now=NOW, locale=locale, revised=revised,
    )  # fmt: skip
    return go.Figure(found.to_dict())  # plotly's own checks


def marks(figure: Any) -> list[Any]:
    return [trace for trace in figure.data if trace.type == "scatter"]


@pytest.mark.parametrize("revised", [None, {}, {START - timedelta(days=9): LATE}])
def test_nothing_is_marked_where_nothing_was_revised(revised: dict[datetime, datetime] | None) -> None:
    figure = drawn(revised)
    assert marks(figure) == []
    assert not any("Revised" in text for text in figure.data[-1].text)


def test_a_diamond_stands_above_the_middle_of_the_stack() -> None:
    (mark,) = marks(drawn({START + timedelta(days=1): LATE}))
    assert list(mark.x) == ["2026-11-02 12:00:00"]
    assert list(mark.y) == [20.0]
    assert (mark.hoverinfo, mark.showlegend, mark.name) == ("skip", True, "Revised")
    assert mark.marker.color == theme.REVISED["color"]


def test_hovering_says_when() -> None:
    figure = drawn({START + timedelta(days=1): LATE}, locale="pt-BR")
    texts = list(figure.data[-1].text)
    assert texts[1].endswith("Revisado em 20/11/2026 14h30")
    assert "Revisado" not in texts[0] + texts[2]


def test_one_series_has_no_legend_but_its_mark() -> None:
    (mark,) = marks(drawn({START: LATE}, DEVICES[:1]))
    assert mark.showlegend is False
    assert list(mark.y) == [10.0]


def test_a_revised_bucket_without_data_is_marked_at_the_axis() -> None:
    figure = consumption_bars(
        [], DEVICES, step="day", start=START, end=START + timedelta(days=3), zone=ZONE, now=NOW, locale="en", revised={START: LATE}
    )  # fmt: skip
    (mark,) = marks(figure)
    assert mark["y"] == (0,) or list(mark["y"]) == [0]
    assert "No data" in figure.data[-1]["text"][0]


def test_the_table_has_a_column_only_where_something_was_revised() -> None:
    common: dict[str, Any] = {"step": "day", "zone": ZONE, "now": NOW, "locale": "en"}
    plain = str(consumption_table(rows(1), DEVICES[:1], **common).to_plotly_json())
    marked = consumption_table(rows(1), DEVICES[:1], revised={START: LATE}, **common)
    texts = [str(part.children) for part in marked._traverse() if getattr(part, "children", None)]
    assert "Revised" not in plain
    assert "Revised" in texts
    assert texts.count("20 Nov 2026 14:30") == 1


def test_the_key_is_explained_where_bars_are_marked() -> None:
    assert "Revised" in str(estimated_legend("en", revised=True))
    assert "Revised" not in str(estimated_legend("en"))
