"""What the gateway page answers: state, what to do, what was delivered, its devices and facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from dash import dcc, html
from dash.development.base_component import Component

from sql.queries.delivery import Delivered, Delivery
from sql.queries.devices import Device
from sql.queries.gateways import Gateway
from tds_dash import wording
from tds_dash.components import condition_badge, data_table, facts_list, metric_card, status_badge
from tds_dash.components.attributes import DECORATION
from tds_dash.components.tables import Cell, Column
from tds_dash.condition import gateway_sentence
from tds_dash.wording import NOTHING, lasting, number, percent, t


def state_line(gateway: Gateway, now: datetime, zone: tzinfo, locale: str) -> list[Component]:
    """Say whether the gateway is heard, and when it last was."""
    seen = gateway.last_seen_at
    heard = t("gateway.heard", locale, ago=wording.since(seen, now, locale)) if seen else t("gateway.unheard", locale)
    return [
        status_badge(gateway.state, locale),  # type: ignore[arg-type]
        html.Span(heard, className="tds-muted", title=wording.date_clock(seen, locale, zone) if seen else None),
        *unwell(gateway, locale),
    ]


def unwell(gateway: Gateway, locale: str) -> list[Component]:
    """Say how many of a gateway's devices do not do well behind it; nothing where all do."""
    found: list[Component] = []
    for key, n in (("overview.devices_silent", gateway.devices_silent), ("overview.devices_stuck", gateway.devices_stuck)):
        if n:
            found.append(
                html.Span(
                    [html.Span(className="tds-dot", **DECORATION), t(key, locale, n=n)], className="tds-status tds-status-silent"
                )
            )
    return found


def advice(gateway: Gateway, now: datetime, zone: tzinfo, locale: str) -> Component | None:
    """Say what to check where it is not heard."""
    said = gateway_sentence(gateway, now, zone, locale)
    return None if said is None else html.Div(said, className="alert alert-warning mb-0", role="status")


def cards(found: Delivery, locale: str) -> list[Component]:
    """Give the cards of the last 24 hours: complete, late, repeated, and the delay of what came last."""
    day = found.last_day
    words = {"received": day.complete, "expected": day.expected}
    note = t("delivery.received_note", locale, **words) if day.expected else t("delivery.none_expected", locale)
    return [
        metric_card(titled("complete", locale), share(day, locale), locale=locale, note=note),
        metric_card(titled("late", locale), number(day.late, locale), locale=locale, note=t("delivery.late_note", locale)),
        metric_card(
            titled("duplicated", locale),
            number(day.duplicated, locale),
            locale=locale,
            note=t("delivery.duplicated_note", locale),
        ),
        metric_card(t("delivery.delay", locale), way(found.delay, locale), locale=locale, note=t("delivery.delay_note", locale)),
    ]


def titled(what: str, locale: str) -> str:
    """Name a card of the last 24 hours."""
    return t("delivery.last_24", locale, what=t(f"delivery.{what}", locale))


def table(days: Sequence[Delivered], zone: tzinfo, locale: str) -> Component:
    """Give one line a day, today first."""
    columns = [
        Column(t("delivery.day", locale)),
        Column(t("delivery.expected", locale), "end", secondary=True),
        *(Column(t(f"delivery.{name}", locale), "end") for name in ("received", "complete", "late", "duplicated")),
        Column(t("delivery.longest", locale), "end"),
    ]
    lines: list[list[Cell]] = [
        [
            html.Span(wording.date(day.start, locale, zone) if index else t("delivery.today", locale), className="tds-piece"),
            *(number(value, locale) for value in (day.expected, day.received)),
            share(day, locale),
            *(number(value, locale) for value in (day.late, day.duplicated)),
            way(day.longest, locale),
        ]
        for index, day in enumerate(days)
    ]
    return data_table(columns, lines, caption=t("delivery.caption", locale))


def share(day: Delivered, locale: str) -> str:
    """Write how much of what was expected came; never 100 % where something is missing."""
    if not day.expected:
        return NOTHING
    exact = Decimal(day.complete) / day.expected
    return percent(min(exact, Decimal("0.999")) if day.complete < day.expected else exact, locale, 1)


def way(delay: timedelta | None, locale: str) -> str:
    """Write how long a reading was on its way."""
    return NOTHING if delay is None else lasting(delay.total_seconds(), locale)


def devices_table(found: Sequence[Device], now: datetime, zone: tzinfo, locale: str) -> Component:
    """List the gateway's devices, with how each does."""
    columns = [
        Column(t("field.name", locale)),
        Column(t("field.status", locale)),
        Column(t("field.last_reading", locale), "end"),
        Column(t("field.time", locale)),
        Column(t("field.interval", locale), secondary=True),
        Column(t("field.code", locale)),
    ]
    lines: list[list[Cell]] = [
        [
            dcc.Link(
                [html.Span(className=f"tds-swatch tds-swatch-{device.resource}", **DECORATION), device.name],
                href=f"/device/{device.id}",
            ),
            condition_badge(device.state, locale),
            number(device.last_value, locale, device.unit) if device.last_value is not None else "",
            html.Span(
                wording.since(device.last_time, now, locale),
                title=wording.date_clock(device.last_time, locale, zone) if device.last_time else None,
            ),
            t("device.every", locale, interval=lasting(device.interval_seconds, locale)),
            device.code,
        ]
        for device in found
    ]
    return data_table(columns, lines, caption=t("gateway.devices", locale))


def facts(gateway: Gateway, zone: tzinfo, locale: str) -> Component:
    """List what is known of a gateway."""
    return facts_list(
        [
            (t("field.mac", locale), html.Code(gateway.mac)),
            (t("field.devices", locale), t("gateways.devices_of", locale, n=gateway.devices, capacity=gateway.capacity)),
            (t("field.interval", locale), t("device.every", locale, interval=lasting(gateway.interval_seconds, locale))),
            (
                t("gateway.offline_after", locale),
                t("gateway.offline_after_value", locale, silence=lasting(gateway.silence_seconds, locale)),
            ),
            (t("field.created", locale), wording.date(gateway.created_at, locale, zone)),
        ]
    )


def links(gateway: Gateway, locale: str) -> Component:
    """Give the way to where it is changed."""
    return dcc.Link(t("fleet.edit", locale), href=f"/gateways?edit={gateway.id}", className="btn btn-outline-primary")
