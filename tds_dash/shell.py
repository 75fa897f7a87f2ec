"""What surrounds every page: the bar with navigation, theme, account and language."""

from __future__ import annotations

from typing import Any

import dash
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from sql import alarms
from sql.decisions import Wanted, select_events
from sql.people import Member, memberships
from tds_dash import doors, navigation, replicas, vendor
from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.identity import account, locale, person
from tds_dash.page_frame import beat
from tds_dash.rights import is_admin
from tds_dash.wording import t

ADMIN_PAGES = (
    ("database-down", "account.link", "/account"),
    ("journal-text", "audit.link", "/audit"),
)
MOST_COUNTED = 100
LANGUAGES = (("pt-BR", "Português"), ("en", "English"))


def layout() -> html.Div:
    """Give the frame of every page, without anything of an account: a callback fills in the menu."""
    language = locale()
    return html.Div(
        [
            html.Header(
                [
                    dcc.Link(
                        [html.Img(src=vendor.asset("favicon.svg"), alt="", width=26, height=26), t("app.name", language)],
                        href="/",
                        className="tds-brand",
                    ),
                    navigation.bar(language),
                    html.Div([theme_button(language), menu(language), navigation.menu(language)], className="tds-navbar-end"),
                ],
                className="tds-navbar",
            ),
            html.Div(id="shell-old", className="tds-old", role="status"),
            html.Main(dash.page_container, id="content", className="tds-main", tabIndex=-1),
            html.Footer(html.Span(id="shell-zone"), className="tds-footer"),
            dcc.Store(id="shell-decided"),
            beat("shell-alarms"),
        ],
        className="tds-shell",
    )


def theme_button(language: str) -> html.Button:
    """Give the light and dark switch; assets/theme.js does the switching."""
    attributes: dict[str, Any] = {
        "data-theme-switch": "",
        "data-to-dark": t("shell.to_dark", language),
        "data-to-light": t("shell.to_light", language),
        **labelled(t("shell.theme", language)),
    }
    return html.Button(
        [
            html.I(className="bi bi-moon-stars tds-when-light", **DECORATION),
            html.I(className="bi bi-sun tds-when-dark", **DECORATION),
        ],
        type="button",
        className="tds-icon-button",
        title=t("shell.theme", language),
        **attributes,
    )


def menu(language: str) -> html.Details:
    """Give the drop-down of account, language and sign-out."""
    return html.Details(
        [
            html.Summary(
                [
                    html.I(className="bi bi-person-circle", **DECORATION),
                    html.Span(id="shell-account", className="tds-menu-name"),
                    html.Span(t("shell.account", language), className="visually-hidden"),
                ],
            ),
            html.Div(
                [
                    html.Div(id="shell-accounts"),
                    html.Div(t("shell.language", language), className="tds-menu-heading"),
                    language_form(language),
                    html.Form(
                        html.Button(
                            [html.I(className="bi bi-box-arrow-right", **DECORATION), t("shell.sign_out", language)],
                            type="submit",
                            className="tds-menu-item",
                        ),
                        action="/logout",
                        method="post",
                    ),
                ],
                className="tds-menu-body",
            ),
        ],
        className="tds-menu",
    )


def language_form(language: str) -> html.Form:
    """Give the two languages as buttons; assets/shell.js adds the address to come back to."""
    buttons = [
        html.Button(
            name, type="submit", name="locale", value=code, lang=code, className="tds-menu-item", **current(code == language)
        )
        for code, name in LANGUAGES
    ]
    return html.Form([dcc.Input(type="hidden", name="next", value="/"), *buttons], action="/language", method="post")


def register_callbacks(app: Dash) -> None:
    """Register the shell's own callbacks on this app alone."""

    @app.callback(
        Output("shell-account", "children"),
        Output("shell-accounts", "children"),
        Output("shell-zone", "children"),
        Output("nav-admin", "children"),
        Output("menu-admin", "children"),
        Input("shell-accounts", "id"),
    )
    def fill_menu(_: str) -> tuple[Any, ...]:
        with doors.transaction() as conn:
            choices = memberships(conn, person().id)
        more = navigation.link(navigation.FOR_ADMINS, locale()) if is_admin() else None
        return account().name, account_menu(choices), t("shell.zone", locale(), zone=account().timezone), more, more

    in_browser: Any = app.clientside_callback  # carries no types
    in_browser(
        ClientsideFunction("navigation", "together"),
        Output("nav-operation-count", "children"),
        *(Input(f"nav-{name}-count", "children") for name in navigation.COUNTED),
    )

    @app.callback(
        Output("nav-events-count", "children"),
        Output("menu-events-count", "children"),
        Input("_pages_location", "pathname"),
        Input("shell-decided", "data"),
    )
    def count_events(*_: Any) -> tuple[Component | None, Component | None]:
        with doors.transaction() as conn:
            waiting = len(select_events(conn, Wanted(account().id, decided=False), MOST_COUNTED))
        words = t("events.to_review", locale(), n=waiting)
        return count_badge(waiting, words), count_badge(waiting, words)

    @app.callback(
        Output("nav-alarms-count", "children"),
        Output("menu-alarms-count", "children"),
        Output("shell-old", "children"),
        Input("_pages_location", "pathname"),
        Input("shell-alarms", "n_intervals"),
    )
    def count_alarms(*_: Any) -> tuple[Component | None, Component | None, str]:
        with doors.transaction() as conn:
            waiting = alarms.waiting(conn, account().id).unacknowledged
        words = t("alarms.waiting", locale(), n=waiting)
        return count_badge(waiting, words), count_badge(waiting, words), replicas.said(locale())


def count_badge(waiting: int, words: str) -> Component | None:
    """Say how many wait; nothing where none does."""
    if not waiting:
        return None
    shown = str(waiting) if waiting < MOST_COUNTED else f"{MOST_COUNTED - 1}+"
    hidden = html.Span(words, className="visually-hidden")
    return html.Span([html.Span(shown, **DECORATION), hidden], className="tds-count", title=words)


def account_menu(choices: list[Member]) -> list[Component]:
    """Give who is signed in, and the accounts to switch to where there are several."""
    own: list[Component] = [html.Div([html.Div(person().row.email, className="tds-menu-email")], className="tds-menu-person")]
    own.append(menu_item("person-gear", t("profile.title", locale()), "/profile", plain=True))
    for icon, key, href in ADMIN_PAGES if is_admin() else ():
        own.append(menu_item(icon, t(key, locale()), href))
    if person().row.operator:
        own.append(menu_item("buildings", t("operator.title", locale()), "/operator", plain=True))
    own.append(menu_item("key", t("tokens.link", locale()), "/tokens"))
    if len(choices) < 2:
        return own
    buttons = [
        html.Button(
            choice.account,
            type="submit",
            name="account",
            value=str(choice.account_id),
            className="tds-menu-item",
            **current(choice.account_id == account().id),
        )
        for choice in choices
    ]
    heading = html.Div(t("accounts.switch", locale()), className="tds-menu-heading")
    return [*own, heading, html.Form(buttons, action="/accounts", method="post")]


def menu_item(icon: str, word: str, href: str, plain: bool = False) -> Component:
    """Give a link of the menu; to a plain page beside Dash, one that leaves it."""
    inner: list[Any] = [html.I(className=f"bi bi-{icon}", **DECORATION), word]
    found: Component = (html.A if plain else dcc.Link)(inner, href=href, className="tds-menu-item")
    return found


def current(is_current: bool) -> dict[str, Any]:
    """Mark what is chosen now."""
    return {"aria-current": "true" if is_current else "false"}
