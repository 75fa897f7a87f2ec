"""Figures: pure functions from typed rows to plotly figures; no ids, no clock, no user, no query."""

from tds_dash.figures.bars import clicked_bucket, consumption_bars, monthly_bars
from tds_dash.figures.columns import Beside, Panel, Scene, explorer_bars
from tds_dash.figures.lines import blank, history_lines, reading_lines, sparkline
from tds_dash.figures.overlay import overlaid
from tds_dash.figures.peaks import MonthPeak, demand_bars
from tds_dash.figures.profiles import Look, average_day, duration_curve, night_bars, week_heatmap
from tds_dash.figures.series import ChartDevice, by_unit, placed

__all__ = [
    "Beside",
    "ChartDevice",
    "Look",
    "MonthPeak",
    "Panel",
    "Scene",
    "average_day",
    "blank",
    "by_unit",
    "clicked_bucket",
    "consumption_bars",
    "demand_bars",
    "duration_curve",
    "explorer_bars",
    "history_lines",
    "monthly_bars",
    "night_bars",
    "overlaid",
    "placed",
    "reading_lines",
    "sparkline",
    "week_heatmap",
]
