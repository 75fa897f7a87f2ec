"""Gateway: whether it is heard, what it delivered, and how the devices behind it do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, callback, dcc, html

from sql.errors import NotFound
from sql.queries.delivery import delivery
from sql.queries.devices import devices
from tds_dash import doors, gateway_view
from tds_dash.components import card_skeletons, empty_state, metric_cards, page_header, skeleton
from tds_dash.identity import account, locale, zone
from tds_dash.page_frame import beat, register_page
from tds_dash.rights import may_edit
from tds_dash.still import still
from tds_dash.wording import t

register_page(__name__, "gateway.title", path_template="/gateway/<gateway_id>")


def layout(gateway_id: Any = None, **_: object) -> html.Div:
    """Give the page's frame, or the sentence that there is no such gateway; its facts come by the callbacks below."""
    language = locale()
    if not is_here(gateway_id):
        missing = empty_state(
            t("gateway.not_found", language),
            t("gateway.not_found_text", language),
            action=t("nav.gateways", language),
            href="/gateways",
            whole_page=True,
        )
        return html.Div(html.Div(missing, className="tds-card"), className="tds-page")
    lead = html.Span("\u00a0", id="gateway-state", className="d-inline-flex flex-wrap gap-3")
    return html.Div(
        [
            dcc.Store(id="gateway-id", data=gateway_id),
            beat("gateway-refresh"),
            page_header(t("gateway.title", language), id="gateway-name", lead=lead, actions=[html.Div(id="gateway-links")]),
            html.Div(id="gateway-advice"),
            metric_cards(card_skeletons(4), id="gateway-cards", compact=True),
            html.Section(
                [
                    html.H2(t("delivery.title", language), className="tds-section-title"),
                    html.P(t("delivery.lead", language), className="tds-muted"),
                    html.Div(skeleton("table"), id="gateway-delivery"),
                    html.P(t("delivery.hint", language), className="tds-muted tds-small"),
                ],
                className="tds-card",
            ),
            section("gateway.devices", html.Div(skeleton("table"), id="gateway-devices")),
            section("gateway.facts", html.Div(skeleton("line"), id="gateway-facts")),
        ],
        className="tds-page tds-stack",
    )


def section(heading: str, body: html.Div) -> html.Section:
    """Give a card with a heading."""
    return html.Section([html.H2(t(heading, locale()), className="tds-section-title"), body], className="tds-card")


def is_here(gateway_id: Any) -> bool:
    """Tell whether this account has the gateway."""
    try:
        with doors.transaction() as conn:
            doors.gateway_for_user(conn, gateway_id)
    except NotFound:
        return False
    return True


@callback(
    Output("gateway-name", "children"),
    Output("gateway-state", "children"),
    Output("gateway-advice", "children"),
    Output("gateway-devices", "children"),
    Output("gateway-facts", "children"),
    Output("gateway-links", "children"),
    Input("gateway-id", "data"),
    Input("gateway-refresh", "n_intervals"),
)
def show_facts(gateway_id: Any, _: int | None) -> tuple[Any, ...]:
    """Say how the gateway does, and list its devices."""
    now, language = datetime.now(UTC), locale()
    with doors.transaction() as conn:
        gateway = doors.gateway_for_user(conn, gateway_id)
        found = [device for device in devices(conn, now) if device.gateway_id == gateway.id]
    listed: Any = html.P(t("gateway.no_devices", language), className="tds-muted")
    if found:
        listed = still(gateway_view.devices_table(found, now, zone(), language))
    return (
        gateway.name,
        gateway_view.state_line(gateway, now, zone(), language),
        gateway_view.advice(gateway, now, zone(), language),
        listed,
        gateway_view.facts(gateway, zone(), language),
        gateway_view.links(gateway, language) if may_edit() else None,
    )


@callback(
    Output("gateway-cards", "children"),
    Output("gateway-delivery", "children"),
    Input("gateway-id", "data"),
    Input("gateway-refresh", "n_intervals"),
)
def show_delivery(gateway_id: Any, _: int | None) -> tuple[Any, ...]:
    """Say what was expected and what came."""
    now, language = datetime.now(UTC), locale()
    with doors.transaction() as conn:
        gateway = doors.gateway_for_user(conn, gateway_id)
        found = delivery(conn, gateway.id, now, account().timezone)
    return gateway_view.cards(found, language), still(gateway_view.table(found.days, zone(), language))
