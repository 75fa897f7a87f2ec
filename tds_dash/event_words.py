"""Events in words: what was seen, what was assumed, what was decided, and why a decision is refused."""

from __future__ import annotations

from datetime import date, tzinfo
from decimal import Decimal

from dash.development.base_component import Component

from sql.decisions import Event
from sql.errors import Refused
from tds_dash import wording
from tds_dash.components import sentence
from tds_dash.wording import number, t

KINDS = ("rollover", "reset", "replacement", "glitch", "unresolved")
ICONS = {
    "rollover": "arrow-repeat",
    "reset": "arrow-counterclockwise",
    "replacement": "tools",
    "glitch": "lightning",
    "unresolved": "question-circle",
}
EXACT = 6  # decimals


def said(event: Event, locale: str) -> Component:
    """Say in one sentence what was seen and what was assumed, the amount stressed."""
    key, values = told(event, locale)
    return sentence(key, locale, **values)


def plainly(event: Event, locale: str) -> str:
    """Say the same as plain text."""
    key, values = told(event, locale)
    return t(key, locale, **values)


def told(event: Event, locale: str) -> tuple[str, dict[str, object]]:
    """Give the sentence's key and what it names."""
    values: dict[str, object] = {
        "before": exactly(event.value_before, locale),
        "after": exactly(event.value_after, locale),
        "taken": number(event.increment, locale, event.unit, EXACT, sign=True),
    }
    if event.kind == "glitch":
        low, high = (number(value, locale, event.unit, EXACT) for value in (event.lowest, event.highest))
        key = "events.left_out" if low != high else "events.left_out_at"
        return key, values | {"n": event.readings, "lowest": low, "highest": high}
    if event.decision == "ignore":
        return "events.ignored", values
    registers = {"final": exactly(event.final, locale), "initial": exactly(event.initial, locale)}
    if event.decision == "correct":
        return "events.corrected", values | registers
    if event.kind == "replacement":
        return ("events.replaced_by", values | registers) if event.decision == "replacement" else ("events.replaced", values)
    if event.kind == "rollover":
        digits = digits_of(event.modulus)
        if digits:
            return "events.fell_rollover", values | {"digits": digits}
        return "events.fell_wraps", values | {"modulus": exactly(event.modulus, locale)}
    if event.kind == "reset":
        return "events.fell_reset", values
    return ("events.rose" if event.value_after > event.value_before else "events.fell"), values


def digits_of(modulus: Decimal | None) -> int:
    """Give how many digits a register has that wraps at a power of ten; 0 for any other."""
    text = f"{modulus.normalize():f}" if modulus else ""
    return len(text) - 1 if text.startswith("1") and not text.strip("10") and text.count("1") == 1 and "." not in text else 0


def decided(event: Event, zone: tzinfo, locale: str) -> str:
    """Say what was decided, by whom and when; nothing where nothing was."""
    if event.decision is None or event.decided_at is None:
        return ""
    by = t("events.decided_by", locale, by=event.decided_by, time=wording.date_clock(event.decided_at, locale, zone))
    return f"{t(f'events.was_{event.decision}', locale)} {by}"


def between(event: Event, zone: tzinfo, locale: str) -> str:
    """Say between which two readings it happened, with seconds where there are any: both may lie within one minute."""
    seconds = bool(event.since.second or event.at.second)
    days = [wording.date(moment, locale, zone) for moment in (event.since, event.at)]
    clocks = [wording.clock(moment, locale, zone, seconds=seconds) for moment in (event.since, event.at)]
    if days[0] == days[1]:
        return t("events.at_day", locale, day=days[0], since=clocks[0], at=clocks[1])
    return t("events.at", locale, since=f"{days[0]} {clocks[0]}", at=f"{days[1]} {clocks[1]}")


def refusal(error: Refused, locale: str) -> str:
    """Say why something was refused, in the reader's language."""
    if not error.key:
        return str(error)
    values = {
        name: exactly(value, locale)
        if isinstance(value, Decimal)
        else wording.date(value, locale)
        if isinstance(value, date)
        else value
        for name, value in error.values.items()
    }
    return t(f"refused.{error.key}", locale, **values)


def exactly(value: Decimal | None, locale: str) -> str:
    """Write a register with all its decimals."""
    return number(value, locale, digits=EXACT)
