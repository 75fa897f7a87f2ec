"""What surrounds every page: the index document, the bar with navigation and menus, and which addresses exist."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component
from flask import Flask, abort, render_template, request
from flask.typing import ResponseReturnValue

from sql.errors import NotFound
from sql.people import Member, memberships
from tds_dash import doors, vendor
from tds_dash.guard import is_for_programs
from tds_dash.identity import account, locale, person
from tds_dash.wording import t

ROOT = Path(__file__).resolve().parent.parent
THEMES = ("light", "dark")
THEME_COOKIE = "tds-theme"
PAGES = (
    ("overview", "/", "speedometer2"),
    ("consumption", "/consumption", "bar-chart-line"),
    ("readings", "/readings", "list-ul"),
    ("gateways", "/gateways", "hdd-network"),
    ("devices", "/devices", "speedometer"),
)
LANGUAGES = (("pt-BR", "Português"), ("en", "English"))
SCRIPT_WORDS = ("state.toast_title", "http.offline", "http.error", "action.retry", "action.close", "state.failed_id")


class TdsDash(Dash):  # type: ignore[misc]
    """Dash with an index document of ours, in the reader's language and theme."""

    def interpolate_index(self, **parts: str) -> str:
        """Fill templates/index.html; Dash's own parts come as ready HTML."""
        words = {key: t(key, locale(), id="{id}") for key in SCRIPT_WORDS}
        return render_template("index.html", **{**parts, "title": t("app.name", locale())}, script_words=words)


def install(server: Flask) -> Dash:
    """Put Dash behind the server, with every page in `pages/`."""
    server.context_processor(template_words)
    app = TdsDash(
        "tds_dash",
        server=server,
        use_pages=True,
        pages_folder=str(ROOT / "tds_dash" / "pages"),
        assets_folder=str(ROOT / "assets"),
        assets_ignore=r"theme\.js",  # linked in the head, before anything is painted
        suppress_callback_exceptions=True,  # without it Dash keeps the first visitor's layouts for everybody
        include_pages_meta=False,
        serve_locally=True,
        title="TDS",
        update_title=None,
        enable_mcp=False,
        add_log_handler=False,
    )
    app.layout = layout
    register_callbacks(app)
    index = server.view_functions["/<path:path>"]
    server.view_functions["/<path:path>"] = partial(page_or_404, index)
    return app


def template_words() -> dict[str, Any]:
    """Give the templates their words, language and theme."""
    theme = request.cookies.get(THEME_COOKIE)
    language = locale()
    sheets = sorted(path.name for path in (ROOT / "assets").glob("*.css"))
    return {
        "t": partial(_in_language, language),
        "locale": language,
        "theme": theme if theme in THEMES else "light",
        "theme_chosen": theme in THEMES,
        "languages": LANGUAGES,
        "vendor_stylesheets": vendor.stylesheets(),
        "stylesheets": [*vendor.stylesheets(), *(f"/assets/{name}" for name in sheets)],
    }


def page_or_404(index: Any, path: str) -> ResponseReturnValue:
    """Answer 404 with the page that says so where nothing is at an address, or nothing that this person may see."""
    if is_for_programs(f"/{path}"):
        abort(404)
    body: str = index(path=path)
    return (body, 200 if exists(path.strip("/")) else 404)


def exists(path: str) -> bool:
    """Tell whether a page is at a path, for this request's account."""
    if path.startswith("device/"):
        try:
            with doors.transaction() as conn:
                doors.device_for_user(conn, path.removeprefix("device/"))
        except NotFound:
            return False
        return True
    return any(path == page["path"].strip("/") for page in dash.page_registry.values() if not page["path_template"])


def layout() -> html.Div:
    """Give the frame of every page, without anything of an account: a callback fills in the menu."""
    language = locale()
    return html.Div(
        [
            html.Header(
                [
                    dcc.Link(
                        [html.Img(src="/assets/favicon.svg", alt="", width=26, height=26), t("app.name", language)],
                        href="/",
                        className="tds-brand",
                    ),
                    html.Nav(links(language), className="tds-nav", **{"aria-label": t("shell.main_nav", language)}),
                    html.Div([theme_button(language), menu(language), phone_menu(language)], className="tds-navbar-end"),
                ],
                className="tds-navbar",
            ),
            html.Main(dash.page_container, id="content", className="tds-main", tabIndex=-1),
            html.Footer(html.Span(id="shell-zone"), className="tds-footer"),
        ],
        className="tds-shell",
    )


def links(language: str) -> list[Component]:
    """Give the links to the pages; the one shown is marked."""
    return [
        dbc.NavLink(
            [html.I(className=f"bi bi-{icon}", **{"aria-hidden": "true"}), html.Span(t(f"nav.{name}", language))],
            href=path,
            active="exact",
            className="tds-nav-link",
        )
        for name, path, icon in PAGES
    ]


def theme_button(language: str) -> html.Button:
    """Give the light and dark switch; assets/theme.js does the switching."""
    return html.Button(
        [
            html.I(className="bi bi-moon-stars tds-when-light", **{"aria-hidden": "true"}),
            html.I(className="bi bi-sun tds-when-dark", **{"aria-hidden": "true"}),
        ],
        type="button",
        className="tds-icon-button",
        title=t("shell.theme", language),
        **{
            "data-theme-switch": "",
            "data-to-dark": t("shell.to_dark", language),
            "data-to-light": t("shell.to_light", language),
            "aria-label": t("shell.theme", language),
        },
    )


def menu(language: str) -> html.Details:
    """Give the drop-down of account, language and sign-out."""
    return html.Details(
        [
            html.Summary(
                [
                    html.I(className="bi bi-person-circle", **{"aria-hidden": "true"}),
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
                            [html.I(className="bi bi-box-arrow-right", **{"aria-hidden": "true"}), t("shell.sign_out", language)],
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


def phone_menu(language: str) -> html.Details:
    """Give the navigation as a drop-down for narrow screens."""
    return html.Details(
        [
            html.Summary(
                [
                    html.I(className="bi bi-list", **{"aria-hidden": "true"}),
                    html.Span(t("shell.menu", language), className="visually-hidden"),
                ]
            ),
            html.Nav(links(language), className="tds-menu-body", **{"aria-label": t("shell.menu", language)}),
        ],
        className="tds-menu tds-nav-menu",
    )


def language_form(language: str) -> html.Form:
    """Give the two languages as buttons; assets/shell.js adds the address to come back to."""
    buttons = [
        html.Button(
            name,
            type="submit",
            name="locale",
            value=code,
            lang=code,
            className="tds-menu-item",
            **{"aria-current": "true" if code == language else "false"},
        )
        for code, name in LANGUAGES
    ]
    return html.Form([dcc.Input(type="hidden", name="next", value="/"), *buttons], action="/language", method="post")


def register_callbacks(app: Dash) -> None:
    """Register the shell's own callback on this app alone."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output("shell-account", "children"),
        Output("shell-accounts", "children"),
        Output("shell-zone", "children"),
        Input("shell-accounts", "id"),
    )
    def fill_menu(_: str) -> tuple[str, list[Component], str]:
        with doors.transaction() as conn:
            choices = memberships(conn, person().id)
        return account().name, account_menu(choices), t("shell.zone", locale(), zone=account().timezone)


def account_menu(choices: list[Member]) -> list[Component]:
    """Give who is signed in, and the accounts to switch to where there are several."""
    own = html.Div([html.Div(person().row.email, className="tds-menu-email")], className="tds-menu-person")
    if len(choices) < 2:
        return [own]
    buttons = [
        html.Button(
            choice.account,
            type="submit",
            name="account",
            value=str(choice.account_id),
            className="tds-menu-item",
            **{"aria-current": "true" if choice.account_id == account().id else "false"},
        )
        for choice in choices
    ]
    heading = html.Div(t("accounts.switch", locale()), className="tds-menu-heading")
    return [own, heading, html.Form(buttons, action="/accounts", method="post")]


def _in_language(language: str, key: str, **values: object) -> str:
    return t(key, language, **values)
