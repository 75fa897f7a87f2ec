"""The account as a whole: how its members sign in, everything it holds as a ZIP, and its end; for its administrators."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, callback, dcc, html

from sql import account_orders, second_factor
from tds_dash import account_data, doors, wording
from tds_dash.components import page_header
from tds_dash.components.attributes import LIVE
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import register_page
from tds_dash.wording import t

LOOK_MS = 10_000
register_page(__name__, "account.title", path="/account", order=11)


def layout(**_: Any) -> html.Div:
    """Give the page's frame."""
    language = locale()
    export = html.Form(
        html.Button(t("account.export", language), id="account-export", type="submit", className="btn btn-primary"),
        action="/_account/export.zip",
        method="post",
    )
    return html.Div(
        [
            dcc.Interval(id="account-look", interval=LOOK_MS),
            dcc.Store(id="account-factor-asked"),
            page_header(t("account.title", language), lead=t("account.lead", language)),
            html.Section(
                [
                    html.H2(t("profile.second_factor", language), className="tds-section-title"),
                    html.P(t("account.factor_text", language), className="tds-muted"),
                    html.P(id="account-factor-told", **LIVE),
                    html.Button(
                        t("account.factor_ask", language),
                        id="account-factor",
                        type="button",
                        disabled=True,
                        className="btn btn-outline-primary",
                    ),
                ],
                className="tds-card",
            ),
            html.Section(
                [
                    html.H2(t("account.export_title", language), className="tds-section-title"),
                    html.P(t("account.export_text", language), className="tds-muted"),
                    export,
                    html.Progress(id="account-progress", max="100", value="0", className="tds-progress mt-3", hidden=True),
                    html.P(id="account-export-told", className="mt-3 mb-0", **LIVE),
                ],
                className="tds-card",
            ),
            html.Section(
                [
                    html.H2(t("account.delete", language), className="tds-section-title"),
                    html.P(t("account.delete_text", language), className="tds-muted"),
                    html.A(t("account.delete", language), href="/account/delete", className="btn btn-outline-danger"),
                ],
                className="tds-card",
            ),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("account-export-told", "children"),
    Output("account-progress", "hidden"),
    Output("account-progress", "value"),
    Output("account-look", "interval"),
    Input("account-look", "n_intervals"),
)
def show(_: Any) -> tuple[Any, ...]:
    """Say how far the export is, or how the last one ended; assets/account.js asks at once when one begins."""
    with doors.transaction() as conn:
        last = account_orders.last_export(conn, account().id)
    if last is None:
        return t("account.export_none", locale()), True, "0", LOOK_MS
    state = account_data.state(last)
    time = wording.date_clock(last.progress.moved_at, locale(), zone())
    said = t(f"account.export_{state}", locale(), done=last.progress.done, total=last.progress.total, time=time)
    running = state == "running"
    return said, not running, str(int(last.progress.share * 100)), 1_000 if running else LOOK_MS


@callback(
    Output("account-factor-told", "children"),
    Output("account-factor", "children"),
    Output("account-factor", "disabled"),
    Output("account-factor-asked", "data"),
    Input("account-factor", "n_clicks"),
    State("account-factor-asked", "data"),
)
def ask_second_factor(pressed: Any, asked: Any) -> tuple[Any, ...]:
    """Have the account ask its members for a second factor, or no longer, where the button was pressed; say how it is."""
    if pressed and isinstance(asked, bool):
        account_data.ask_second_factor(not asked)
    with doors.transaction() as conn:
        found = second_factor.policy(conn, account().id)
    said = t("account.factor_on" if found.asked else "account.factor_off", locale())
    without = t("account.factor_without", locale(), n=found.members - found.secured, total=found.members)
    word = t("account.factor_stop" if found.asked else "account.factor_ask", locale())
    return f"{said} {without}", word, False, found.asked
