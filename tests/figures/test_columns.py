"""The explorer's bars: stacked or side by side, a pale bar behind each for what it is compared with, a row for each unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import pytest

from tds_dash import theme
from tds_dash.figures import Beside, Panel, Scene, explorer_bars
from tds_dash.figures.columns import domain, slot_of
from tds_dash.figures.lean import spacing
from tds_dash.figures.series import Bucket, gather, split
from tests.figures.rows import NOW, SAO_PAULO, meters, row

FIRST = datetime(2026, 11, 1, 3, tzinfo=UTC)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]


def bucket(moment: datetime, used: float | None, coverage: float = 1.0) -> Bucket:
    return gather([row(1, moment, used, 0, coverage)], "day", SAO_PAULO).popitem()[1]


def panel(count: int = 2, other: Beside | None = None, resource: str = "electricity", unit: str = "kWh") -> Panel:
    devices = meters(count, resource, unit)
    rows = [row(device.id, day, 10 * device.id, 1 if device.id == 1 else 0) for device in devices for day in DAYS]
    return Panel(f"{resource}, {unit}", unit, resource, split(rows, devices, "day", SAO_PAULO, "en"), other or Beside())


def beside(*used: float | None, coverage: float = 1.0) -> Beside:
    keys = ["2026-11-01", "2026-11-02", "2026-11-03"]
    found = {key: bucket(day - timedelta(days=28), value, coverage) for key, day, value in zip(keys, DAYS, used, strict=True)}
    return Beside({1: found}, found)


def figure(*panels: Panel, **given: Any) -> go.Figure:
    scene = Scene("day", FIRST, FIRST + timedelta(days=3), SAO_PAULO, NOW, "en", **given)
    return go.Figure(explorer_bars(panels, scene, "view"))  # plotly's own checks


def test_a_pale_bar_stands_behind_the_stack() -> None:
    drawn = figure(panel(1, beside(12, None, 9)), other_name="4–6 Oct 2026")
    ghost, measured = drawn.data[0], drawn.data[1]
    assert list(ghost.x) == ["2026-11-01", "2026-11-03"]
    assert list(ghost.y) == [12, 9]
    assert ghost.name == "4–6 Oct 2026"
    assert ghost.offsetgroup != measured.offsetgroup  # else they would stand on each other
    assert ghost.offset < measured.offset
    assert ghost.offset + ghost.width > measured.offset + measured.width
    assert ghost.marker.color == theme.faded(measured.marker.color, theme.GHOST_OPACITY)
    assert drawn.layout.showlegend is True


def test_hovering_says_what_stands_beside_and_by_how_much() -> None:
    said = figure(panel(1, beside(8, None, 0))).data[-1].text
    assert said[0].endswith("Sun 4 Oct 2026: 8\u00a0kWh (+25\u00a0%)")
    assert "Oct" not in said[1]
    assert said[2].endswith("0\u00a0kWh")  # nothing to be a share of


def test_no_difference_is_said_where_less_was_measured() -> None:
    said = figure(panel(1, beside(8, 8, 8, coverage=0.9))).data[-1].text
    assert said[0].endswith("8\u00a0kWh")


def test_side_by_side_each_has_its_own_pale_bar() -> None:
    keys = {"2026-11-01": bucket(FIRST, 5)}
    drawn = figure(panel(2, Beside({1: keys, 2: keys}, keys)), beside=True)
    ghosts = [trace for trace in drawn.data if trace.hoverinfo == "skip"]
    assert len(ghosts) == 2
    assert ghosts[0].offset + ghosts[0].width == pytest.approx(ghosts[1].offset)
    assert [trace.showlegend for trace in ghosts] == [True, False]
    own = [trace for trace in drawn.data if trace.name in ("Entrada geral", "Bomba 1")]
    for ghost, trace in zip(ghosts, own, strict=True):
        assert ghost.offset <= trace.offset
        assert trace.offset + trace.width <= ghost.offset + ghost.width + 1


@pytest.mark.parametrize("places", [1, 2, 5, 13])
@pytest.mark.parametrize("compared", [True, False])
def test_slots_stay_within_their_bucket_and_never_meet(places: int, compared: bool) -> None:
    slots = [slot_of(place, places, compared) for place in range(places)]
    assert slots[0].left >= 0
    assert slots[-1].left + slots[-1].width <= 1
    for one, following in pairwise(slots):
        assert one.left + one.width <= following.left + 1e-9
    assert len({slot.stack for slot in slots}) == places


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 6])
def test_rows_share_the_height_without_meeting(rows: int) -> None:
    parts = [domain(index, rows) for index in range(rows)]
    assert all(0 <= low < high <= 1 for low, high in parts)
    assert all(above[0] > below[1] for above, below in pairwise(parts))


def test_each_unit_has_an_axis_and_a_heading_of_its_own() -> None:
    drawn = figure(panel(1), panel(1, resource="water", unit="m³"))
    assert [trace.yaxis for trace in drawn.data] == ["y", "y", "y", "y2", "y2", "y2"]
    assert [note.text for note in drawn.layout.annotations] == ["<b>electricity, kWh</b>", "<b>water, m³</b>"]
    assert drawn.layout.xaxis.anchor == "y2"
    assert drawn.layout.showlegend is False
    assert drawn.data[-1].text[0].startswith("<b>water, m³</b>")
    assert drawn.data[-1].customdata[0] == "2026-11-01"


def test_another_devices_pale_bars_have_its_colour() -> None:
    colour = theme.device_shades("electricity", 5)[4]
    assert figure(panel(2, beside(1, 2, 3)), other_colour=colour).data[0].marker.color == theme.faded(colour, theme.GHOST_OPACITY)
    assert figure(panel(2, beside(1, 2, 3))).data[0].marker.color == theme.faded(
        theme.resource_colour("electricity"), theme.GHOST_OPACITY
    )


QUARTERS = [FIRST + timedelta(minutes=15 * n) for n in range(7 * 96)]


def long_figure(other: bool = False, missing: int = 5) -> dict[str, Any]:
    """Draw a week of quarter-hours; one is missing, one is estimated, the last one runs."""
    devices = meters(2)
    rows = [row(1, moment, 2.5, 2.5 if place == 9 else 0) for place, moment in enumerate(QUARTERS) if place != missing]
    rows += [row(2, moment, 1, 0, 0.5) for place, moment in enumerate(QUARTERS) if place != missing]
    series = split(rows, devices, "15min", SAO_PAULO, "en")
    keys = gather([row(1, moment, 4) for moment in QUARTERS], "15min", SAO_PAULO)
    beside = Beside({1: keys}, keys) if other else Beside()
    now = QUARTERS[-1] + timedelta(minutes=5)
    scene = Scene("15min", FIRST, FIRST + timedelta(days=7), SAO_PAULO, now, "en", other_name="Oven")
    drawn: dict[str, Any] = explorer_bars([Panel("Electricity", "kWh", "electricity", series, beside)], scene, "view")
    go.Figure(drawn)  # plotly's own checks
    return drawn


def test_a_long_chart_writes_no_instant_and_no_sentence_out_for_each_bar() -> None:
    first = next(trace for trace in long_figure()["data"] if trace["name"] == "Entrada geral")
    assert (first["x0"], first["dx"], len(first["y"])) == ("2026-11-01 00:00", 900_000, len(QUARTERS))
    assert "x" not in first
    assert [place for place, value in enumerate(first["y"]) if value != value] == [5]
    assert first["y"][9] == 0
    estimated = next(trace for trace in long_figure()["data"] if "estimated" in trace["name"])
    assert (estimated["x"], estimated["y"]) == (["2026-11-01 02:15"], [2.5])


def test_a_long_chart_says_its_numbers_and_what_is_odd_in_sentences() -> None:
    *_, plain, odd = long_figure(other=True)["data"]
    assert plain["customdata"][0] == [3.5, 0, 75, 4.0]
    assert plain["customdata"][9] == [3.5, 71, 75, 4.0]
    assert "Total: %{customdata[0]:,.5~r} kWh" in plain["hovertemplate"]
    assert "Oven: %{customdata[3]:,.5~r} kWh" in plain["hovertemplate"]
    assert [place for place, value in enumerate(plain["y"]) if value != value] == [5, len(QUARTERS) - 1]
    assert list(odd["x"]) == ["2026-11-01 01:15", "2026-11-07 23:45"]
    assert odd["text"][0] == "No data in this period"
    assert "Still running" in odd["text"][1]


def test_where_the_clock_turns_instants_are_written_out() -> None:
    keys = [f"2026-11-0{1 + n // 24} {n % 24:02d}:00" for n in range(120)]
    assert spacing(keys) == 3_600_000
    assert spacing(keys[:50] + keys[51:]) is None
    assert spacing(keys[:99]) is None
