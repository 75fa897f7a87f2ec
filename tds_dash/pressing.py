"""Which button of a page was pressed, as the browser says it (assets/fleet.js)."""

from __future__ import annotations

from typing import Any

from dash.exceptions import PreventUpdate


def pressed(asked: object, *verbs: str) -> tuple[str, Any]:
    """Read which button was pressed, and of what; no update for another one, or for what no page of ours sends."""
    if not isinstance(asked, dict) or asked.get("verb") not in verbs:
        raise PreventUpdate
    return asked["verb"], asked.get("id")
