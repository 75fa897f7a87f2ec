"""What needs attention, from whoever knows of something: each source gives items, the overview shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from operator import attrgetter
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql.queries.gateways import Trouble, troubles
from tds_dash.alarms_overview import attention_items as alarm_items
from tds_dash.attention_item import Item
from tds_dash.certificates_view import attention_items as certificate_items
from tds_dash.components import sentence
from tds_dash.components.attributes import DECORATION
from tds_dash.condition import since
from tds_dash.first_boot_view import attention_items as first_boot_items
from tds_dash.wording import t

SHOWN, MOST = 5, 50
# So many silent devices of one gateway are one fault of what they share.
A_BUS = 4


Source = Callable[[Connection, datetime, tzinfo, str], Sequence[Item]]


def fleet_items(conn: Connection, now: datetime, zone: tzinfo, locale: str) -> list[Item]:
    """Give the gateways and devices that do not do well."""
    found = troubles(conn, now)
    items = [_gateway(one, now, zone, locale) for one in found if one.what == "gateway"]
    behind = sorted((one for one in found if one.what == "device"), key=attrgetter("gateway_id", "state"))
    for (_, state), group in groupby(behind, key=attrgetter("gateway_id", "state")):
        alike = list(group)
        if state == "late" or (state == "silent" and len(alike) >= A_BUS):
            items.append(_behind(alike, now, zone, locale))
        else:
            items += [_device(one, now, zone, locale) for one in alike]
    return items


SOURCES: tuple[Source, ...] = (alarm_items, fleet_items, certificate_items, first_boot_items)


def attention(conn: Connection, now: datetime, zone: tzinfo, locale: str) -> list[Item]:
    """Give everything that needs attention: faults first, what is new before what is old."""
    items = [item for source in SOURCES for item in source(conn, now, zone, locale)]
    return sorted(items, key=lambda item: (item.level != "fault", item.since is None, -(item.since or now).timestamp()))


def panel(items: Sequence[Item], locale: str) -> html.Section:
    """Show what needs attention, or that nothing does; what is beyond the first few opens on demand."""
    body: list[Component] = [html.H2(t("attention.title", locale), className="tds-section-title")]
    if not items:
        calm: list[Any] = [html.I(className="bi bi-check-circle", **DECORATION), t("attention.calm", locale)]
        body.append(html.P(calm, className="tds-attention-calm"))
    else:
        body.append(html.Ul([line(item) for item in items[:SHOWN]], className="tds-attention"))
    if rest := items[SHOWN:MOST]:
        more: list[Component] = [html.Ul([line(item) for item in rest], className="tds-attention")]
        if len(items) > MOST:
            more.append(dcc.Link(t("attention.most", locale), href="/devices"))
        body.append(
            html.Details([html.Summary(t("attention.more", locale, n=len(items) - SHOWN)), *more], className="tds-details")
        )
    return html.Section(body, className="tds-card")


def line(item: Item) -> html.Li:
    """Give one item as a line that leads to where it can be looked at."""
    mark = html.I(className=f"bi bi-{'exclamation-octagon' if item.level == 'fault' else 'exclamation-triangle'}", **DECORATION)
    return html.Li([mark, dcc.Link(item.text, href=item.href)], className=f"tds-attention-{item.level}")


def _gateway(one: Trouble, now: datetime, zone: tzinfo, locale: str) -> Item:
    if one.since is None:
        text = sentence("attention.gateway_never", locale, name=one.name)
        return Item("warning", text, f"/gateway/{one.id}")
    text = sentence("attention.gateway_offline", locale, name=one.name, time=since(one.since, now, zone, locale))
    return Item("fault", text, f"/gateway/{one.id}", one.since)


def _behind(alike: Sequence[Trouble], now: datetime, zone: tzinfo, locale: str) -> Item:
    """Say of a gateway what is true of several of its devices: the newest reading of any of them counts."""
    newest = max(one.since for one in alike if one.since is not None)
    words: dict[str, object] = {"name": alike[0].gateway_name, "time": since(newest, now, zone, locale)}
    href = f"/gateway/{alike[0].gateway_id}"
    if alike[0].state == "late":
        return Item("warning", sentence("attention.gateway_late", locale, **words), href, newest)
    return Item("fault", sentence("attention.bus_silent", locale, n=len(alike), **words), href, newest)


def _device(one: Trouble, now: datetime, zone: tzinfo, locale: str) -> Item:
    words = {"name": one.name, "code": one.code or "", "time": since(one.since, now, zone, locale) if one.since else ""}
    text = sentence(f"attention.device_{one.state}", locale, **words)
    return Item("fault" if one.state == "silent" else "warning", text, f"/device/{one.id}", one.since)
