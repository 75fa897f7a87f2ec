"""One thing that needs attention, as every source gives it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from dash.development.base_component import Component


class Item(NamedTuple):
    """A sentence that names the thing and says what to do, where to look, and since when it is so."""

    level: Literal["fault", "warning"]
    text: Component
    href: str
    since: datetime | None = None
