"""The overview's lines of open alarms. What is silent or does not move, the fleet says itself."""

from __future__ import annotations

from datetime import datetime, tzinfo

from sqlalchemy import Connection

from sql.alarm_judging import METERED
from sql.alarms import Wanted, alarms
from tds_dash.alarm_words import amount
from tds_dash.attention_item import Item
from tds_dash.components import sentence
from tds_dash.wording import t

SHOWN, MOST = 4, 200


def attention_items(conn: Connection, now: datetime, zone: tzinfo, locale: str) -> list[Item]:
    """Give the open alarms of limits that nobody has acknowledged: the newest by name, the rest counted."""
    found = [one for one in alarms(conn, Wanted(None, open=True), MOST) if one.kind in METERED and one.acknowledged_at is None]
    items = []
    for one in found[:SHOWN]:
        figures = t(
            "alarms.figures",
            locale,
            value=amount(one.value, one.unit_shown, locale),
            limit=amount(one.threshold, one.unit_shown, locale),
        )
        text = sentence(
            "alarms.attention", locale, name=one.name, kind=t(f"alarms.kind_{one.kind}", locale).lower(), figures=figures
        )
        items.append(Item("fault", text, f"/alarms?alarm={one.id}", one.since))
    if len(found) > SHOWN:
        items.append(Item("warning", sentence("alarms.attention_more", locale, n=len(found) - SHOWN), "/alarms"))
    return items
