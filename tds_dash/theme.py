"""The look in numbers: colours, sizes, the plotly template and the one configuration every graph uses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np  # noqa: F401 - plotly imports it at its first figure; two threads doing so at once meet it half made
import plotly.graph_objects as go

from tds_dash import wording

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"

# A code that cameras read is black on white, whatever the ground.
QR_DARK, QR_LIGHT = "#000000", "#ffffff"

# Mirrored in assets/theme.css as --tds-<name>; a test holds the two together.
LIGHT = {
    "ground": "#f5f6f8",
    "surface": "#ffffff",
    "raised": "#ffffff",
    "sunken": "#eef1f4",
    "line": "#dde2e8",
    "line-strong": "#838e9c",
    "text": "#1b2430",
    "muted": "#5b6776",
    "accent": "#0b6bcb",
    "accent-strong": "#0957a6",
    "accent-soft": "#e7f0fa",
    "on-accent": "#ffffff",
    "online": "#1e8e4e",
    "online-text": "#187a42",
    "offline": "#d03a34",
    "offline-text": "#c0302a",
    "stale": "#b86e00",
    "stale-text": "#8f5600",
    "stale-soft": "#fdf3e3",
}
DARK = {
    "ground": "#0e1217",
    "surface": "#151a21",
    "raised": "#1b222b",
    "sunken": "#1b222b",
    "line": "#2a333e",
    "line-strong": "#6b7887",
    "text": "#e6ebf1",
    "muted": "#9aa7b5",
    "accent": "#62aef5",
    "accent-strong": "#8cc4f8",
    "accent-soft": "#17293b",
    "on-accent": "#0e1217",
    "online": "#41b873",
    "online-text": "#41b873",
    "offline": "#f0655e",
    "offline-text": "#f0655e",
    "stale": "#d98a1f",
    "stale-text": "#e0a04a",
    "stale-soft": "#2b2214",
}

RESOURCES = ("electricity", "water", "gas", "temperature", "other")
RESOURCE_COLOURS = {
    "electricity": "#b86e00",
    "water": "#1c7ed6",
    "gas": "#8659d0",
    "temperature": "#d6453d",
    "other": "#6c7a89",
}
# Twelve shades each, the resource's own colour first; every one has a contrast of 3 or more on both grounds, and
# neighbours in the order differ in lightness and in hue, so that a stack can be told apart without its legend.
RESOURCE_SHADES = {
    "electricity": (
        "#b86e00", "#b58b3c", "#a35200", "#9c8201", "#d17c4f", "#866201",
        "#a36c50", "#b48b62", "#8a5f33", "#a19256", "#846e00", "#9c775c",
    ),
    "water": (
        "#1c7ed6", "#6592e0", "#017190", "#647de5", "#04a1b3", "#3c65bb",
        "#0c8595", "#6a96c7", "#3b6b9d", "#7d90ce", "#5268ce", "#4e86a0",
    ),
    "gas": (
        "#8659d0", "#b979d1", "#6656cc", "#c85ab7", "#7b89f5", "#9449a6",
        "#6a74b9", "#9d88ca", "#735ca0", "#be7cb1", "#b144a0", "#7c79ae",
    ),
    "temperature": (
        "#d6453d", "#e17253", "#c02e58", "#dd5c01", "#e56799", "#b84013",
        "#b0607e", "#cd7e74", "#a25048", "#cd7e5a", "#bc4d01", "#ad6d74",
    ),
    "other": (
        "#6c7a89", "#8e90a9", "#4a6d7b", "#8e7e9a", "#73989e", "#666680",
        "#667d81", "#8894a2", "#5c6a78", "#988e9f", "#796a85", "#728188",
    ),
}  # fmt: skip
OTHERS_COLOUR = "#7d8793"
CLEAR = "rgba(0,0,0,0)"

MOST_SERIES = 12
BAR_SHARE = 0.8
BESIDE_SHARE = 0.86  # of a bucket's width, where series stand side by side
BESIDE_OWN = 0.92  # of each one's part of it
COMPARED_SHARE = 0.62  # of the pale bar that stands behind
GHOST_OPACITY, GHOST_EDGE = 0.2, 0.65
RUNNING_OPACITY = 0.5
HATCH_GROUND = 0.3
HATCH = {"shape": "/", "size": 6, "solidity": 0.35, "fillmode": "replace"}
# Above its bar, in a grey that both grounds bear.
REVISED = {"symbol": "diamond", "size": 7, "standoff": 8, "angle": 180, "color": OTHERS_COLOUR, "line": {"width": 0}}
# What stands apart from its bar, and what a bar should not pass.
APART = {"symbol": "line-ew-open", "size": 18, "line": {"width": 2}}
LIMIT = {"color": LIGHT["offline"], "width": 1.5, "dash": "dash"}
LINE_WIDTH = 1.75
MOST_DOTS = 300  # of a line whose readings are each marked
DOT = 4
POINT = {"size": 6, "opacity": 0.8}  # a day of a cloud
AXIS_TITLE_ROOM = 8
HEAT_LEAST = 0.06  # opacity of the least value of a heatmap, on whichever ground
HEAT_BAR = 10
SPARKLINE_WIDTH = 1.5
BAND_OPACITY = 0.16
FONT_SIZE = 12
SMALL_FONT_SIZE = 11
MARGIN = {"l": 4, "r": 4, "t": 8, "b": 4}
SPARKLINE_MARGIN = {"l": 0, "r": 0, "t": 2, "b": 0}
SPIKE = {"spikethickness": 1, "spikedash": "solid", "spikecolor": LIGHT["line-strong"]}
LEGEND_NAME = 16  # characters of a name: two fit beside each other on a phone
LEGEND_LONG_NAME = 28  # where there are few series
LEGEND_FEW = 4
LEGEND_SHARE = 0.24  # of the chart's height; what is more scrolls
PLAIN_NUMBERS = {"exponentformat": "none", "separatethousands": True}


def resource_colour(resource: str) -> str:
    """Give the colour of a resource; unknown ones are `other`."""
    return RESOURCE_COLOURS.get(resource, RESOURCE_COLOURS["other"])


def device_shades(resource: str, n: int) -> list[str]:
    """Give n shades of a resource's colour in their fixed order; after the twelfth they begin again."""
    shades = RESOURCE_SHADES.get(resource, RESOURCE_SHADES["other"])
    return [shades[index % len(shades)] for index in range(n)]


def faded(colour: str, opacity: float) -> str:
    """Give `#rrggbb` as the rgba() that plotly takes."""
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


@cache
def template(locale: str) -> Any:
    """Give the plotly template: no ground of its own, horizontal grid only, the locale's separators."""
    axis: dict[str, Any] = {
        "showline": False,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": SMALL_FONT_SIZE, "color": LIGHT["muted"]},
        "title": {"text": ""},
    }
    made = go.layout.Template(
        layout={
            "font": {"family": FONT, "size": FONT_SIZE, "color": LIGHT["text"]},
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "margin": MARGIN,
            "separators": wording.separators(locale),
            "colorway": [RESOURCE_COLOURS[resource] for resource in RESOURCES],
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": LIGHT["raised"],
                "bordercolor": LIGHT["line"],
                "font": {"size": FONT_SIZE, "color": LIGHT["text"]},
                "align": "left",
                "namelength": 28,
            },
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "maxheight": LEGEND_SHARE,
                "traceorder": "normal",
                "title": {"text": ""},
                "itemsizing": "constant",
                "font": {"size": SMALL_FONT_SIZE},
            },
            "bargap": 1 - BAR_SHARE,
            "barcornerradius": 0,
            "dragmode": "zoom",
            "xaxis": {**axis, "showgrid": False, "ticks": "outside", "ticklen": 4, "tickcolor": LIGHT["line"]},
            "yaxis": {
                **axis,
                "showgrid": True,
                "gridcolor": LIGHT["line"],
                "gridwidth": 1,
                "nticks": 6,
                "fixedrange": True,
                **PLAIN_NUMBERS,
            },
        }
    )
    return made.to_plotly_json()


def figure(traces: Sequence[dict[str, Any]], layout: dict[str, Any], locale: str) -> go.Figure:
    """Make a figure in our template, without plotly's own checks: they take most of the time, so tests make them instead."""
    return go.Figure(data=list(traces), layout={"template": template(locale), **layout}, _validate=False)


def graph_config(locale: str, *, toolbar: bool = True) -> Any:
    """Give the configuration of every dcc.Graph: one toolbar button (PNG) or none, nothing that leaves this host, the locale."""
    return {
        "displaylogo": False,
        "showSendToCloud": False,
        "modeBarButtons": [["toImage"]],
        "displayModeBar": "hover" if toolbar else False,
        "doubleClick": "reset",
        "doubleClickDelay": 500,  # milliseconds, as people's systems have it; plotly's own 300 are for quick hands
        "scrollZoom": False,
        "responsive": True,
        "locale": wording.plotly_name(locale),
        "locales": {wording.plotly_name(locale): wording.plotly_locale(locale)},
        "toImageButtonOptions": {"format": "png", "scale": 2, "filename": "tds"},
    }


STILL: Any = {"staticPlot": True, "displayModeBar": False, "displaylogo": False, "showSendToCloud": False, "responsive": True}
