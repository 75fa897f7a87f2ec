"""Monthly reports: a page for each month, and who gets it by mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html, no_update

from sql.errors import Refused
from tds_dash import doors
from tds_dash.components import page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import notice
from tds_dash.components.fields import form_field, line_of_text, one_of
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import register_page, stamp
from tds_dash.pressing import pressed
from tds_dash.report import acts, gather, panel, words
from tds_dash.rights import is_admin
from tds_dash.still import still
from tds_dash.wording import LOCALES, t

FIELDS = ("address", "locale", "day", "hour")
FAULTS = ("address", "day")
USUAL_DAY, USUAL_HOUR = 3, 8

register_page(__name__, "report.title", path="/reports")


def layout(**_: Any) -> html.Div:
    """Give the page's frame: the months, and below them the mail."""
    language = locale()
    return html.Div(
        [
            dcc.Store(id="reports-asked"),
            dcc.Store(id="reports-changed"),
            page_header(t("report.title", language), lead=t("report.lead", language)),
            html.Section(html.Div(skeleton("table"), id="reports-months"), className="tds-card"),
            html.Section(
                [
                    html.H2(t("report.by_mail", language), className="tds-section-title"),
                    html.P(id="reports-mail-said", className="tds-muted"),
                    html.Div(id="reports-told", **LIVE),
                    html.Div(id="reports-recipients", className="tds-fleet-list"),
                    html.Div(form(language), id="reports-form", hidden=True),
                ],
                className="tds-card tds-stack",
            ),
        ],
        className="tds-page tds-stack",
    )


def form(language: str) -> html.Div:
    """Give the form in which a recipient is named."""
    enters: dict[str, Any] = {"data-enter": "reports-add"}
    hours = [{"value": str(hour), "label": panel.clock(hour, language)} for hour in range(24)]
    days = [{"value": str(day), "label": str(day)} for day in acts.days()]
    languages = [(one, panel.NAMES[one]) for one in sorted(LOCALES, key=lambda one: one != language)]
    return html.Div(
        [
            line_of_text("reports-address", t("alarms.address", language), maxLength=254),
            html.Div(
                [
                    one_of("reports-locale", t("report.language", language), languages),
                    chosen("day", days, USUAL_DAY, language),
                    chosen("hour", hours, USUAL_HOUR, language),
                ],
                className="tds-three",
            ),
            html.Div(
                html.Button(t("report.add", language), id="reports-add", type="button", className="btn btn-primary"),
                className="tds-actions",
            ),
        ],
        className="tds-stack",
        **enters,
    )


def chosen(name: str, options: list[dict[str, str]], usual: int, language: str) -> html.Div:
    """Give a field for the day or the hour."""
    field = dbc.Select(id=f"reports-{name}", options=options, value=str(usual), className="tds-input")
    return form_field(f"reports-{name}", t(f"report.{name}", language), field, t(f"report.{name}_hint", language))


@callback(Output("reports-months", "children"), Input("reports-changed", "data"))
def show_months(_: Any) -> Any:
    """List the months that there is a report of."""
    now = datetime.now(UTC)
    with doors.transaction() as conn:
        found = gather.months(conn, account(), now)
    return still(panel.months_table(found, now.astimezone(zone()).date(), locale()))


@callback(
    Output("reports-mail-said", "children"),
    Output("reports-recipients", "children"),
    Output("reports-form", "hidden"),
    Input("reports-changed", "data"),
)
def show_recipients(_: Any) -> tuple[Any, ...]:
    """List who gets it by mail, to administrators; say where nothing can be sent."""
    language = locale()
    said = t("report.by_mail_text" if acts.has_mail() else "report.no_mail", language)
    if not is_admin():
        return t("report.admins_only", language), None, True
    return said, still(panel.recipients_table(acts.listed(), zone(), language)), False


@callback(
    Output("reports-told", "children"),
    Output("reports-changed", "data"),
    Output("reports-address", "value"),
    *(Output(f"reports-{name}-fault", "children") for name in FAULTS),
    Input("reports-add", "n_clicks"),
    *(State(f"reports-{name}", "value") for name in FIELDS),
    prevent_initial_call=True,
    running=[(Output("reports-add", "disabled"), True, False)],
)
def add(_: Any, *values: Any) -> tuple[Any, ...]:
    """Name a recipient; or say beside the field what is wrong."""
    try:
        made = acts.add(*values)
    except Refused as error:
        said, place = words.refusal(error, locale()), acts.PLACES.get(error.key)
        faults = [said if name == place else None for name in FAULTS]
        return None if place else notice(said, ok=False), no_update, no_update, *faults
    return notice(t("report.added", locale(), address=made.address), ok=True), stamp(), "", None, None


@callback(
    Output("reports-told", "children", allow_duplicate=True),
    Output("reports-changed", "data", allow_duplicate=True),
    Input("reports-asked", "data"),
    prevent_initial_call=True,
)
def act(asked: Any) -> tuple[Any, ...]:
    """Send a recipient the last month's report now, nothing for a while, reports again, or no more of them."""
    verb, number = pressed(asked, "send", "pause", "resume", "remove")
    try:
        if verb == "remove":
            return notice(t("report.removed", locale(), address=acts.remove(number).address), ok=True), stamp()
        if verb != "send":
            kept = acts.pause(number, going_on=verb == "resume")
            return notice(t(f"report.{verb}d", locale(), address=kept.address), ok=True), stamp()
        found, month = acts.send_now(number)
    except Refused as error:
        return notice(words.refusal(error, locale()), ok=False), no_update
    return notice(t("report.asked", locale(), address=found.address, month=words.month(month, locale())), ok=True), stamp()
