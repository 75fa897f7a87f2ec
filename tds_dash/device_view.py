"""What the device page answers: facts, state, its newest readings and the ways on, from typed rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from zoneinfo import ZoneInfo

from dash import dcc, html
from dash.development.base_component import Component

from sql.queries.devices import Device
from sql.queries.gateways import Gateway
from sql.queries.readings import Reading
from tds_dash import wording
from tds_dash.components import condition_badge, data_table, facts_list, stale_note
from tds_dash.components.tables import Cell, Column, moment
from tds_dash.condition import device_sentence
from tds_dash.wording import number, t


def state_line(device: Device, gateway: Gateway, now: datetime, zone: ZoneInfo, locale: str) -> list[Component | str]:
    """Say how the device does, when its last reading was taken, and behind which gateway it is."""
    interval = timedelta(seconds=device.interval_seconds)
    return [
        condition_badge(device.state, locale),
        stale_note(device.last_time, interval, now=now, zone=zone, locale=locale) if device.last_time else "",
        html.Span(
            [t("device.behind", locale, gateway=""), dcc.Link(gateway.name, href=f"/gateway/{gateway.id}")], className="tds-muted"
        ),
    ]


def advice(device: Device, gateway: Gateway, now: datetime, zone: ZoneInfo, locale: str) -> Component | None:
    """Say what to check where it does not do well."""
    said = device_sentence(device, gateway, now, zone, locale)
    return None if said is None else html.Div(said, className="alert alert-warning mb-0", role="status")


def facts(device: Device, gateway: Gateway, zone: ZoneInfo, locale: str) -> Component:
    """List what is known of a device."""
    last = number(device.last_value, locale, device.unit) if device.last_value is not None else t("status.never", locale)
    return facts_list(
        [
            (t("field.resource", locale), t(f"resource.{device.resource}", locale)),
            (t("field.kind", locale), html.Span(t(f"kind.{device.kind}", locale), title=t(f"kind.{device.kind}_hint", locale))),
            (t("field.code", locale), device.code),
            (t("field.gateway", locale), gateway.name),
            (t("field.mac", locale), html.Code(gateway.mac)),
            (t("field.unit", locale), device.unit),
            (t("field.interval", locale), t("device.every", locale, interval=wording.lasting(device.interval_seconds, locale))),
            (t("field.last_reading", locale), last),
            (t("field.created", locale), wording.date(device.created_at, locale, zone)),
        ]
    )


def readings(found: Sequence[Reading], device: Device, zone: ZoneInfo, locale: str) -> Component:
    """List readings, newest first, each with its difference from the one before."""
    columns = [Column(t("field.time", locale)), Column(f"{t('field.value', locale)} ({device.unit})", "end")]
    columns.append(Column(t("device.difference", locale), "end"))
    lines: list[list[Cell]] = [
        [
            moment(one.time, zone, locale),
            html.Strong(number(one.value, locale)),
            number(one.value - before.value, locale, sign=True) if before else "",
        ]
        for one, before in zip_longest(found, found[1:])
    ]
    return data_table(columns, lines, caption=t("device.latest", locale), boxed=True)


def links(device: Device, locale: str, may_edit: bool = False) -> list[Component]:
    """Give the ways on from here; to where it is changed for whoever may."""
    found: list[Component] = [
        dcc.Link(t("device.see_readings", locale), href=f"/readings?device={device.id}", className="btn btn-outline-primary")
    ]
    if device.kind != "gauge":
        href = f"/consumption?resource={device.resource}&devices={device.id}"
        found.insert(0, dcc.Link(t("device.see_consumption", locale), href=href, className="btn btn-outline-primary"))
    if may_edit:
        found.append(dcc.Link(t("fleet.edit", locale), href=f"/devices?edit={device.id}", className="btn btn-outline-primary"))
    return found
