"""Dash behind the server: the index document, and which addresses exist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dash
from dash import Dash, html
from flask import Flask, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Connection

from sql.errors import NotFound
from tds_dash import doors, needs, shell, vendor
from tds_dash.components import no_right_state
from tds_dash.guard import is_for_programs
from tds_dash.identity import account, locale, person
from tds_dash.wording import date_clock, t

ROOT = Path(__file__).resolve().parent.parent
THEMES = ("light", "dark")
THEME_COOKIE = "tds-theme"
# Pages of one thing: who says whether it is there.
DOORS: dict[str, Callable[[Connection, str], object]] = {"device": doors.device_for_user, "gateway": doors.gateway_for_user}
# What charts are drawn with, which Dash asks for once it has one to draw: the parts under which a page has charts, and their addresses.
CHARTED = frozenset({"", "consumption", "costs", "device", "peaks"})
DRAWN = ("/_dash-component-suites/dash/dcc/async-graph.js", "/_dash-component-suites/plotly/package_data/plotly.min.js")
# What assets/session.js says when the server does not answer as it should.
SCRIPT_WORDS = (
    "state.toast_title",
    "state.page_failed",
    "state.page_again",
    "state.home",
    "http.offline",
    "http.error",
    "action.retry",
    "action.close",
    "state.failed_id",
)


class TdsDash(Dash):
    """Dash with an index document of ours, in the reader's language and theme."""

    def interpolate_index(
        self,
        metas: str = "",
        title: str = "",
        css: str = "",
        config: str = "",
        scripts: str = "",
        app_entry: str = "",
        favicon: str = "",
        renderer: str = "",
    ) -> str:
        """Fill templates/index.html; Dash's own parts come as ready HTML."""
        parts = {"metas": metas, "css": css, "config": config, "scripts": scripts, "renderer": renderer}
        words = {key: t(key, locale(), id="{id}") for key in SCRIPT_WORDS}
        return render_template("index.html", **parts, title=t("app.name", locale()), script_words=words)


def install(server: Flask) -> Dash:
    """Put Dash behind the server, with every page in `pages/`."""
    server.context_processor(template_words)
    options: dict[str, Any] = {"server": server, "update_title": None}  # both narrower in Dash's types than in Dash
    app = TdsDash(
        "tds_dash",
        use_pages=True,
        pages_folder=str(ROOT / "tds_dash" / "pages"),
        assets_folder=str(ROOT / "assets"),
        assets_ignore=r"theme\.js",  # linked in the head, before anything is painted
        suppress_callback_exceptions=True,  # without it Dash keeps the first visitor's layouts for everybody
        include_pages_meta=False,
        serve_locally=True,
        title="TDS",
        enable_mcp=False,
        add_log_handler=False,
        **options,
    )
    server.extensions["tds_pages"] = app
    for module, page in dash.page_registry.items():
        page["layout"] = partial(for_whom, module, page["layout"])
    app.layout = shell.layout
    shell.register_callbacks(app)
    index = server.view_functions["/<path:path>"]
    server.view_functions["/<path:path>"] = partial(page_or_404, index)
    return app


def for_whom(module: str, layout: Any, /, **query: Any) -> Any:
    """Give a page to whoever has the role that it needs, and to others say which role that is; a page of nobody's is not there."""
    needed = needs.of_page(module)
    if needed is None:
        abort(403)
    if not needs.is_met(needed, person().role, person().row.operator):
        state = no_right_state(needed, account().name, locale(), whole_page=True)
        return html.Div(html.Div(state, className="tds-card"), className="tds-page")
    return layout(**query) if callable(layout) else layout


def template_words() -> dict[str, Any]:
    """Give the templates their words, language and theme."""
    theme = request.cookies.get(THEME_COOKIE)
    language = locale()
    sheets = sorted(path.name for path in (ROOT / "assets").glob("*.css"))
    return {
        "t": partial(_in_language, language),
        "moment": partial(_moment, language),
        "locale": language,
        "theme": theme if theme in THEMES else "light",
        "theme_chosen": theme in THEMES,
        "languages": shell.LANGUAGES,
        "vendor_stylesheets": vendor.stylesheets(),
        "stylesheets": [*vendor.stylesheets(), *map(vendor.asset, sheets)],
        "asset": vendor.asset,
        "drawn": DRAWN if is_drawn(request.path) else (),
    }


def is_drawn(path: str) -> bool:
    """Tell whether a page has charts."""
    return path.strip("/").partition("/")[0] in CHARTED


def page_or_404(index: Any, path: str) -> ResponseReturnValue:
    """Answer 404 with the page that says so where nothing is at an address, or nothing that this person may see."""
    if is_for_programs(f"/{path}"):
        abort(404)
    body: str = index(path=path)
    return (body, 200 if exists(path.strip("/")) else 404)


def exists(path: str) -> bool:
    """Tell whether a page is at a path, for this request's account."""
    room, _, name = path.partition("/")
    if name and room in DOORS:
        try:
            with doors.transaction() as conn:
                DOORS[room](conn, name)
        except NotFound:
            return False
        return True
    return any(path == page["path"].strip("/") for page in dash.page_registry.values() if not page["path_template"])


def _moment(language: str, when: datetime) -> str:
    """Write an instant in the zone of the account that is acted for, else in the installation's."""
    own = person().account if current_user.is_authenticated else None
    place = own.timezone if own else current_app.config["TDS"].timezone
    return date_clock(when, language, ZoneInfo(place))


def _in_language(language: str, key: str, **values: object) -> str:
    return t(key, language, **values)
