"""The ways out of a page: what it shows as CSV and as a workbook, its charts as pictures."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.wording import t

KINDS = ("csv", "xlsx")


def files(id: str, path: str, locale: str, *, of: str = "", beside: Component | None = None) -> html.Span:
    """Give the links `{id}-csv` and `{id}-xlsx` to what `path` gives; assets/files.js adds the view that the address holds.

    `of` names what is in the files where a page has several; `beside` is the picture of what is in them.
    """
    return html.Span([*(link(id, kind, path, locale, of) for kind in KINDS), beside], id=id, className="tds-files")


def picture(chart: str, locale: str, *, said: str = "", named: str = "", of: str = "") -> html.Button:
    """Give the button that saves a chart as a picture, made by assets/pictures.js: a toolbar's button is none on a phone.

    `said` and `named` are the ids of what the page says of the chart; the latter is in the file's name, too.
    """
    words = t("chart.png", locale)
    given: dict[str, Any] = {"data-picture": chart, "data-said": said, "data-named": named}
    given |= labelled(f"{words}: {of}" if of else words)
    return html.Button(
        [html.I(className="bi bi-image", **DECORATION), " PNG"],
        id=f"{chart}-png",
        type="button",
        title=words,
        className=look(of),
        **given,
    )


def link(id: str, kind: str, path: str, locale: str, of: str) -> html.A:
    """Give one link, named in full to a screen reader; a small one where it is one of several."""
    words = t(f"action.export_{kind}", locale)
    given: dict[str, Any] = {"data-file": "", **labelled(f"{words}: {of}" if of else words)}
    icon = html.I(className="bi bi-download", **DECORATION)
    return html.A(
        [icon, " ", kind.upper()],
        id=f"{id}-{kind}",
        href=f"{path}.{kind}?locale={locale}",
        download="",
        title=words,
        className=look(of),
        **given,
    )


def look(of: str) -> str:
    """Give the look of a way out: small where it is one of several."""
    return "btn btn-outline-primary btn-sm" if of else "btn btn-outline-primary"
