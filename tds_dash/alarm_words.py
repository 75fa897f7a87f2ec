"""Alarms and rules in words: what broke a limit, how it ended, what a rule is for, what it would have done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal

from dash import html
from dash.development.base_component import Component

from sql.alarm_preview import Hit, Preview
from sql.alarm_recipients import Recipient
from sql.alarm_rules import Draft, Rule
from sql.alarms import Alarm, rate_unit
from sql.errors import Refused
from tds_dash import wording
from tds_dash.components import sentence
from tds_dash.condition import since
from tds_dash.wording import number, t

ICONS = {"daily": "calendar-day", "monthly": "calendar3", "peak": "graph-up-arrow", "base": "moon-stars", "silence": "broadcast", "stuck": "pause-circle"}  # fmt: skip
SHOWN = 3


def amount(value: Decimal | None, unit: str | None, locale: str) -> str:
    """Write a value with its unit."""
    return number(value, locale, unit)


def said(alarm: Alarm, zone: tzinfo, locale: str) -> Component:
    """Say what broke the rule; of what is over, the highest."""
    key, values = told(alarm, zone, locale)
    return sentence(f"alarms.{key}", locale, **values)


def plainly(alarm: Alarm, zone: tzinfo, locale: str) -> str:
    """Say the same as plain text."""
    key, values = told(alarm, zone, locale)
    return t(f"alarms.{key}", locale, **values)


def told(alarm: Alarm, zone: tzinfo, locale: str) -> tuple[str, dict[str, object]]:
    """Give the sentence's key and what it names."""
    if alarm.kind in ("silence", "stuck"):
        return ("said_gateway" if alarm.device_id is None else f"said_{alarm.kind}"), {}
    start = (alarm.period_start or alarm.since).astimezone(zone)
    values: dict[str, object] = {
        "value": amount(alarm.value, alarm.unit_shown, locale),
        "worst": amount(alarm.worst, alarm.unit_shown, locale),
        "limit": amount(alarm.threshold, alarm.unit_shown, locale),
        "usual": amount(alarm.usual, alarm.unit_shown, locale),
        "day": wording.date(start, locale),
        "month": wording.month(start.date(), locale),
    }
    if alarm.closed_at is not None and alarm.kind in ("peak", "base"):
        return "said_lasting", values
    if alarm.closed_at is not None and alarm.kind in ("daily", "monthly"):
        values["value"] = values["worst"]
    if alarm.kind == "peak" and alarm.projected:
        return "said_peak_projected", values
    return ("said_base_usual" if alarm.usual is not None else f"said_{alarm.kind}"), values


def lasted(alarm: Alarm, now: datetime, zone: tzinfo, locale: str) -> str:
    """Say since when it holds, or from when to when it did; how often it came back; what of it is estimated."""
    parts = []
    if alarm.closed_at is None:
        parts.append(t("alarms.since", locale, time=since(alarm.since, now, zone, locale)))
    elif alarm.outcome != "late":
        start, end = (wording.date_clock(moment, locale, zone) for moment in (alarm.since, alarm.closed_at))
        parts.append(t("alarms.from_to", locale, start=start, end=end))
    if alarm.returned:
        parts.append(t("alarms.returned", locale, n=alarm.returned))
    if alarm.estimated:
        parts.append(t("alarms.estimated", locale, estimated=amount(alarm.estimated, alarm.unit_shown, locale)))
    if alarm.outcome is not None:
        parts.append(t(f"alarms.outcome_{alarm.outcome}", locale, value=amount(alarm.value, alarm.unit_shown, locale)))
    return " · ".join(parts)


def taken(alarm: Alarm, zone: tzinfo, locale: str) -> str:
    """Say who took note of it, and what they wrote; nothing where nobody has."""
    if alarm.acknowledged_at is None:
        return ""
    by = t("alarms.acknowledged", locale, who=alarm.acknowledged_by, time=wording.date_clock(alarm.acknowledged_at, locale, zone))
    return f"{by} {t('alarms.noted', locale, note=alarm.note)}" if alarm.note else by


def target(rule: Rule, locale: str) -> str:
    """Say what a rule is for."""
    if rule.device_id is not None:
        return t("alarms.target_device", locale, name=rule.device_name, gateway=rule.gateway_name)
    if rule.gateway_id is not None:
        return t("alarms.target_gateway", locale, name=rule.gateway_name)
    if rule.resource is None:
        return t("alarms.target_all", locale)
    resource = t(f"resource.{rule.resource}", locale)
    unit = f" ({rule.unit})" if rule.unit else ""
    return t("alarms.target_resource", locale, resource=resource.lower()) + unit


def limit(rule: Rule, locale: str) -> str:
    """Say a rule's limit."""
    if rule.percent is not None:
        return t("alarms.rule_percent_of", locale, percent=wording.percent(Decimal(rule.percent) / 100, locale))
    return amount(rule.threshold, rule.unit_shown, locale)


def named(rule: Rule, locale: str) -> str:
    """Name a rule."""
    return t("alarms.rule_of", locale, kind=t(f"alarms.kind_{rule.kind}", locale), target=target(rule, locale))


def previewed(found: Preview, draft: Draft, names: Mapping[int, tuple[str, str]], zone: tzinfo, locale: str) -> Component:
    """Say what a rule would have done; `names` gives a device's name and unit."""
    if not found.days:
        gateways = t("alarms.preview_gateways", locale, n=found.gateways_now)
        return sentence(
            "alarms.preview_now", locale, gateways=gateways, devices=t("alarms.preview_devices", locale, n=found.devices_now)
        )
    parts: list[Component] = []
    if not found.hits:
        parts.append(sentence("alarms.preview_none", locale, days=found.days))
    else:
        when = ", ".join(hit(one, draft.kind, names, zone, locale) for one in found.hits[-SHOWN:][::-1])
        if len(found.hits) > SHOWN:
            when = t("alarms.preview_more", locale, when=when, n=len(found.hits) - SHOWN)
        parts.append(sentence("alarms.preview_fired", locale, n=len(found.hits), days=found.days, when=when))
    if found.usual is not None and draft.percent is not None and draft.target.device in names:
        unit = rate_unit(names[draft.target.device or 0][1])
        parts.append(sentence("alarms.preview_usual", locale, usual=amount(found.usual, unit, locale)))
    if found.looked_at < found.devices:
        parts.append(sentence("alarms.preview_some", locale, some=found.looked_at, all=found.devices))
    return html.Span([piece for part in parts for piece in (part, " ")])


def hit(one: Hit, kind: str, names: Mapping[int, tuple[str, str]], zone: tzinfo, locale: str) -> str:
    """Say one time that a rule would have fired."""
    name, unit = names.get(one.device_id, ("?", ""))
    start = one.start.astimezone(zone)
    value = amount(one.value, rate_unit(unit) if kind in ("peak", "base") else unit, locale)
    if kind == "monthly":
        return t("alarms.preview_month", locale, name=name, month=wording.month(start.date(), locale), value=value)
    return t("alarms.preview_hit", locale, name=name, day=wording.date(start, locale), value=value)


def delivery(one: Recipient, now: datetime, zone: tzinfo, locale: str) -> str:
    """Say whether messages arrive; of a mail server's fault no more than that, which is the operator's to see."""
    if one.failing_since is not None:
        fault = t("alarms.fault_mail", locale) if one.channel == "mail" else one.fault or ""
        return t("alarms.delivery_failing", locale, time=since(one.failing_since, now, zone, locale), fault=fault)
    if one.told_at is None:
        return t("alarms.delivery_never", locale)
    return t("alarms.delivery_last", locale, ago=wording.since(one.told_at, now, locale))


def refusal(error: Refused, zone: tzinfo, locale: str) -> str:
    """Say why something was refused, in the reader's language."""
    if not error.key:
        return str(error)
    values = {
        name: wording.date_clock(value, locale, zone) if isinstance(value, datetime) else value
        for name, value in error.values.items()
    }
    return t(f"refused.{error.key}", locale, **values)
