"""The pages in their groups: as one bar of links and disclosure buttons, and as one menu on a narrow screen."""

from __future__ import annotations

from typing import Any, NamedTuple

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.wording import t


class Page(NamedTuple):
    """A page: what it is called (nav.NAME), where it is, its icon."""

    name: str
    path: str
    icon: str


HOME = Page("overview", "/", "speedometer2")
GROUPS = {
    "explore": (
        Page("consumption", "/consumption", "bar-chart-line"),
        Page("peaks", "/peaks", "graph-up-arrow"),
        Page("readings", "/readings", "list-ul"),
    ),
    "money": (
        Page("costs", "/costs", "cash-coin"),
        Page("bills", "/bills", "receipt"),
        Page("tariffs", "/tariffs", "tags"),
        Page("reports", "/reports", "file-earmark-text"),
    ),
    "operation": (
        Page("alarms", "/alarms", "bell"),
        Page("events", "/events", "clipboard-check"),
        Page("rejections", "/rejections", "inboxes"),
    ),
    "setup": (
        Page("gateways", "/gateways", "hdd-network"),
        Page("devices", "/devices", "speedometer"),
        Page("certificates", "/certificates", "shield-lock"),
    ),
}
FOR_ADMINS = Page("users", "/users", "people")  # at the end of the last group
COUNTED = ("alarms", "events")


def bar(language: str) -> html.Nav:
    """Give the bar: the overview, and a button for each group that opens its links; assets/navigation.js does the opening."""
    items = [html.Li(link(HOME, language)), *(html.Li(group(name, language), className="tds-nav-group") for name in GROUPS)]
    return html.Nav(html.Ul(items, className="tds-nav-list"), className="tds-nav", **labelled(t("shell.main_nav", language)))


def group(name: str, language: str) -> list[Component]:
    """Give a group's button and the links that it opens."""
    id = f"nav-{name}"
    words: dict[str, Any] = {"aria-expanded": "false", "aria-controls": id}
    count = [html.Span(id=f"{id}-count")] if any(page.name in COUNTED for page in GROUPS[name]) else []
    face = [html.Span(t(f"nav.group_{name}", language)), *count, html.I(className="bi bi-chevron-down", **DECORATION)]
    return [
        html.Button(face, type="button", className="tds-nav-link tds-nav-button", **words),
        html.Ul(listed(name, "nav", language), id=id, className="tds-nav-panel", hidden=True),
    ]


def menu(language: str) -> html.Details:
    """Give the navigation as one list for narrow screens, each group under its name."""
    parts: list[Component] = [link(HOME, language)]
    for name in GROUPS:
        heading = html.Div(t(f"nav.group_{name}", language), id=f"menu-{name}-heading", className="tds-menu-heading")
        named: dict[str, Any] = {"aria-labelledby": f"menu-{name}-heading"}
        parts += [heading, html.Ul(listed(name, "menu", language), **named)]
    return html.Details(
        [
            html.Summary(
                [
                    html.I(className="bi bi-list", **DECORATION),
                    html.Span(t("shell.menu", language), className="visually-hidden"),
                ]
            ),
            html.Nav(parts, className="tds-menu-body tds-menu-groups", **labelled(t("shell.menu", language))),
        ],
        className="tds-menu tds-nav-menu",
    )


def listed(name: str, place: str, language: str) -> list[Component]:
    """Give a group's links; the last group has room for what administrators have beside."""
    items: list[Component] = [html.Li(link(page, language, place)) for page in GROUPS[name]]
    return [*items, html.Li(id=f"{place}-admin")] if name == "setup" else items


def link(page: Page, language: str, place: str = "") -> Component:
    """Give the link to a page; the one shown is marked, and alarms and events say how many wait."""
    count = html.Span(id=f"{place}-{page.name}-count") if page.name in COUNTED else None
    inner = [html.I(className=f"bi bi-{page.icon}", **DECORATION), html.Span(t(f"nav.{page.name}", language)), count]
    found: Component = dbc.NavLink(inner, href=page.path, active="exact", className="tds-nav-link")
    return found
