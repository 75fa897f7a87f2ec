"""The overview's cards: how the fleet does, and per resource this month and today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from sql.queries.gateways import FleetStatus
from tds_dash.components import metric_card, sentence
from tds_dash.components.attributes import DECORATION
from tds_dash.figures import sparkline
from tds_dash.summary import ResourceSummary, change
from tds_dash.wording import card_number, number, t


def fleet_cards(status: FleetStatus, locale: str) -> list[Component]:
    """Give the cards of gateways, online and offline, and of devices that report."""
    offline = status.gateways_offline
    silent = status.devices - status.devices_reporting
    gateways_note = html.Span(
        [dot("offline"), t("overview.gateways_offline", locale, n=offline)]
        if offline
        else [dot("online"), t("overview.all_online", locale)]
        if status.gateways
        else t("gateways.empty", locale)
    )
    devices_note = html.Span(
        [dot("offline"), t("overview.devices_silent", locale, n=silent)]
        if silent
        else [dot("silent"), t("overview.devices_stuck", locale, n=status.devices_stuck)]
        if status.devices_stuck
        else [dot("online"), t("overview.all_reporting", locale)]
        if status.devices
        else t("devices.empty", locale)
    )
    return [
        metric_card(
            t("overview.gateways", locale),
            number(status.gateways_online, locale),
            t("overview.online_of", locale, total=status.gateways),
            locale=locale,
            href="/gateways",
            note=gateways_note,
        ),
        metric_card(
            t("overview.devices", locale),
            number(status.devices_reporting, locale),
            t("overview.devices_of", locale, total=status.devices),
            locale=locale,
            href="/devices",
            note=devices_note,
        ),
    ]


def resource_cards(
    found: Sequence[ResourceSummary], now: datetime, zone: ZoneInfo, locale: str, costs: Mapping[str, str] | None = None
) -> list[Component]:
    """Give two cards a resource: this month so far against the same part of last month, and today."""
    cards: list[Component] = []
    for one in found:
        name = t(f"resource.{one.resource}", locale)
        cards += [
            metric_card(
                t("overview.this_month", locale, resource=name),
                card_number(one.month.quantity, locale),
                f"{one.unit} · {costs[one.resource]}" if costs and one.resource in costs else one.unit,
                locale=locale,
                change=change(one, now, zone, locale),
                sparkline=sparkline(one.spark, one.resource),
                href=f"/consumption?resource={one.resource}&period=this_month",
                resource=one.resource,
            ),
            metric_card(
                t("overview.today", locale, resource=name),
                card_number(one.today.quantity, locale),
                one.unit,
                locale=locale,
                note=sentence("overview.today_note", locale, n=one.devices),
                href=f"/consumption?resource={one.resource}&period=day",
                resource=one.resource,
            ),
        ]
    return cards


def dot(state: str) -> html.Span:
    """Give the mark before a word of state."""
    return html.Span(html.Span(className="tds-dot", **DECORATION), className=f"tds-status tds-status-{state}")
