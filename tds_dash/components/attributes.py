"""HTML attributes whose names are no Python words."""

from __future__ import annotations

from typing import Any

DECORATION: dict[str, Any] = {"aria-hidden": "true"}  # seen, and not read out
LIVE: dict[str, Any] = {"aria-live": "polite"}  # read out when it changes


def labelled(text: str | None) -> dict[str, Any]:
    """Give a thing the name that a screen reader says."""
    return {"aria-label": text} if text else {}
