"""First boot on the page of certificates: a card that follows each gateway until it publishes, and the dialog that takes one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql.errors import Refused
from tds_dash import certificate_acts, first_boot_acts, first_boot_view
from tds_dash.certificate_dialogs import choice
from tds_dash.certificates_view import button, note
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import labelled_field, notice
from tds_dash.components.states import skeleton
from tds_dash.first_boot_acts import ACTS, MOST_DEVICES, Situation, Typed
from tds_dash.identity import account, locale
from tds_dash.page_frame import looks_until, stamp
from tds_dash.rights import is_admin, require_admin
from tds_dash.wording import t

# While a gateway is on its way the card looks every two seconds; then with the page.
LOOK_MS, LOOKS = 2_000, 15
ON_ITS_WAY = timedelta(minutes=30)
LONGEST = 200
DEVICES = 8
EMPTY: tuple[Any, ...] = ("", DEVICES, "take", "", False)


def panel(language: str) -> Component:
    """Give the card, empty, and its dialog, closed."""
    admin = is_admin()
    opening = [button("claim", t("first_boot.open", language), "", "primary", mac="")] if admin else []
    words = [
        html.H2(t("first_boot.title", language), className="tds-section-title"),
        html.P(t("first_boot.lead", language), className="tds-muted"),
    ]
    card = html.Section(
        [
            html.Div([html.Div(words), html.Div(opening, className="tds-actions")], className="tds-card-head"),
            html.Div(id="first-boot-told", **LIVE),
            html.Div(skeleton("table"), id="first-boot-list", className="tds-stack"),
        ],
        id="first-boot-card",
        className="tds-card",
        hidden=not admin,
    )
    follow = dcc.Interval(id="first-boot-follow", interval=LOOK_MS, max_intervals=0)
    return html.Div([card, taking(language), html.Div(follow, hidden=True)])


def taking(language: str) -> Component:
    """Give the dialog: first the label, then what was found by it and what to do."""
    found: Component = dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle(t("first_boot.dialog", language), id="first-boot-heading"), close_button=True),
            dbc.ModalBody(
                [
                    html.P(t("first_boot.dialog_lead", language), className="tds-muted"),
                    typed_field("mac", language, maxLength=40),
                    typed_field("serial", language, maxLength=64),
                    html.Div(deciding(language), id="first-boot-decide", className="tds-form", hidden=True),
                    html.Div(id="first-boot-problem", **LIVE),
                ],
                className="tds-form",
            ),
            dbc.ModalFooter(
                [
                    html.Button(
                        t("first_boot.another", language), id="first-boot-back", hidden=True, **look("outline-secondary")
                    ),
                    html.Button(t("first_boot.look", language), id="first-boot-look", **look("primary")),
                    html.Button(id="first-boot-save", hidden=True, **look("primary")),
                ]
            ),
        ],
        id="first-boot",
        is_open=False,
        labelledby="first-boot-heading",
        centered=True,
    )
    return found


def deciding(language: str) -> list[Component]:
    """Give the second half of the dialog, for a gateway that was found."""
    whats = [(name, t(f"first_boot.what_{name}", language)) for name in ACTS]
    capacity = dbc.Input(
        id="first-boot-capacity", type="number", min=1, max=MOST_DEVICES, step=1, value=DEVICES, className="tds-input"
    )
    again = dbc.Checkbox(id="first-boot-again", label=t("first_boot.again", language), value=False)
    return [
        html.Div(id="first-boot-found"),
        choice("first-boot-what", t("first_boot.what", language), whats),
        html.Div(
            [
                typed_field("name", language, maxLength=LONGEST),
                labelled_field(
                    "first-boot-capacity", t("first_boot.capacity", language), capacity, t("first_boot.capacity_hint", language)
                ),
                html.Div(
                    [note(t("first_boot.certified", language), "exclamation-triangle"), again],
                    id="first-boot-certified",
                    className="tds-form",
                    hidden=True,
                ),
            ],
            id="first-boot-by-take",
            className="tds-form",
        ),
        html.Div(typed_field("reason", language, maxLength=LONGEST), id="first-boot-by-refuse", hidden=True),
    ]


def typed_field(name: str, language: str, **given: Any) -> Component:
    """Give a field for a line of text, with its hint."""
    field = dbc.Input(id=f"first-boot-{name}", type="text", autocomplete="off", className="tds-input", **given)
    return labelled_field(f"first-boot-{name}", t(f"first_boot.{name}", language), field, t(f"first_boot.{name}_hint", language))


def look(kind: str) -> dict[str, Any]:
    """Give a button's looks."""
    return {"type": "button", "className": f"btn btn-{kind}"}


def connect() -> None:
    """Register the callbacks; the page of certificates does so whenever it is registered itself."""
    callback(
        Output("first-boot-list", "children"),
        Output("first-boot-card", "hidden"),
        Output("first-boot-follow", "max_intervals"),
        Input("certificates-refresh", "n_intervals"),
        Input("certificates-changed", "data"),
        Input("first-boot-follow", "n_intervals"),
    )(show)
    callback(
        Output("first-boot", "is_open"),
        Output("first-boot-mac", "value"),
        Output("first-boot-serial", "value"),
        Output("first-boot-problem", "children"),
        Output("first-boot-found", "children", allow_duplicate=True),
        Input("certificates-asked", "data"),
        prevent_initial_call=True,
    )(open_dialog)
    callback(
        Output("first-boot-found", "children"),
        Output("first-boot-certified", "hidden"),
        Output("first-boot-name", "value"),
        Output("first-boot-capacity", "value"),
        Output("first-boot-what", "value"),
        Output("first-boot-reason", "value"),
        Output("first-boot-again", "value"),
        Output("first-boot-problem", "children", allow_duplicate=True),
        Input("first-boot-look", "n_clicks"),
        Input("first-boot-back", "n_clicks"),
        State("first-boot-mac", "value"),
        State("first-boot-serial", "value"),
        prevent_initial_call=True,
        running=[(Output("first-boot-look", "disabled"), True, False)],
    )(find)
    callback(
        Output("first-boot-problem", "children", allow_duplicate=True),
        Output("first-boot", "is_open", allow_duplicate=True),
        Output("first-boot-told", "children"),
        Output("certificates-changed", "data", allow_duplicate=True),
        Input("first-boot-save", "n_clicks"),
        State("first-boot-what", "value"),
        *(State(f"first-boot-{name}", "value") for name in Typed._fields),
        prevent_initial_call=True,
        running=[(Output("first-boot-save", "disabled"), True, False)],
    )(decide)
    callback(Output("first-boot-save", "children"), Input("first-boot-what", "value"))(name_save)
    _connect_browser()


def _connect_browser() -> None:
    clientside_callback(
        ClientsideFunction("firstBoot", "halves"),
        Output("first-boot-decide", "hidden"),
        Output("first-boot-save", "hidden"),
        Output("first-boot-back", "hidden"),
        Output("first-boot-look", "hidden"),
        Output("first-boot-mac", "readonly"),
        Output("first-boot-serial", "readonly"),
        Input("first-boot-found", "children"),
    )
    clientside_callback(
        ClientsideFunction("firstBoot", "what"),
        Output("first-boot-by-take", "hidden"),
        Output("first-boot-by-refuse", "hidden"),
        Input("first-boot-what", "value"),
    )


def show(_: Any, __: Any, looks: Any) -> tuple[Any, ...]:
    """Show who waits and how far each gateway is; look again soon while one is on its way."""
    now = first_boot_acts.moment()
    found, shown = first_boot_acts.situation(now), first_boot_acts.shown(now)
    parts = [
        first_boot_view.demonstration(found.demonstration, shown),
        note(t("first_boot.no_authority", shown.locale), "shield-exclamation") if unsigned(found) else None,
        first_boot_view.expected_list(found.expected, shown),
        first_boot_view.claim_list(found.claims, shown),
    ]
    under_way = any(not one.is_settled and now - one.decided_at < ON_ITS_WAY for one in found.claims)
    upto = looks_until(looks, LOOKS) if under_way else no_update
    listed = [part for part in parts if part is not None]
    return listed, not (shown.may_act or found.claims), upto


def unsigned(found: Situation) -> bool:
    """Tell whether a gateway waits for an authority that is away."""
    return not found.at_work and any(one.certificate_serial is None and not one.is_settled for one in found.claims)


def open_dialog(asked: Any) -> tuple[Any, ...]:
    """Open the dialog with what the button knows of the label, its first half shown."""
    mac = certificate_acts.asked_for(asked, ("claim",), "mac")
    require_admin()
    return True, first_boot_acts.text(mac), first_boot_acts.text(asked.get("serial")), None, None


def find(_: Any, __: Any, mac: Any, serial: Any) -> tuple[Any, ...]:
    """Show what the gateway of a label says of itself, or why there is none; nothing where another is wanted."""
    if ctx.triggered_id == "first-boot-back":
        return None, True, *EMPTY, None
    now = first_boot_acts.moment()
    try:
        one = first_boot_acts.look(Typed(mac, serial))
    except Refused as error:
        return None, True, *EMPTY, notice(first_boot_acts.refusal(error), ok=False)
    facts = first_boot_view.found_facts(one, first_boot_acts.shown(now))
    filled = (one.gateway or "", one.capacity or DEVICES, "take", "", False)
    return facts, not one.certified, *filled, None


def decide(*given: Any) -> tuple[Any, ...]:
    """Take or refuse the gateway of a label, or say in the dialog why that cannot be."""
    what, *typed = given[1:]
    if not isinstance(what, str) or what not in ACTS:
        raise PreventUpdate
    try:
        said = ACTS[what](Typed(*typed))
    except Refused as error:
        return notice(first_boot_acts.refusal(error), ok=False), no_update, no_update, no_update
    told = html.Div(said, className="alert tds-note tds-note-done", role="status")
    return None, False, told, stamp()


def name_save(what: Any) -> str:
    """Name the button by what it does."""
    act = certificate_acts.one_of(tuple(ACTS), what)
    return t(f"first_boot.save_{act}", locale(), account=account().name)
