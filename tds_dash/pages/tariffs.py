"""Tariffs: what each resource costs from which day on, the holidays they go by, and budgets; editors change them here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html, no_update

from sql import tariffs
from sql.budgets import MEASURES, Budget, budgets
from sql.calendar import month_after
from sql.errors import NotFound, Refused
from sql.holidays import BRAZIL, holidays
from sql.tariff_rules import RESOURCES
from tds_dash import cost_data, doors, tariff_acts, tariff_dialog, tariffs_view, typed, view, wording
from tds_dash.components import page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import form_field, line_of_text, one_of
from tds_dash.components.files import files
from tds_dash.event_words import refusal
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import register_page, stamp
from tds_dash.pressing import pressed
from tds_dash.rights import may_edit, require_editor
from tds_dash.still import still
from tds_dash.tariff_form import UNITS
from tds_dash.wording import t

register_page(__name__, "tariffs.title", path="/tariffs")


def layout(**_: Any) -> html.Div:
    """Give the page's frame; what it holds arrives by the callbacks below."""
    language = locale()
    months = cost_data.months_back(datetime.now(UTC), zone(), 3)
    ahead = [months[-1]]
    while len(ahead) < 16:
        ahead.append(month_after(ahead[-1]))
    resources = [(name, t(f"resource.{name}", language)) for name in RESOURCES]
    measures = [(name, t(f"tariffs.in_{name}", language)) for name in MEASURES]
    which = [{"value": f"{one:%Y-%m}", "label": wording.month(one, language)} for one in ahead]
    month = dbc.Select(id="budgets-month", options=which, value=f"{months[0]:%Y-%m}", className="tds-input")
    budget = html.Div(
        [
            html.Div(
                [
                    one_of("budgets-resource", t("field.resource", language), resources),
                    form_field("budgets-month", t("tariffs.from_month", language), month),
                    one_of("budgets-measure", t("tariffs.counted_in", language), measures),
                    line_of_text("budgets-amount", t("tariffs.per_month", language), inputMode="decimal", maxLength=40),
                ],
                className="tds-four",
            ),
            html.Div(html.Button(t("tariffs.set_budget", language), id="budgets-save", type="button", className="btn btn-outline-primary"), className="tds-actions"),
        ],
        className="tds-form tds-stack",
    )  # fmt: skip
    day = dbc.Input(id="holidays-day", type="date", className="tds-input")
    holiday = html.Div(
        [
            html.Div(
                [form_field("holidays-day", t("tariffs.day", language), day), line_of_text("holidays-name", t("field.name", language), maxLength=200)],
                className="tds-pair",
            ),
            html.Div(
                [
                    html.Button(t("tariffs.add_holiday", language), id="holidays-save", type="button", className="btn btn-outline-primary"),
                    html.Button(t("tariffs.add_national", language), id="holidays-national", type="button", className="btn btn-outline-primary"),
                ],
                className="tds-actions",
            ),
        ],
        className="tds-form tds-stack",
    )  # fmt: skip
    return html.Div(
        [
            *(dcc.Store(id=name) for name in ("tariffs-asked", "tariffs-changed", "tariffs-form-seen", "tariffs-confirm-seen", "holidays-asked", "budgets-asked", "budgets-seen")),
            page_header(t("tariffs.title", language), lead=t("tariffs.lead", language), actions=[html.Div(id="tariffs-actions", className="tds-actions"), files("tariffs-files", "/_tariffs/export", language, of=t("tariffs.title", language))]),
            html.Div(id="tariffs-told", **LIVE),
            html.Section(html.Div(skeleton("table"), id="tariffs-table", className="tds-fleet-list"), className="tds-card"),
            html.Div(
                [
                    section("tariffs.budgets", "tariffs.budgets_text", [html.Div(id="budgets-table", className="tds-fleet-list"), html.Div(budget, id="budgets-form")], language),
                    section("tariffs.holidays", "tariffs.holidays_text", [html.Div(id="holidays-table"), html.Div(holiday, id="holidays-form")], language),
                ],
                className="tds-columns",
            ),
            tariff_dialog.form(language),
            dialog("tariffs-confirm", t("tariffs.remove_title", language), [html.P(id="tariffs-confirm-said")], t("tariffs.remove", language), look="danger"),
        ],
        className="tds-page tds-stack",
    )  # fmt: skip


def section(title: str, lead: str, parts: list[Any], language: str) -> html.Section:
    """Give a part of the page in its card."""
    head = [html.H2(t(title, language), className="tds-section-title"), html.P(t(lead, language), className="tds-muted")]
    return html.Section([*head, *parts], className="tds-card tds-stack")


@callback(
    Output("tariffs-table", "children"),
    Output("tariffs-actions", "children"),
    Output("budgets-table", "children"),
    Output("budgets-seen", "data"),
    Output("budgets-form", "hidden"),
    Output("holidays-table", "children"),
    Output("holidays-form", "hidden"),
    Output("holidays-national", "hidden"),
    Input("tariffs-changed", "data"),
)
def show(_: Any) -> tuple[Any, ...]:
    """List the account's tariffs, budgets and holidays."""
    language, editor = locale(), may_edit()
    with doors.transaction() as conn:
        found, days, limits = tariffs.tariffs(conn, account().id), holidays(conn, account().id), budgets(conn, account().id)
    words: Any = {"data-fleet": "new", "data-thing": "tariffs"}
    new = html.Button(t("tariffs.new", language), type="button", className="btn btn-primary", **words) if editor else None
    return (
        still(tariffs_view.tariffs_table(found, language, editor)),
        [dcc.Link(t("costs.title", language), href="/costs", className="btn btn-outline-primary"), new],
        still(tariffs_view.budgets_table(limits, language, editor)),
        tariff_acts.looked_at(limits),
        not editor,
        still(tariffs_view.holidays_table(days, language, editor)),
        not editor,
        account().timezone not in BRAZIL,
    )


@callback(
    Output("tariffs-confirm", "is_open"),
    Output("tariffs-confirm-said", "children"),
    Output("tariffs-confirm-seen", "data"),
    Input("tariffs-asked", "data"),
    prevent_initial_call=True,
)
def ask(asked: Any) -> tuple[Any, ...]:
    """Ask whether a tariff is to go."""
    _, number = pressed(asked, "remove")
    found = tariff_acts.tariff_of(number)
    day = wording.date(found.terms.valid_from, locale())
    return True, t("tariffs.remove_said", locale(), name=found.terms.name, day=day), found.id


@callback(
    Output("tariffs-confirm", "is_open", allow_duplicate=True),
    Output("tariffs-told", "children", allow_duplicate=True),
    Output("tariffs-changed", "data", allow_duplicate=True),
    Input("tariffs-confirm-save", "n_clicks"),
    State("tariffs-confirm-seen", "data"),
    prevent_initial_call=True,
)
def remove(_: Any, number: Any) -> tuple[Any, ...]:
    """Remove a tariff."""
    found = tariff_acts.remove(number)
    return False, notice(t("tariffs.removed", locale(), name=found.terms.name), ok=True), stamp()


@callback(
    Output("budgets-amount-fault", "children"),
    Output("budgets-month-fault", "children"),
    Output("tariffs-told", "children", allow_duplicate=True),
    Output("tariffs-changed", "data", allow_duplicate=True),
    Input("budgets-save", "n_clicks"),
    State("budgets-resource", "value"),
    State("budgets-month", "value"),
    State("budgets-measure", "value"),
    State("budgets-amount", "value"),
    State("budgets-seen", "data"),
    prevent_initial_call=True,
)
def set_budget(_: Any, resource: Any, month: Any, measure: Any, amount: Any, seen: Any) -> tuple[Any, ...]:
    """Set a budget; or say beside the field what is wrong."""
    require_editor()
    first = view.day_of(f"{month}-01") if isinstance(month, str) else None
    if first is None:
        return None, refusal(typed.no_day(f"{month}-01"), locale()), no_update, no_update
    try:
        unit = UNITS.get(str(resource), "") if measure == "quantity" else ""
        given = Budget(str(resource), first, str(measure), unit, typed.amount(amount, locale()))
        made = tariff_acts.keep_budget(given, seen)
    except Refused as error:  # what somebody else has set is shown now, and may be set anew
        return refusal(error, locale()), None, no_update, stamp() if error.key == "budget_changed" else no_update
    return (
        None,
        None,
        notice(t("tariffs.budget_set", locale(), resource=t(f"resource.{made.resource}", locale())), ok=True),
        stamp(),
    )


@callback(
    Output("tariffs-told", "children", allow_duplicate=True),
    Output("tariffs-changed", "data", allow_duplicate=True),
    Input("budgets-asked", "data"),
    State("budgets-seen", "data"),
    prevent_initial_call=True,
)
def drop_budget(asked: Any, seen: Any) -> tuple[Any, ...]:
    """Take a budget back."""
    _, number = pressed(asked, "remove")
    try:
        found = tariff_acts.drop_budget(number, seen)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), stamp()
    return notice(t("tariffs.budget_removed", locale(), resource=t(f"resource.{found.resource}", locale())), ok=True), stamp()


@callback(
    Output("holidays-day-fault", "children"),
    Output("holidays-name-fault", "children"),
    Output("tariffs-told", "children", allow_duplicate=True),
    Output("tariffs-changed", "data", allow_duplicate=True),
    Input("holidays-save", "n_clicks"),
    State("holidays-day", "value"),
    State("holidays-name", "value"),
    prevent_initial_call=True,
)
def add_holiday(_: Any, day: Any, name: Any) -> tuple[Any, ...]:
    """Add a holiday; or say beside the field what is wrong."""
    require_editor()
    chosen: date | None = view.day_of(day)
    if chosen is None:
        return refusal(typed.no_day(day), locale()), None, no_update, no_update
    try:
        made = tariff_acts.add_days({chosen: name if isinstance(name, str) else ""})
    except Refused as error:
        return None, refusal(error, locale()), no_update, no_update
    if not made:
        return refusal(Refused("that day is one already", "holiday_there"), locale()), None, no_update, stamp()
    return None, None, notice(t("tariffs.holidays_added", locale(), n=len(made)), ok=True), stamp()


@callback(
    Output("tariffs-told", "children", allow_duplicate=True),
    Output("tariffs-changed", "data", allow_duplicate=True),
    Input("holidays-national", "n_clicks"),
    prevent_initial_call=True,
)
def add_national(_: Any) -> tuple[Any, ...]:
    """Add Brazil's national holidays of this year and the next."""
    try:
        made = tariff_acts.add_national(datetime.now(UTC).astimezone(zone()).year)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update
    return notice(t("tariffs.holidays_added", locale(), n=len(made)), ok=True), stamp()


@callback(
    Output("tariffs-told", "children", allow_duplicate=True),
    Output("tariffs-changed", "data", allow_duplicate=True),
    Input("holidays-asked", "data"),
    prevent_initial_call=True,
)
def drop_holiday(asked: Any) -> tuple[Any, ...]:
    """Take a holiday back."""
    _, ordinal = pressed(asked, "remove")
    try:
        found = tariff_acts.remove_day(ordinal)
    except NotFound:
        return no_update, stamp()
    return notice(t("tariffs.holiday_removed", locale(), name=found.name), ok=True), stamp()


tariff_dialog.connect()
