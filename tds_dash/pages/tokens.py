"""Tokens: how programs sign in to the API; each person makes and takes back their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, State, callback, dcc, html, no_update
from dash.exceptions import PreventUpdate

from sql.errors import Refused
from sql.people import ROLES
from sql.tokens import USUAL_DAYS
from tds_dash import token_acts
from tds_dash.components import page_header, sentence, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import notice
from tds_dash.components.fields import line_of_text, one_of
from tds_dash.event_words import refusal
from tds_dash.identity import locale, zone
from tds_dash.page_frame import register_page, stamp
from tds_dash.still import still
from tds_dash.wording import t

FIELDS = ("name", "role", "days")
PLACES = {"name": "name", "token_role": "role", "token_above": "role", "token_days": "days"}

register_page(__name__, "tokens.title", path="/tokens")


def layout(**_: Any) -> html.Div:
    """Give the page's frame: the form, and below it the tokens."""
    language = locale()
    roles = [(role, t(f"role.{role}", language)) for role in reversed(ROLES)]
    enters: dict[str, Any] = {"data-enter": "tokens-make"}
    form = html.Section(
        [
            html.H2(t("tokens.new", language), className="tds-section-title"),
            html.Div(
                [
                    line_of_text("tokens-name", t("tokens.name", language), t("tokens.name_hint", language), maxLength=200),
                    one_of("tokens-role", t("tokens.role", language), roles),
                    line_of_text(
                        "tokens-days",
                        t("tokens.days", language),
                        t("tokens.days_hint", language),
                        inputMode="numeric",
                        value=str(USUAL_DAYS),
                    ),
                ],
                className="tds-three",
            ),
            html.Div(
                html.Button(t("tokens.make", language), id="tokens-make", type="button", className="btn btn-primary"),
                className="tds-actions",
            ),
        ],
        className="tds-card tds-stack",
        **enters,
    )
    return html.Div(
        [
            dcc.Store(id="tokens-asked"),
            dcc.Store(id="tokens-changed"),
            page_header(t("tokens.title", language), lead=sentence("tokens.lead", language, address="/api/v1/openapi.json")),
            html.Div(id="tokens-told", **LIVE),
            html.Section(html.Div(skeleton("table"), id="tokens-table", className="tds-fleet-list"), className="tds-card"),
            form,
        ],
        className="tds-page tds-stack",
    )


@callback(Output("tokens-table", "children"), Input("tokens-changed", "data"))
def show(_: Any) -> Any:
    """List the tokens that this person may see."""
    return still(token_acts.table(token_acts.listed(), datetime.now(UTC), zone(), locale()))


@callback(
    Output("tokens-told", "children"),
    Output("tokens-changed", "data"),
    *(Output(f"tokens-{name}-fault", "children") for name in FIELDS),
    Input("tokens-make", "n_clicks"),
    *(State(f"tokens-{name}", "value") for name in FIELDS),
    prevent_initial_call=True,
    running=[(Output("tokens-make", "disabled"), True, False)],
)
def make(_: Any, name: Any, role: Any, days: Any) -> tuple[Any, ...]:
    """Make a token and show it, this once; or say beside the field what is wrong."""
    language = locale()
    try:
        token, kept = token_acts.make(name, role, days)
    except Refused as error:
        place = PLACES.get(error.key)
        faults = [refusal(error, language) if field == place else None for field in FIELDS]
        return no_update if place else notice(refusal(error, language), ok=False), no_update, *faults
    words: Any = {"data-copies": "tokens-once", "data-copied": t("tokens.copied", language)}
    shown = html.Div(
        [
            html.Div(sentence("tokens.once", language, name=kept.name)),
            html.Code(token, id="tokens-once", className="tds-once"),
            html.Button(t("tokens.copy", language), type="button", className="btn btn-outline-primary", **words),
        ],
        className="tds-card tds-stack",
        role="status",
    )
    return shown, stamp(), None, None, None


@callback(
    Output("tokens-told", "children", allow_duplicate=True),
    Output("tokens-changed", "data", allow_duplicate=True),
    Input("tokens-asked", "data"),
    prevent_initial_call=True,
)
def revoke(asked: Any) -> tuple[Any, ...]:
    """Take a token back."""
    if not isinstance(asked, dict) or asked.get("verb") != "revoke":
        raise PreventUpdate
    found = token_acts.take_back(asked.get("id"))
    return notice(t("tokens.revoked", locale(), name=found.name), ok=True), stamp()
