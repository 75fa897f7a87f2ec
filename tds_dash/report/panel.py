"""The page of the monthly reports in tables: the months that there are, and who gets them by mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from dash import html
from dash.development.base_component import Component

from sql.report_recipients import Recipient
from tds_dash import wording
from tds_dash.components import empty_state
from tds_dash.components.attributes import labelled
from tds_dash.components.tables import Cell, Column, data_table
from tds_dash.report import words
from tds_dash.wording import LOCALES, t

NAMES = {"pt-BR": "Português", "en": "English"}


def months_table(months: Sequence[date], today: date, locale: str) -> Component:
    """Give the months, the newest first, each with its page in both languages."""
    if not months:
        action = t("overview.empty_action", locale)
        return empty_state(
            t("report.empty", locale), t("report.empty_text", locale), action=action, href="/gateways", icon="file-earmark-text"
        )
    own = [locale, *(one for one in LOCALES if one != locale)]
    columns = [Column(t("report.of_month", locale)), *(Column(NAMES[one], "end") for one in own)]
    lines: list[list[Cell]] = [[named(month, today, locale), *(link(month, one, locale) for one in own)] for month in months]
    return data_table(columns, lines, caption=t("report.title", locale), boxed=True)


def named(month: date, today: date, locale: str) -> Cell:
    """Name a month; of the running one say up to when it goes, and that it is compared no further."""
    name = words.month(month, locale)
    if month != today.replace(day=1):
        return name
    said = t("report.running_month", locale, days=wording.days(month, today, locale))
    return [html.Span(t("report.so_far", locale, month=name)), html.Div(said, className="tds-muted")]


def link(month: date, language: str, locale: str) -> Component:
    """Give the link to a month's page in a language."""
    said = t("report.open_of", locale, month=words.month(month, locale), language=NAMES[language])
    return html.A("PDF", href=f"/report/{month:%Y-%m}.pdf?locale={language}", lang=language, **labelled(said))


def recipients_table(found: Sequence[Recipient], zone: tzinfo, locale: str) -> Component:
    """Give who gets the report, when, and what became of the last one."""
    if not found:
        return html.P(t("report.nobody", locale), className="tds-muted")
    columns = [Column(t("alarms.address", locale), wraps=True), Column(t("report.when", locale), wraps=True)]
    columns += [Column(t("report.last", locale), wraps=True), Column(t("field.actions", locale), "end")]
    lines: list[list[Cell]] = []
    for one in found:
        when = t("report.when_is", locale, day=one.day, hour=clock(one.hour, locale), language=NAMES[one.locale])
        buttons = [act(verb, one, locale) for verb in verbs(one)]
        lines.append([one.address, when, last(one, zone, locale), html.Div(buttons, className="tds-row-actions")])
    return data_table(columns, lines, caption=t("report.by_mail", locale))


def verbs(one: Recipient) -> tuple[str, ...]:
    """Give what can be done about a recipient."""
    return ("resume", "remove") if one.paused_at is not None else ("send", "pause", "remove")


def clock(hour: int, locale: str) -> str:
    """Write an hour of the day."""
    return wording.clock(datetime(2000, 1, 1, hour, tzinfo=UTC), locale)


def last(one: Recipient, zone: tzinfo, locale: str) -> str:
    """Say what became of the last report to a recipient."""
    if one.paused_at is not None:
        return t("report.paused_since", locale, time=wording.date_clock(one.paused_at, locale, zone))
    if one.month is None:
        return t("report.last_none", locale)
    names = {"month": words.month(one.month, locale), "fault": one.fault or ""}
    if one.sent_at is not None:
        return t("report.last_sent", locale, time=wording.date_clock(one.sent_at, locale, zone), **names)
    key = "given_up" if one.given_up_at is not None else "failing" if one.fault else "waits"
    return t(f"report.last_{key}", locale, **names)


def act(verb: str, one: Recipient, locale: str) -> html.Button:
    """Give a button that says what it asks for; assets/fleet.js sends it to the page's callbacks."""
    asks: dict[str, Any] = {
        "data-fleet": verb,
        "data-thing": "reports",
        "data-id": str(one.id),
        **labelled(t(f"report.{verb}_of", locale, address=one.address)),
    }
    return html.Button(t(f"report.{verb}", locale), className="btn btn-sm btn-outline-secondary", **asks)
