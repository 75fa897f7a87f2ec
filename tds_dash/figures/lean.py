"""Long charts made light: evenly spaced bars by their beginning and distance, what hovering says as numbers.

A browser and a line take two thousand bars well enough, but not with their instants and sentences written out for every one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tds_dash import theme
from tds_dash.figures import axes, bars
from tds_dash.figures.bars import Frame
from tds_dash.figures.series import Bucket, covered
from tds_dash.wording import t

LONG = 100  # bars; below that nothing is gained
SPOKEN = 400  # bars of which each gets its sentence


def spacing(keys: Sequence[str]) -> float | None:
    """Give the distance of wall times in milliseconds where all have the same; None where clocks turned, and for months."""
    if len(keys) < LONG:
        return None
    first, second, last = (datetime.fromisoformat(key) for key in (keys[0], keys[1], keys[-1]))
    distance = second - first
    even = last - first == distance * (len(keys) - 1) and distance <= timedelta(days=1)
    return distance / timedelta(milliseconds=1) if even else None


def even(traces: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Write the bars of traces by beginning and distance, what is missing as nothing, where that is shorter."""
    distance = spacing(keys)
    if distance is None:
        return list(traces)
    places = {key: place for place, key in enumerate(keys)}
    return [spaced(trace, keys, places, distance) for trace in traces]


def spaced(trace: dict[str, Any], keys: Sequence[str], places: Mapping[str, int], distance: float) -> dict[str, Any]:
    """Write one trace so; marks, and bars that are few, stay as they are."""
    x = trace.get("x") or []
    if trace["type"] != "bar" or len(x) < len(keys) / 4 or "text" in trace or not all(key in places for key in x):
        return trace
    y = np.full(len(keys), np.nan)
    y[[places[key] for key in x]] = [np.nan if value is None else value for value in trace["y"]]
    marker = {**trace["marker"], "opacity": 1}  # the running bar is too thin here to be seen lighter
    kept = {name: value for name, value in trace.items() if name != "x"}
    return {**kept, "x0": keys[0], "dx": distance, "y": y, "marker": marker}


def speakers(
    whole: Mapping[str, Bucket], other: Mapping[str, Bucket], other_name: str, frame: Frame
) -> list[dict[str, Any]] | None:
    """Give what hovering says as numbers; None where every bar has a sentence, which those that are odd have here too."""
    keys = list(whole)
    distance = spacing(keys) if len(keys) > SPOKEN else None
    if distance is None:
        return None
    odd = {key: bucket for key, bucket in whole.items() if is_odd(key, bucket, frame)}
    rows = [numbers(bucket, other.get(key), frame) if key not in odd else [None] * 4 for key, bucket in whole.items()]
    said = [
        f"<b>{t('chart.total_is', frame.locale, value=f'%{{customdata[0]:{bars.HOVERED}}} {frame.unit}')}</b>",
        t("chart.quality", frame.locale, estimated="%{customdata[1]:.0f} %", coverage="%{customdata[2]:.0f} %"),
    ]
    if other:
        said.append(f"{bars.safe(other_name)}: %{{customdata[3]:{bars.HOVERED}}} {frame.unit}")
    heights = np.array([np.nan if key in odd else 0.0 for key in keys])
    placed = {name: value for name, value in bars.bars(whole, [], theme.CLEAR, frame).items() if name != "x"}
    plain = {
        **placed, "name": t("chart.total", frame.locale), "x0": keys[0], "dx": distance, "y": heights,
        "customdata": rows, "hovertemplate": "<br>".join(said) + "<extra></extra>", "showlegend": False,
    }  # fmt: skip
    plain["marker"] = {**plain["marker"], "opacity": 1}
    return [plain, bars.speaker(odd, frame)] if odd else [plain]


def is_odd(key: str, bucket: Bucket, frame: Frame) -> bool:
    """Tell whether there is more to say of a bucket than its numbers."""
    running = axes.is_running(bucket.start, frame.now, frame.step, frame.zone)
    return bucket.consumption is None or bucket.repeated or running or key in frame.revised


def numbers(bucket: Bucket, other: Bucket | None, frame: Frame) -> list[float | None]:
    """Give a bucket's total, its estimated and its measured share in percent, and what stands beside it."""
    total = float(bucket.consumption or 0)
    estimated = 100 * float(bucket.estimated) / total if total else 0.0
    coverage = covered(bucket, frame.step, frame.zone, frame.now)
    beside = None if other is None or other.consumption is None else float(other.consumption)
    return [total, round(estimated), None if coverage is None else round(100 * coverage), beside]
