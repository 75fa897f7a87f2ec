"""How a gateway or a device does, as a sentence that names it and says what to do."""

from __future__ import annotations

from datetime import datetime, tzinfo

from dash import html

from sql.queries.devices import Device
from sql.queries.gateways import Gateway
from tds_dash import wording
from tds_dash.components import sentence


def gateway_sentence(gateway: Gateway, now: datetime, zone: tzinfo, locale: str) -> html.Span | None:
    """Say what to do about a gateway that is not heard; None where it is."""
    if gateway.online or gateway.state == "retired":
        return None
    if gateway.last_seen_at is None:
        return sentence("attention.gateway_never", locale, name=gateway.name)
    return sentence("attention.gateway_offline", locale, name=gateway.name, time=since(gateway.last_seen_at, now, zone, locale))


def device_sentence(device: Device, gateway: Gateway, now: datetime, zone: tzinfo, locale: str) -> html.Span | None:
    """Say what to do about a device that does not do well; None where it does."""
    words = {"name": device.name, "code": device.code}
    if device.state in ("reporting", "retired"):
        return None
    if device.state in ("never", "inactive") or device.last_time is None:
        return sentence(f"attention.device_{device.state}", locale, **words)
    words["time"] = since(device.last_time, now, zone, locale)
    if device.state == "offline" and gateway.last_seen_at is None:
        return sentence("attention.device_unheard", locale, **words)
    if device.state == "offline" and gateway.last_seen_at is not None:
        words["gateway_time"] = since(gateway.last_seen_at, now, zone, locale)
    if device.state == "stuck" and device.since is not None:
        words["time"] = since(device.since, now, zone, locale)
    return sentence(f"attention.device_{device.state}", locale, **words)


def since(moment: datetime, now: datetime, zone: tzinfo, locale: str) -> str:
    """Write an instant: the time alone where it is today's."""
    if moment.astimezone(zone).date() == now.astimezone(zone).date():
        return wording.clock(moment, locale, zone)
    return wording.date_clock(moment, locale, zone)
