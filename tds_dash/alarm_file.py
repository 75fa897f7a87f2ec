"""Alarms as a file: those that the page shows, whole and without pages, and the rules that they broke."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, request

from sql import alarm_rules, alarms
from sql.alarm_judging import KINDS
from sql.alarm_rules import Rule
from sql.alarms import Alarm, Wanted
from tds_dash import alarm_words, doors, sheets, view
from tds_dash.identity import account, zone
from tds_dash.sheets import Field, File, Sheet, wall
from tds_dash.wording import t

AT_ONCE = 1000

blueprint = Blueprint("alarms", __name__)


def gather() -> File:
    """Give the open alarms, or those that were, of the kind and gateway that the address asks for; of the view of rules the rules."""
    language = sheets.language()
    kind, shown, behind = (request.args.get(name) for name in ("kind", "view", "gateway"))
    if shown == "rules":
        return File("alarm-rules", language, [rules_sheet(kind if kind in KINDS else None, language)])
    chosen = view.numbers(behind)[:1]
    with doors.transaction() as conn:
        gateway = doors.gateway_for_user(conn, chosen[0]).id if chosen else None
    history = shown == "history"
    wanted = Wanted(account().id, open=not history, kind=kind if kind in KINDS else None, gateway=gateway)
    title = t("alarms.history_title" if history else "alarms.view_open", language)
    now = datetime.now(UTC).astimezone(zone()).date()
    name = f"alarms-{'history' if history else 'open'}-{now.isoformat()}"
    return File(name, language, [Sheet(title, alarm_fields(language), alarm_rows(wanted, language))])


sheets.serve(blueprint, "/_alarms/export", gather)


def alarm_fields(language: str) -> list[Field]:
    """Name the columns of an alarm."""
    fields = [Field(t(f"alarms.{name}", language)) for name in ("kind", "gateway")]
    fields += [Field(t("field.device", language)), Field(t("field.resource", language)), Field(t("alarms.what", language))]
    fields += [Field(t("field.value", language), "number"), Field(t("chart.maximum", language), "number")]
    fields += [Field(t("alarms.rule_limit", language), "number"), Field(t("field.unit", language))]
    fields += [Field(t(f"alarms.{name}", language), "time") for name in ("began", "opened", "closed")]
    fields += [Field(t("alarms.acknowledged_by", language)), Field(t("alarms.acknowledged_at", language), "time")]
    return [*fields, Field(t("alarms.note", language))]


def alarm_rows(wanted: Wanted, language: str) -> Iterator[list[Any]]:
    """Give a row for each alarm, newest first, some at a time."""
    done = 0
    while True:
        with doors.transaction() as conn:
            found = alarms.alarms(conn, wanted, AT_ONCE, done)
        for alarm in found:
            yield alarm_row(alarm, language)
        done += len(found)
        if len(found) < AT_ONCE:
            return


def alarm_row(alarm: Alarm, language: str) -> list[Any]:
    """Give an alarm's cells."""
    local = zone()
    resource = t(f"resource.{alarm.resource}", language) if alarm.resource else None
    device = alarm.name if alarm.device_id is not None else None
    times = [wall(moment, local) for moment in (alarm.since, alarm.opened_at, alarm.closed_at)]
    said = alarm_words.plainly(alarm, local, language)
    return [
        t(f"alarms.kind_{alarm.kind}", language), alarm.gateway_name, device, resource, said, alarm.value, alarm.worst, alarm.threshold,
        alarm.unit_shown, *times, alarm.acknowledged_by, wall(alarm.acknowledged_at, local), alarm.note,
    ]  # fmt: skip


def rules_sheet(kind: str | None, language: str) -> Sheet:
    """Give the rules, all or those of a kind."""
    with doors.transaction() as conn:
        found = alarm_rules.rules(conn, account().id, kind)
    fields = [Field(t(f"alarms.{name}", language)) for name in ("rule_kind", "rule_target")]
    fields += [Field(t("alarms.rule_limit", language), "number"), Field(t("field.unit", language))]
    fields += [Field(t("alarms.rule_state", language)), Field(t("alarms.rule_open", language), "count")]
    return Sheet(t("alarms.view_rules", language), fields, [rule_row(one, language) for one in found])


def rule_row(rule: Rule, language: str) -> list[Any]:
    """Give a rule's cells; a limit in percent is of the usual."""
    limit, unit = (rule.percent, "%") if rule.percent is not None else (rule.threshold, rule.unit_shown)
    state = t(f"alarms.rule_{'on' if rule.active else 'off'}", language)
    return [t(f"alarms.kind_{rule.kind}", language), alarm_words.target(rule, language), limit, unit, state, rule.open or 0]
