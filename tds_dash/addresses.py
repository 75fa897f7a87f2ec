"""Addresses of the explorer's views: its controls as a query, as short as it can be, and as the browser writes it too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from tds_dash import periods
from tds_dash.comparing import OTHER
from tds_dash.exploring import DEFAULTS, Asked
from tds_dash.view import CUSTOM

PATH = "/consumption"
ORDER = ("resource", "devices", "group", "period", "from", "to", "day", "at", "step", "bars", "compare", "with")
# What says something only beside a certain choice of another control.
ONLY = {"from": ("period", CUSTOM), "to": ("period", CUSTOM), "at": ("period", periods.BILLING), "with": ("compare", OTHER)}
LONGEST = 3_000  # characters of a query that every server and mail program takes


def controls(asked: Asked, given: Mapping[str, object]) -> dict[str, str]:
    """Give what was asked for as words of an address; dates and step as they were given."""
    words = {
        "resource": asked.resource,
        "devices": ranges(int(str(device)) for device in asked.devices if str(device).isdigit()),
        "group": asked.group,
        "period": asked.period.kind,
        "day": str(asked.period.billing_day),
        "step": asked.step,
        "bars": asked.bars,
        "compare": asked.compare,
        "with": str(asked.other or ""),
    }
    return words | {name: str(given.get(name) or "") for name in ("from", "to", "at")}


def query(words: Mapping[str, str]) -> str:
    """Write words as a query, without what is so anyway and what says nothing."""
    kept = {}
    for name in ORDER:
        text = words.get(name, "")
        beside = ONLY.get(name)
        if text and text != DEFAULTS.get(name, "") and (beside is None or words.get(beside[0], "") == beside[1]):
            kept[name] = text
    return urlencode(kept, safe=",")


def address(words: Mapping[str, str], **changed: str) -> str:
    """Give the address of a view, with some words changed."""
    found = query({**words, **changed})
    return f"{PATH}?{found}" if found else PATH


def at_period(words: Mapping[str, str], moved: Mapping[str, str]) -> str:
    """Give the address of the same view over another period."""
    return address(words, **{"from": "", "to": "", "at": "", **moved})


def ranges(ids: Iterable[int]) -> str:
    """Write ids as runs: `3,5,8-12`."""
    found: list[list[int]] = []
    for number in sorted(set(ids)):
        if found and found[-1][-1] == number - 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ",".join(run(*one) for one in found)


def run(first: int, last: int = 0) -> str:
    """Write a run of numbers; two in a row as two."""
    return f"{first}" if not last else f"{first},{last}" if last == first + 1 else f"{first}-{last}"
