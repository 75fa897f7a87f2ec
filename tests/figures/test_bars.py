"""Bars: one unit an axis, fixed colours, the estimated part apart, what is missing left out, exact sums over DST."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import pytest

from sql.consumption import ConsumptionRow, Step
from tds_dash import theme
from tds_dash.figures import ChartDevice, by_unit, clicked_bucket, consumption_bars, monthly_bars, placed
from tds_dash.figures.axes import wall
from tests.figures.rows import MADRID, NOW, SAO_PAULO, daily, meters, monthly, row, starts

FIRST = datetime(2026, 10, 25, 3, tzinfo=UTC)
LAST = datetime(2026, 11, 24, 3, tzinfo=UTC)


def checked(figure: go.Figure) -> go.Figure:
    """Make plotly's own checks, which the product leaves out: a wrong name or value raises."""
    return go.Figure(figure.to_plotly_json())


def bars(rows: list[ConsumptionRow], devices: list[ChartDevice], locale: str = "en", **given: Any) -> go.Figure:
    settings = {"step": "day", "start": FIRST, "end": LAST, "zone": SAO_PAULO, "now": NOW, "locale": locale, **given}
    return checked(consumption_bars(rows, devices, **settings))


def named(figure: go.Figure, name: str) -> Any:
    return next(trace for trace in figure.data if trace.name == name)


def test_a_device_is_a_series_in_its_place_and_colour() -> None:
    devices = meters(3)
    figure = bars([row(device.id, FIRST, 10 - device.id) for device in devices], devices)
    assert [trace.name for trace in figure.data] == ["Entrada geral", "Bomba 1", "Bomba 2", "Total"]
    assert [trace.marker.color for trace in figure.data[:3]] == theme.device_shades("electricity", 3)
    assert figure.layout.barmode == "relative"
    assert figure.layout.showlegend is True


def test_a_device_keeps_its_colour_when_others_leave() -> None:
    devices = meters(5)
    alone = bars([row(4, FIRST, 7)], [devices[3]])
    assert alone.data[0].marker.color == theme.device_shades("electricity", 5)[3]
    assert alone.layout.showlegend is False


def test_two_devices_of_one_chart_never_share_a_colour() -> None:
    devices = meters(14)
    pair = [devices[0], devices[12]]
    colours = [trace.marker.color for trace in bars([row(1, FIRST, 1), row(13, FIRST, 1)], pair).data[:2]]
    assert colours == theme.device_shades("electricity", 2)


def test_the_estimated_part_is_hatched_in_the_same_colour() -> None:
    figure = bars([row(1, FIRST, "10.5", "2.25"), row(1, FIRST + timedelta(days=1), 8)], meters(1))
    measured, estimated = figure.data[0], figure.data[1]
    assert list(measured.y) == [8.25, 8.0]
    assert list(estimated.x) == ["2026-10-25"]
    assert list(estimated.y) == [2.25]
    assert estimated.marker.pattern.shape == "/"
    assert estimated.marker.color == estimated.marker.pattern.fgcolor == measured.marker.color
    assert estimated.legendgroup == measured.legendgroup


def test_missing_data_is_a_gap_and_says_so() -> None:
    rows = [row(1, FIRST, 5), row(1, FIRST + timedelta(days=1), None), row(1, FIRST + timedelta(days=3), 0)]
    figure = bars(rows, meters(1))
    assert list(figure.data[0].y) == [5.0, None, 0.0]
    speaks = dict(zip(figure.data[-1].x, figure.data[-1].text, strict=True))
    assert speaks["2026-10-26"] == speaks["2026-10-27"] == "No data in this period"
    assert "Total: 0" in speaks["2026-10-28"]


def test_nothing_is_said_of_the_future() -> None:
    figure = bars([row(1, FIRST, 5)], meters(1), end=LAST + timedelta(days=30))
    assert list(figure.data[-1].x)[-1] == "2026-11-23"


def test_the_running_bucket_is_lighter() -> None:
    figure = bars(daily(meters(1)[0], FIRST, 30), meters(1))
    assert list(figure.data[0].marker.opacity) == [1] * 29 + [theme.RUNNING_OPACITY]
    assert "Still running" in figure.data[-1].text[-1]


def test_hover_says_total_share_and_coverage() -> None:
    rows = [row(1, FIRST, 30, 6, coverage=0.8), row(2, FIRST, 10, 0, coverage=1.0)]
    said = bars(rows, meters(2), "pt-BR").data[-1].text[0].replace("\u00a0", " ")
    assert "Total: 40 kWh" in said
    assert "15 % estimado · cobertura de 90 %" in said
    first = bars(rows, meters(2), "pt-BR").data[0]
    assert first.hovertemplate == "Entrada geral: %{y:,.5~r} kWh<extra></extra>"


def test_coverage_of_the_running_bucket_is_of_the_time_that_has_passed() -> None:
    start = datetime(2026, 11, 23, 3, tzinfo=UTC)
    figure = bars([row(1, start, 5, coverage=0.6125)], meters(1))
    assert "100\u00a0% coverage" in figure.data[-1].text[-1]


def test_two_units_never_share_an_axis() -> None:
    devices = [*meters(1), ChartDevice(2, "Hidrômetro", "water", "m³")]
    with pytest.raises(ValueError, match="one chart, one unit: kWh, m³"):
        bars([], devices)
    assert list(by_unit(devices)) == [("electricity", "kWh"), ("water", "m³")]


def test_at_most_twelve_series_and_the_others() -> None:
    devices = meters(16)
    rows = [row(device.id, FIRST, 100 - device.id, 1) for device in devices]
    figure = bars(rows, devices)
    shown = [trace for trace in figure.data if trace.showlegend]
    assert [trace.name for trace in shown][-1] == "4 others"
    assert len(shown) == 13
    assert shown[-1].marker.color == theme.OTHERS_COLOUR
    assert len({trace.marker.color for trace in shown}) == 13
    drawn = sum(value for trace in figure.data for value in trace.y if value)
    assert drawn == pytest.approx(sum(100 - device.id for device in devices))


def test_the_smallest_are_the_others() -> None:
    devices = meters(13)
    rows = [row(device.id, FIRST, 1 if device.id == 5 else 50) for device in devices]
    figure = bars(rows, devices)
    assert "Climatiz…bloco A" not in [trace.name for trace in figure.data]
    assert named(figure, "1 other").y[0] == 1.0


def test_bars_stand_on_their_buckets() -> None:
    figure = bars([row(1, FIRST, 5), row(1, FIRST + timedelta(days=1), 6)], meters(1))
    trace, day = figure.data[0], 86_400_000
    assert list(trace.x) == ["2026-10-25", "2026-10-26"]
    assert (trace.width, trace.offset) == (pytest.approx(0.8 * day), pytest.approx(0.1 * day))
    assert list(figure.layout.xaxis.range) == ["2026-10-25 00:00", "2026-11-24 00:00"]


def test_a_click_opens_the_bucket() -> None:
    figure = bars([row(1, FIRST, 5)], meters(1))
    click = {"points": [{"x": "2026-10-25", "customdata": figure.data[-1].customdata[0]}]}
    assert clicked_bucket(click, SAO_PAULO) == FIRST


@pytest.mark.parametrize(
    "click", [None, {}, {"points": []}, {"points": "x"}, {"points": [1]}, {"points": [{"customdata": "soon"}]}, "x", [1]]
)
def test_a_forged_click_opens_nothing(click: Any) -> None:
    assert clicked_bucket(click, SAO_PAULO) is None


def test_zoom_stays_while_the_view_stays() -> None:
    first, later = (bars([row(1, FIRST, used)], meters(1), view="a") for used in (5, 6))
    assert first.layout.uirevision == later.layout.uirevision == "a"
    assert bars([], meters(1), view="b").layout.uirevision == "b"


def test_months_are_of_their_own_length() -> None:
    figure = checked(monthly_bars(monthly(meters(1)[0]), meters(1), zone=SAO_PAULO, now=NOW, locale="pt-BR"))
    trace = figure.data[0]
    assert (trace.x[0], trace.x[-1], len(trace.x)) == ("2025-11-01", "2026-11-01", 13)
    assert trace.width[3] / trace.width[2] == pytest.approx(28 / 31)
    assert list(figure.layout.xaxis.range) == ["2025-11-01 00:00", "2026-12-01 00:00"]
    assert figure.layout.xaxis.ticklabelmode == "period"
    assert trace.marker.color == theme.resource_colour("electricity")


def test_months_add_up_all_devices_and_no_stranger() -> None:
    start = datetime(2026, 11, 1, 3, tzinfo=UTC)
    rows = [row(1, start, "1.5"), row(2, start, "2.5"), row(99, start, 1000)]
    figure = monthly_bars(rows, meters(2), zone=SAO_PAULO, now=NOW, locale="en")
    assert list(figure.data[0].y) == [4.0]
    assert figure.layout.showlegend is False


def test_an_account_without_devices_has_an_empty_chart() -> None:
    figure = monthly_bars([], [], zone=SAO_PAULO, now=NOW, locale="en")
    assert len(figure.data[-1].x) == 13


def test_the_hour_that_comes_twice_is_one_bar_of_both() -> None:
    first = datetime(2026, 10, 24, 22, tzinfo=UTC)  # Madrid turns back at 01:00 UTC
    hours = starts("hour", first, first + timedelta(hours=25), MADRID)
    figure = consumption_bars(
        [row(1, hour, 2) for hour in hours],
        meters(1),
        step="hour",
        start=first,
        end=first + timedelta(hours=25),
        zone=MADRID,
        now=NOW,
        locale="en",
    )
    trace = figure.data[0]
    assert len(trace.x) == len(set(trace.x)) == 24
    assert dict(zip(trace.x, trace.y, strict=True))["2026-10-25 02:00"] == 4.0
    assert sum(trace.y) == 50
    said = dict(zip(figure.data[-1].x, figure.data[-1].text, strict=True))["2026-10-25 02:00"]
    assert "Clocks went back" in said


@pytest.mark.parametrize(("step", "key"), [("15min", "2026-11-23 14:30"), ("hour", "2026-11-23 14:30"), ("day", "2026-11-23")])
def test_times_go_to_plotly_as_wall_times(step: Step, key: str) -> None:
    moment = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)
    midnight = datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert wall(midnight if step == "day" else moment, SAO_PAULO, step) == key


def test_names_cannot_carry_markup() -> None:
    device = ChartDevice(1, "<b>%{x}", "electricity", "kWh")
    trace = bars([row(1, FIRST, 5)], [device]).data[0]
    assert "<b>" not in trace.name + trace.hovertemplate
    assert "%{x}" not in trace.hovertemplate


def test_places_follow_ids_within_a_resource() -> None:
    facts = [
        ChartDevice(9, "", "water", "m³"),
        ChartDevice(3, "Bomba", "electricity", "kWh"),
        ChartDevice(5, "Forno", "electricity", "kWh"),
    ]

    class Facts:
        def __init__(self, device: ChartDevice) -> None:
            self.id, self.name, self.code, self.resource = device.id, device.name or None, "D07", device.resource
            self.unit, self.kind = device.unit, device.kind

    found = placed([Facts(device) for device in facts])
    assert [(device.id, device.name, device.position) for device in found] == [(3, "Bomba", 0), (5, "Forno", 1), (9, "D07", 0)]


def test_figures_carry_plain_lists() -> None:
    figure = bars(daily(meters(1)[0], FIRST, 30), meters(1)).to_plotly_json()
    assert all(isinstance(trace["x"], list | tuple) and isinstance(trace["y"], list | tuple) for trace in figure["data"])


def test_exact_parts_make_the_whole() -> None:
    figure = bars([row(1, FIRST, "0.300000", "0.100000")], meters(1))
    assert Decimal(str(figure.data[0].y[0])) + Decimal(str(figure.data[1].y[0])) == Decimal("0.3")
