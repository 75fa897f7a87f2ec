"""What the audit page answers: the lines as a table, their details in words, and all of them as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask import Blueprint, Response, request

from sql.audit import ACTIONS, AUTHORITY, COMMAND_LINE, Line, Wanted, read
from tds_dash import doors, wording
from tds_dash.api.exports import stream
from tds_dash.components import data_table, empty_state
from tds_dash.components.tables import Column
from tds_dash.identity import account, zone
from tds_dash.rights import require_admin
from tds_dash.wording import t

GROUPS = tuple(dict.fromkeys(action.partition(".")[0] for action in ACTIONS))
EXPORTED_AT_ONCE = 1_000
# Details whose values have words, and details that are days or instants.
WORDS = {
    "role": "role.",
    "event": "events.",
    "alarm": "alarms.kind_",
    "kind": "kind.",
    "resource": "resource.",
    "decision": "events.was_",
    "reason": "certificates.reason_",
}
MOMENTS = ("until", "at")
FIELDS = ("time", "who", "action", "object", "before", "after", "address", "browser")

blueprint = Blueprint("audit", __name__)


@blueprint.get("/_audit/export.csv")
def export() -> Response:
    """Stream what the filters leave, the newest first."""
    require_admin()
    return stream("audit", FIELDS, rows(wanted(request.args.get("what"), request.args.get("who"))))


def wanted(what: object, who: object, below: int | None = None) -> Wanted:
    """Read the filters; what is on no offer filters nothing."""
    action = what if isinstance(what, str) and what in GROUPS else ""
    return Wanted(account().id, action, str(who or "")[:100] if isinstance(who, str) else "", below)


def rows(sought: Wanted) -> Iterator[Sequence[Any]]:
    """Give every line that is sought, read in portions, as cells."""
    local = zone()
    while True:
        with doors.transaction() as conn:
            found = read(conn, sought, EXPORTED_AT_ONCE)
        for one in found:
            states = [details(None, state, "en") for state in (one.before, one.after)]
            yield one.time.astimezone(local).isoformat(), one.actor, one.action, one.object, *states, one.address, one.agent
        if len(found) < EXPORTED_AT_ONCE:
            return
        sought = sought._replace(below=found[-1].id)


def table(found: Sequence[Line], place: tzinfo, locale: str) -> Component:
    """Give the lines as a table."""
    if not found:
        return empty_state(t("audit.empty", locale), t("audit.empty_text", locale), icon="journal-text")
    columns = [
        Column(t("audit.when", locale)),
        Column(t("audit.by", locale), wraps=True),
        Column(t("audit.what", locale), wraps=True),
        Column(t("audit.thing", locale), wraps=True, secondary=True),
        Column(t("audit.details", locale), wraps=True, secondary=True),
        Column(t("audit.whence", locale), wraps=True, secondary=True),
    ]
    return data_table(columns, [cells(one, place, locale) for one in found], caption=t("audit.caption", locale))


def cells(one: Line, place: tzinfo, locale: str) -> list[Any]:
    """Give a line's cells."""
    when = html.Time(wording.date_clock(one.time, locale, place), dateTime=one.time.isoformat())
    said = html.Span(details(one.before, one.after, locale, place), className="tds-audit-details")
    whence = " · ".join(filter(None, (one.address, one.agent)))
    return [
        when,
        actor(one.actor, locale),
        action(one.action, locale),
        html.Span(one.object, className="tds-audit-details"),
        said,
        whence,
    ]


def actor(name: str, locale: str) -> str:
    """Name who did it; the command line and the authority in the reader's language."""
    if name == AUTHORITY:
        return t("audit.authority", locale)
    return name.replace(COMMAND_LINE, t("audit.command_line", locale), 1) if name.startswith(COMMAND_LINE) else name


def action(name: str, locale: str) -> str:
    """Name what was done; what has no words yet as it is kept."""
    key = f"audit.action.{name.replace('.', '_')}"
    return t(key, locale) if key in wording.words(wording.known(locale)) else name


def details(before: dict[str, Any] | None, after: dict[str, Any] | None, locale: str, place: tzinfo | None = None) -> str:
    """Say what changed, name by name."""
    old, new = before or {}, after or {}
    said = []
    for name in (*new, *(one for one in old if one not in new)):
        states = [value(name, state.get(name), locale, place) for state in (old, new)]
        words = {"name": field(name, locale), "before": states[0], "after": states[1]}
        said.append(t("audit.before_after" if name in old else "audit.only_after", locale, **words))
    return "; ".join(said)


def field(name: str, locale: str) -> str:
    """Name a detail."""
    key = f"audit.field.{name}"
    return t(key, locale) if key in wording.words(wording.known(locale)) else name


def value(name: str, given: object, locale: str, place: tzinfo | None) -> str:
    """Write a detail's value as the reader says it; what has no words as it is kept."""
    if given is None or given == "" or given is False:
        return wording.NOTHING
    if given is True:
        return "\u2713"
    text = str(given)
    key = f"{WORDS[name]}{text.replace(' ', '_').lower()}" if name in WORDS else ""
    if key in wording.words(wording.known(locale)):
        return t(key, locale)
    if name not in MOMENTS or place is None:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return wording.date_clock(moment, locale, place) if moment.tzinfo else wording.date(moment.date(), locale)
