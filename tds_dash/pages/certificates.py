"""Certificates: which gateway has one, until when; administrators issue, renew and revoke them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.exceptions import PreventUpdate

from sql.errors import Refused
from sql.orders import find_authority
from sql.queries.certificates import batches, certificates, renewal_months
from tds_dash import certificate_acts, certificate_dialogs, certificate_filters, certificates_view, doors, first_boot_panel
from tds_dash.certificate_routes import PART
from tds_dash.certificate_words import refusal
from tds_dash.certificates_view import Shown
from tds_dash.components import page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import notice
from tds_dash.identity import account, locale, person, zone
from tds_dash.page_frame import beat, register_page, stamp
from tds_dash.rights import is_admin
from tds_dash.still import still
from tds_dash.wording import t

PAGE, BATCHES = 50, 5

register_page(__name__, "nav.certificates", path="/certificates", order=7)


def layout(**query: Any) -> html.Div:
    """Give the page's frame, its filters as the address sets them."""
    language = locale()
    open_batch = html.Button(
        t("certificates.batch_open", language),
        id="certificates-batch-open",
        type="button",
        hidden=True,
        className="btn btn-primary",
    )
    return html.Div(
        [
            beat("certificates-refresh"),
            dcc.Location(id="certificates-url", refresh=False),
            dcc.Store(id="certificates-page", data=certificate_acts.page_number(query.get("page"))),
            dcc.Store(id="certificates-defaults", data=certificate_filters.DEFAULTS),
            *(dcc.Store(id=f"certificates-{name}") for name in ("asked", "changed", "done")),
            page_header(t("certificates.title", language), lead=t("certificates.lead", language), actions=[open_batch]),
            html.Div(id="certificates-right"),
            html.Div(id="certificates-told", **LIVE),
            first_boot_panel.panel(language),
            html.Section(html.Div(id="certificates-batches"), id="certificates-batches-card", className="tds-card", hidden=True),
            certificate_filters.filters(query, language),
            html.Section(
                [html.Div(skeleton("table"), id="certificates-table"), certificates_view.pager(language)], className="tds-card"
            ),
            html.Section(
                [
                    html.H2(t("certificates.renewals", language), className="tds-section-title"),
                    html.P(t("certificates.renewals_lead", language), className="tds-muted"),
                    html.Div(id="certificates-plan"),
                ],
                className="tds-card",
            ),
            certificate_dialogs.issuing(language),
            certificate_dialogs.revoking(language),
            certificate_dialogs.many(language),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("certificates-table", "children"),
    Output("certificates-range", "children"),
    Output("certificates-previous", "disabled"),
    Output("certificates-next", "disabled"),
    Output("certificates-right", "children"),
    Output("certificates-batch-open", "hidden"),
    Input("certificates-search", "value"),
    Input("certificates-state", "value"),
    Input("certificates-sort", "value"),
    Input("certificates-page", "data"),
    Input("certificates-refresh", "n_intervals"),
    Input("certificates-changed", "data"),
    Input("first-boot-follow", "n_intervals"),
)
def show(text: Any, state: Any, sort: Any, page: Any, *_: Any) -> tuple[Any, ...]:
    """Show one page of what the filters leave, with buttons where they can be used."""
    now, language, number = datetime.now(UTC), locale(), certificate_acts.page_number(page)
    sought = certificate_filters.sought(text, state, sort)
    with doors.transaction() as conn:
        found, total = certificates(conn, sought, now, PAGE, (number - 1) * PAGE)
        authority = find_authority(conn)
    at_work = authority is not None and authority.is_there(now)
    shown = Shown(now, zone(), language, is_admin() and at_work)
    table = (
        still(certificates_view.table(found, shown))
        if found
        else certificates_view.nothing(bool(sought.text or sought.state), language)
    )
    first = (number - 1) * PAGE
    said = t("action.range_of", language, first=first + 1, last=first + len(found), total=total) if found else ""
    missing = None
    if not is_admin():
        missing = certificates_view.no_right(person().row.role, account(), language)
    elif not at_work:
        missing = certificates_view.note(t("certificates.no_authority", language), "shield-exclamation")
    return table, said, number == 1, first + len(found) >= total, missing, not shown.may_act


@callback(
    Output("certificates-batches", "children"),
    Output("certificates-batches-card", "hidden"),
    Input("certificates-refresh", "n_intervals"),
    Input("certificates-changed", "data"),
)
def show_batches(*_: Any) -> tuple[Any, bool]:
    """Show the newest batches and how far they are."""
    now = datetime.now(UTC)
    with doors.transaction() as conn:
        found = batches(conn, BATCHES)
    return certificates_view.batch_list(found, Shown(now, zone(), locale(), is_admin()), PART), not found


@callback(Output("certificates-plan", "children"), Input("certificates-changed", "data"))
def show_plan(_: Any) -> Any:
    """Show which month renews how many."""
    now = datetime.now(UTC)
    with doors.transaction() as conn:
        months = renewal_months(conn, now, account().timezone)
    return certificates_view.plan(months, Shown(now, zone(), locale(), is_admin()))


@callback(
    Output("certificates-issue", "is_open"),
    Output("certificates-issue-said", "children"),
    Output("certificates-request-hint", "children"),
    Output("certificates-issue-problem", "children"),
    Input("certificates-asked", "data"),
    prevent_initial_call=True,
)
def open_issue(asked: Any) -> tuple[Any, ...]:
    """Say what a gateway gets, and what becomes of what it has."""
    gateway = certificate_acts.asked_for(asked, ("issue", "renew"), "gateway")
    said, mac = certificate_acts.before_issue(gateway)
    return True, said, t("certificates.request_hint", locale(), mac=mac), None


@callback(
    Output("certificates-told", "children"),
    Output("certificates-issue", "is_open", allow_duplicate=True),
    Output("certificates-request", "value", allow_duplicate=True),
    Input("certificates-done", "data"),
    prevent_initial_call=True,
)
def say_done(done: Any) -> tuple[Any, ...]:
    """Close the dialog of what assets/certificates.js carried out, and say so."""
    return certificate_acts.done(done), False, ""


@callback(
    Output("certificates-request", "value"),
    Input("certificates-request-file", "contents"),
    prevent_initial_call=True,
)
def read_request_file(contents: Any) -> str:
    """Show a chosen file where it could have been pasted."""
    return certificate_acts.request_text(contents)


@callback(
    Output("certificates-revoke", "is_open"),
    Output("certificates-revoke-what", "children"),
    Output("certificates-revoke-then", "children"),
    Output("certificates-revoke-told", "children"),
    Input("certificates-asked", "data"),
    prevent_initial_call=True,
)
def open_revoke(asked: Any) -> tuple[Any, ...]:
    """Say what revoking a certificate does, before it is done."""
    serial = certificate_acts.asked_for(asked, ("revoke",), "serial")
    what, then = certificate_acts.before_revoking(serial)
    return True, what, then, None


@callback(
    Output("certificates-revoke-told", "children", allow_duplicate=True),
    Output("certificates-revoke", "is_open", allow_duplicate=True),
    Output("certificates-told", "children", allow_duplicate=True),
    Output("certificates-changed", "data"),
    Input("certificates-revoke-save", "n_clicks"),
    State("certificates-asked", "data"),
    State("certificates-reason", "value"),
    State("certificates-reason-words", "value"),
    prevent_initial_call=True,
    running=[(Output("certificates-revoke-save", "disabled"), True, False)],
)
def revoke(_: Any, asked: Any, reason: Any, words: Any) -> tuple[Any, ...]:
    """Revoke, and say what the broker made of it; or say in the dialog why that cannot be."""
    serial = certificate_acts.asked_for(asked, ("revoke",), "serial")
    try:
        told = certificate_acts.revoke(serial, reason, words)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update
    return None, False, told, stamp()


@callback(
    Output("certificates-batch-told", "children"),
    Output("certificates-file-name", "children"),
    Output("certificates-batch-save", "disabled"),
    Input("certificates-file", "contents"),
    Input("certificates-again", "value"),
    State("certificates-file", "filename"),
    prevent_initial_call=True,
)
def preview(contents: Any, again: Any, name: Any) -> tuple[Any, ...]:
    """Say what a file would do, line by line where it cannot be used."""
    if not contents:
        raise PreventUpdate
    try:
        said, good = certificate_acts.preview(contents, again)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), f": {name}", True
    return said, f": {name}", not good


@callback(
    Output("certificates-batch-told", "children", allow_duplicate=True),
    Output("certificates-batch", "is_open"),
    Output("certificates-file", "contents"),
    Output("certificates-told", "children", allow_duplicate=True),
    Output("certificates-changed", "data", allow_duplicate=True),
    Input("certificates-batch-save", "n_clicks"),
    State("certificates-file", "contents"),
    State("certificates-file", "filename"),
    State("certificates-again", "value"),
    prevent_initial_call=True,
    running=[(Output("certificates-batch-save", "disabled"), True, False)],
)
def keep(_: Any, contents: Any, name: Any, again: Any) -> tuple[Any, ...]:
    """Keep a file as a batch, to be downloaded."""
    try:
        certificate_acts.keep_file(contents, name, again)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update, no_update
    return None, False, None, notice(t("certificates.batch_made", locale()), ok=True), stamp()


@callback(
    Output("certificates-told", "children", allow_duplicate=True),
    Output("certificates-changed", "data", allow_duplicate=True),
    Input("certificates-asked", "data"),
    prevent_initial_call=True,
)
def keep_month(asked: Any) -> tuple[Any, ...]:
    """Keep the renewals of a month as a batch."""
    month = certificate_acts.asked_for(asked, ("plan",), "month")
    try:
        certificate_acts.keep_month(month)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update
    return notice(t("certificates.batch_made", locale()), ok=True), stamp()


clientside_callback(
    ClientsideFunction("certificates", "way"),
    Output("certificates-by-key", "hidden"),
    Output("certificates-by-request", "hidden"),
    Input("certificates-way", "value"),
)
clientside_callback(
    ClientsideFunction("certificates", "inWords"),
    Output("certificates-by-words", "hidden"),
    Input("certificates-reason", "value"),
)
clientside_callback(
    ClientsideFunction("tds", "open"),
    Output("certificates-batch", "is_open", allow_duplicate=True),
    Input("certificates-batch-open", "n_clicks"),
    prevent_initial_call=True,
)
certificate_filters.connect()
first_boot_panel.connect()
