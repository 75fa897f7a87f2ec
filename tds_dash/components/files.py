"""The ways out of a page: what it shows as CSV and as a workbook."""

from __future__ import annotations

from typing import Any

from dash import html

from tds_dash.components.attributes import DECORATION, labelled
from tds_dash.wording import t

KINDS = ("csv", "xlsx")


def files(id: str, path: str, locale: str, *, of: str = "") -> html.Span:
    """Give the links `{id}-csv` and `{id}-xlsx` to what `path` gives; assets/files.js adds the view that the address holds.

    `of` names what is in the files where a page has several.
    """
    return html.Span([link(id, kind, path, locale, of) for kind in KINDS], id=id, className="tds-files")


def link(id: str, kind: str, path: str, locale: str, of: str) -> html.A:
    """Give one link, named in full to a screen reader; a small one where it is one of several."""
    words = t(f"action.export_{kind}", locale)
    given: dict[str, Any] = {"data-file": "", **labelled(f"{words}: {of}" if of else words)}
    icon = html.I(className="bi bi-download", **DECORATION)
    look = "btn btn-outline-primary btn-sm" if of else "btn btn-outline-primary"
    return html.A(
        [icon, " ", kind.upper()],
        id=f"{id}-{kind}",
        href=f"{path}.{kind}?locale={locale}",
        download="",
        title=words,
        className=look,
        **given,
    )
