"""How consumption lies over time of day and week, and how long it stands how high."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import plotly.graph_objects as go

from tds_dash import theme, wording
from tds_dash.figures import axes
from tds_dash.figures.bars import HOVERED
from tds_dash.figures.lines import area
from tds_dash.wording import percent, t

HOURS = range(24)


class InWeek(Protocol):
    """The mean of an hour of a weekday, 1 to 7."""

    @property
    def weekday(self) -> int:
        """Monday is 1."""

    @property
    def hour(self) -> int:
        """From 0 to 23."""

    @property
    def mean(self) -> Decimal:
        """The mean of the hour."""

    @property
    def hours(self) -> int:
        """How many hours it is the mean of."""


class InDay(Protocol):
    """The mean of an hour of working days or weekends, with its band."""

    @property
    def weekend(self) -> bool:
        """Whether of Saturdays and Sundays."""

    @property
    def hour(self) -> int:
        """From 0 to 23."""

    @property
    def mean(self) -> Decimal:
        """The mean of the hour."""

    @property
    def low(self) -> Decimal:
        """A tenth lies below."""

    @property
    def high(self) -> Decimal:
        """A tenth lies above."""


class Look(NamedTuple):
    """Whose figure it is, in which unit and language, and the name of its view."""

    resource: str
    unit: str
    locale: str
    view: str = ""


def week_heatmap(cells: Iterable[InWeek], look: Look) -> go.Figure:
    """Draw the mean of every hour of the week: hours across, weekdays down, nothing where nothing was measured."""
    known = {(cell.weekday, cell.hour): cell for cell in cells}
    colour = theme.resource_colour(look.resource)
    days = [t(f"calendar.weekday_{day}", look.locale) for day in range(1, 8)]
    found = [[known.get((day, hour)) for hour in HOURS] for day in range(1, 8)]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": list(HOURS),
        "y": days,
        "z": [[None if cell is None else float(cell.mean) for cell in row] for row in found],
        "customdata": [[0 if cell is None else cell.hours for cell in row] for row in found],
        "text": [[hours_of(hour, look.locale) for hour in HOURS]] * 7,
        "colorscale": [[0, theme.faded(colour, theme.HEAT_LEAST)], [1, colour]],
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": f"%{{y}}, %{{text}}<br><b>%{{z:{HOVERED}}} {look.unit}</b><br>{t('load.of_hours', look.locale, hours='%{customdata}')}<extra></extra>",
        "colorbar": {
            "thickness": theme.HEAT_BAR,
            "outlinewidth": 0,
            "tickfont": {"size": theme.SMALL_FONT_SIZE},
            "nticks": 5,
            **theme.PLAIN_NUMBERS,
        },
    }
    layout = {
        "uirevision": look.view or "still",
        "hovermode": "closest",
        "xaxis": hour_axis(look.locale),
        "yaxis": {"autorange": "reversed", "showgrid": False, "fixedrange": True, "type": "category", "dtick": 1},
    }
    return theme.figure([trace] if known else [], layout, look.locale)  # fmt: skip


def average_day(hours: Sequence[InDay], look: Look) -> go.Figure:
    """Draw the mean day of working days and of weekends, each within the band that eight of ten days keep to."""
    colour = theme.resource_colour(look.resource)
    traces: list[dict[str, Any]] = []
    for weekend, dash in ((False, "solid"), (True, "dot")):
        own = sorted((one for one in hours if one.weekend is weekend), key=lambda one: one.hour)
        if not own:
            continue
        name = t("load.weekends" if weekend else "load.weekdays", look.locale)
        x = [one.hour for one in own]
        low, high = [float(one.low) for one in own], [float(one.high) for one in own]
        traces.append(area(x, low, high, theme.OTHERS_COLOUR if weekend else colour) | {"legendgroup": name})
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": [float(one.mean) for one in own],
                "name": name,
                "legendgroup": name,
                "line": {"color": theme.OTHERS_COLOUR if weekend else colour, "width": theme.LINE_WIDTH, "dash": dash},
                "customdata": [list(pair) for pair in zip(low, high, strict=True)],
                "hovertemplate": f"{name}: %{{y:{HOVERED}}} {look.unit} (%{{customdata[0]:{HOVERED}}}–%{{customdata[1]:{HOVERED}}})<extra></extra>",
            }
        )
    layout = {"uirevision": look.view or "still", "showlegend": True, "xaxis": hour_axis(look.locale), "yaxis": floor_of(look)}
    return theme.figure(traces, layout, look.locale)


def duration_curve(points: Sequence[tuple[float, Decimal]], look: Look) -> go.Figure:
    """Draw which level was reached or passed for which share of the time."""
    colour = theme.resource_colour(look.resource)
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": [100 * share for share, _ in points],
        "y": [float(level) for _, level in points],
        "line": {"color": colour, "width": theme.LINE_WIDTH, "shape": "hv"},
        "fill": "none" if look.resource == "temperature" else "tozeroy",
        "fillcolor": theme.faded(colour, theme.BAND_OPACITY),
        "text": [percent(share, look.locale, 1) for share, _ in points],
        "hovertemplate": f"%{{y:{HOVERED}}} {look.unit}<br>{t('load.of_time', look.locale, share='%{text}')}<extra></extra>",
        "showlegend": False,
    }
    axis = {
        "range": [0, 100],
        "ticksuffix": " %",
        "fixedrange": True,
        "title": {
            "text": t("load.share_of_time", look.locale),
            "standoff": theme.AXIS_TITLE_ROOM,
            "font": {"size": theme.SMALL_FONT_SIZE},
        },
    }
    layout = {"uirevision": look.view or "still", "hovermode": "closest", "xaxis": axis, "yaxis": floor_of(look)}
    return theme.figure([trace] if points else [], layout, look.locale)  # fmt: skip


def night_bars(nights: Sequence[tuple[date, Decimal]], look: Look) -> go.Figure:
    """Draw the least flow of each night."""
    trace: dict[str, Any] = {
        "type": "bar",
        "x": [evening.isoformat() for evening, _ in nights],
        "y": [float(least) for _, least in nights],
        "marker": {"color": theme.resource_colour(look.resource)},
        "hovertemplate": f"%{{y:{HOVERED}}} {look.unit}<extra></extra>",
    }
    days = axes.HOVER[wording.known(look.locale)]["day"]
    axis = {"type": "date", "tickformatstops": axes.ticks(look.locale), "hoverformat": days, "fixedrange": True}
    layout = {"uirevision": look.view or "still", "xaxis": axis, "yaxis": {"rangemode": "tozero"}}
    return theme.figure([trace] if nights else [], layout, look.locale)


def hour_axis(locale: str) -> dict[str, Any]:
    """Give an axis of the hours of a day."""
    ticks = list(range(0, 24, 3))
    return {"tickvals": ticks, "ticktext": [hour_of(hour, locale) for hour in ticks], "fixedrange": True, "range": [-0.5, 23.5]}


def hour_of(hour: int, locale: str) -> str:
    """Write an hour of the day: `14h`, `14:00`."""
    return t("load.hour", locale, hour=f"{hour:02}")


def hours_of(hour: int, locale: str) -> str:
    """Write from when to when an hour of the day is."""
    return f"{hour_of(hour, locale)}–{hour_of((hour + 1) % 24, locale)}"


def floor_of(look: Look) -> dict[str, Any]:
    """Give the axis of levels: from zero, but for temperatures."""
    return {} if look.resource == "temperature" else {"rangemode": "tozero"}
