"""What the certificates page answers: the list, batches, the renewal plan, and what there is to attend to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal, NamedTuple

from dash import html
from dash.development.base_component import Component
from sqlalchemy import Connection

from sql.fleet import Account
from sql.queries.certificates import Batch, Certificate, RenewalMonth, expiring
from tds_dash import wording
from tds_dash.attention_item import Item
from tds_dash.certificate_words import left
from tds_dash.components import data_table, empty_state, sentence
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.components.states import badge
from tds_dash.components.tables import Column
from tds_dash.wording import t

LOOKS: dict[str, Any] = {
    "none": "never",
    "valid": "online",
    "expiring": "silent",
    "expired": "offline",
    "revoked": "offline",
    "superseded": "retired",
}
WITHIN = {"week": 7, "month": 30, "quarter": 90}


class Shown(NamedTuple):
    """How certificates are shown: as of now, in which zone and language, to somebody who may act on them or not."""

    now: datetime
    zone: tzinfo
    locale: str
    may_act: bool


def table(found: Sequence[Certificate], shown: Shown) -> Component:
    """Give the certificates as a table, with buttons for whoever may use them."""
    locale = shown.locale
    columns = [
        Column(t("field.gateway", locale), wraps=True),
        Column(t("certificates.state", locale), wraps=True),
        Column(t("certificates.validity", locale)),
        Column(t("certificates.serial", locale), secondary=True),
        Column(t("certificates.issued", locale), secondary=True, wraps=True),
    ]
    columns += [Column(t("certificates.actions", locale), "end")] if shown.may_act else []
    lines = [[*line(one, shown), *([buttons(one, shown)] if shown.may_act else [])] for one in found]
    return data_table(columns, lines, caption=t("certificates.caption", locale))


def line(one: Certificate, shown: Shown) -> list[Any]:
    """Give a certificate's cells."""
    zone, locale = shown.zone, shown.locale
    gateway = [html.Div(one.gateway), html.Code(one.mac, className="tds-code tds-muted")]
    if one.serial is None or one.not_after is None or one.issued_at is None:
        return [gateway, state(one, shown), "", "", ""]
    until = html.Time(
        wording.date(one.not_after, locale, zone),
        dateTime=one.not_after.isoformat(),
        title=wording.date_clock(one.not_after, locale, zone),
    )
    issued = t("certificates.issued_by", locale, time=wording.date(one.issued_at, locale, zone), by=one.issued_by or "")
    return [gateway, state(one, shown), until, html.Code(one.serial, className="tds-code"), html.Span(issued)]


def state(one: Certificate, shown: Shown) -> list[Component]:
    """Say how a certificate does, and beneath it how long still, or why not."""
    zone, locale = shown.zone, shown.locale
    hint = t("certificates.state_hint_superseded", locale) if one.state == "superseded" else ""
    found: list[Component] = [badge(LOOKS[one.state], t(f"certificates.state_{one.state}", locale), hint)]
    notes = []
    if one.revoked_at is not None:
        day = wording.date(one.revoked_at, locale, zone)
        notes.append(t("certificates.revoked_on", locale, time=day, reason=reason(one.reason or "", locale)))
    elif one.usable and one.not_after is not None:
        notes.append(left(one.not_after, shown.now, locale))
    if one.retired:
        notes.append(t("certificates.retired", locale))
    return [*found, html.Div(" · ".join(notes), className="tds-muted tds-note-below")] if notes else found


def reason(given: str, locale: str) -> str:
    """Give a reason as the reader says it: the usual ones are kept as other programs read them."""
    key = f"certificates.reason_{given.replace(' ', '_').lower()}"
    return t(key, locale) if key in wording.words(wording.known(locale)) else given


def buttons(one: Certificate, shown: Shown) -> html.Div:
    """Give what may be done; assets/certificates.js sends what is pressed to the page's callbacks."""
    found = []
    if one.leading:
        verb: Literal["issue", "renew"] = "renew" if one.usables else "issue"
        found.append(button(verb, t(f"certificates.{verb}", shown.locale), t(f"certificates.{verb}_of", shown.locale, gateway=one.gateway),
                            "primary" if verb == "issue" else "outline-secondary", gateway=str(one.gateway_id)))  # fmt: skip
    if one.usable:
        name = t("certificates.revoke_of", shown.locale, serial=one.serial, gateway=one.gateway)
        found.append(button("revoke", t("certificates.revoke", shown.locale), name, "outline-secondary", serial=one.serial or ""))
    return html.Div(found, className="tds-row-actions")


def button(verb: str, text: str, name: str, look: str = "outline-secondary", **data: str) -> html.Button:
    """Give a button that says what it asks for."""
    words: dict[str, Any] = {"data-certificates": verb, **{f"data-{key}": value for key, value in data.items()}, **labelled(name)}
    return html.Button(text, className=f"btn btn-sm btn-{look}", **words)


def nothing(filtered: bool, locale: str) -> Component:
    """Say that there is nothing, or nothing that fits."""
    key = "certificates.empty_filtered" if filtered else "certificates.empty"
    return empty_state(t(key, locale), t(f"{key}_text", locale), icon="shield-lock")


def note(text: str, icon: str) -> Component:
    """Say why nothing can be done here."""
    return html.Div(
        [html.I(className=f"bi bi-{icon}", **DECORATION), text], className="alert alert-warning tds-note", role="note"
    )


def no_right(role: str | None, account: Account, locale: str) -> Component:
    """Say which role may issue and revoke."""
    mine = t(f"role.{role}", locale) if role else ""
    words = {"admin": t("role.admin", locale), "role": mine, "account": account.name}
    return note(t("certificates.no_right", locale, **words), "lock")


def batch_list(found: Sequence[Batch], shown: Shown, part: int) -> Component:
    """Give the batches, each with how far it is and what to do next."""
    items = html.Ul([batch_item(one, shown) for one in found], className="tds-batches")
    hint = html.P(t("certificates.batch_hint", shown.locale, n=part), className="tds-muted")
    return html.Div([html.H2(t("certificates.batches", shown.locale), className="tds-section-title"), hint, items])


def batch_item(one: Batch, shown: Shown) -> html.Li:
    """Give one batch: its name and size, its progress, its faults, its buttons."""
    locale = shown.locale
    by = t("certificates.batch_by", locale, time=wording.date_clock(one.created_at, locale, shown.zone), by=one.created_by)
    open_lines = one.wanted - one.delivered - one.refused
    done = one.done if one.active else one.delivered
    key = "batch_running" if one.active else "batch_progress" if open_lines or one.refused else "batch_complete"
    said = [t(f"certificates.{key}", locale, done=done, total=one.wanted)]
    if one.faulty + one.refused:
        said.append(t("certificates.batch_faults", locale, n=one.faulty + one.refused))
    bar = html.Progress(value=str(done), max=str(max(one.wanted, 1)), **labelled(said[0]))
    words = [
        html.Div(t("certificates.batch_of", locale, name=one.name, n=one.wanted), className="tds-batch-name"),
        html.Div(by, className="tds-muted"),
        bar,
        html.Div(" · ".join(said)),
    ]
    actions: list[Component] = [report_link(one, locale)]
    if open_lines and not one.active and shown.may_act:
        verb = "download_rest" if one.delivered else "download"
        word, name = t(f"certificates.{verb}", locale), t(f"certificates.{verb}_of", locale, name=one.name)
        actions.insert(0, button("download", word, name, "primary", batch=str(one.id)))
    return html.Li(
        [html.Div(words, className="tds-batch-words"), html.Div(actions, className="tds-row-actions")], className="tds-batch"
    )


def report_link(one: Batch, locale: str) -> html.A:
    """Lead to the report of a batch."""
    return csv_link(t("certificates.report", locale), f"/_certificates/batches/{one.id}/report.csv?locale={locale}", "")


def csv_link(text: str, href: str, name: str) -> html.A:
    """Give a link that the browser saves."""
    return html.A(text, href=href, download="", className="btn btn-sm btn-outline-secondary", **labelled(name or None))


def plan(months: Sequence[RenewalMonth], shown: Shown) -> Component:
    """Give the renewal plan: month by month, how many, and the way to list or to renew them."""
    locale, today = shown.locale, shown.now.astimezone(shown.zone).date()
    if not months:
        return html.P(t("certificates.renewals_empty", locale), className="tds-muted")
    columns = [
        Column(t("certificates.month", locale)),
        Column(t("certificates.gateways", locale), "end"),
        Column(t("certificates.first_end", locale), secondary=True),
        Column(t("certificates.actions", locale), "end"),
    ]
    lines: list[list[Any]] = []
    for one in months:
        name, key = wording.month(one.month, locale), f"{one.month:%Y-%m}"
        due = (one.month.year, one.month.month) == (today.year, today.month)
        said = f"{name} · {t('certificates.now_due', locale)}" if due else name
        href = f"/_certificates/renewals.csv?month={key}&locale={locale}"
        actions: list[Component] = [csv_link(t("certificates.list", locale), href, t("certificates.list_of", locale, month=name))]
        if shown.may_act:
            actions.append(
                button("plan", t("certificates.plan", locale), t("certificates.plan_of", locale, month=name), month=key)
            )
        end = wording.date(one.first_end, locale, shown.zone)
        lines.append([said, wording.number(one.gateways, locale), end, html.Div(actions, className="tds-row-actions")])
    return data_table(columns, lines, caption=t("certificates.renewals_caption", locale), boxed=True)


def attention_items(conn: Connection, now: datetime, zone: tzinfo, locale: str) -> list[Item]:
    """Give the certificates that are over or end soon, for the overview: 90, 30 and 7 days ahead."""
    found = []
    for one in expiring(conn, now):
        day = wording.date(one.first, locale, zone)
        single = "_one" if one.gateways == 1 else ""
        words: dict[str, object] = {"n": one.gateways, "name": one.name, "time": day}
        if one.tier == "over":
            key, href = f"certificates.attention.over{single}", "/certificates?state=without"
        else:
            words["days"] = WITHIN[one.tier]
            key, href = f"certificates.attention.soon{single}", "/certificates?state=expiring&sort=expiry"
        level: Literal["fault", "warning"] = "fault" if one.tier in ("over", "week") else "warning"
        since = one.first if one.tier == "over" else one.first - timedelta(days=WITHIN[one.tier])
        found.append(Item(level, sentence(key, locale, **words), href, since))
    return found


def first_day(given: object) -> date | None:
    """Read a month such as 2026-11 as its first day; None for anything else."""
    try:
        return datetime.strptime(given, "%Y-%m").date() if isinstance(given, str) and len(given) == 7 else None
    except ValueError:
        return None


def pager(language: str) -> html.Div:
    """Give the two buttons, and between them which part is shown."""
    turn: dict[str, Any] = {"className": "btn btn-outline-primary", "disabled": True}
    return html.Div(
        [
            html.Button(t("action.previous", language), id="certificates-previous", **turn),
            html.Span(id="certificates-range", className="tds-muted"),
            html.Button(t("action.next", language), id="certificates-next", **turn),
        ],
        className="tds-pager tds-actions",
    )
