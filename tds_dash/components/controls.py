"""What a reader chooses with: the page's heading and its actions, the period, a row of buttons of which one is on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from tds_dash.wording import t


def page_header(
    title: str,
    *,
    id: str = "",
    lead: Component | str = "",
    actions: Sequence[Component] = (),
) -> html.Header:
    """Give a page's heading, which takes the focus after navigation, a line below it, and its actions on the right."""
    given: dict[str, Any] = {"id": id} if id else {}
    words: list[Component] = [html.H1(title, tabIndex=-1, className="tds-page-title", **given)]
    words += [html.P(lead, className="tds-page-lead")] if lead else []
    return html.Header(
        [html.Div(words), html.Div(list(actions), className="tds-actions") if actions else None], className="tds-page-head"
    )


def period_picker(
    id: str,
    *,
    locale: str,
    start: date | None = None,
    end: date | None = None,
    latest: date | None = None,
) -> html.Div:
    """Give two native date inputs, `{id}-from` and `{id}-to` (both days included); their `value` is `YYYY-MM-DD`."""
    return html.Div(
        [
            day_input(f"{id}-from", t("period.from", locale), start, latest),
            day_input(f"{id}-to", t("period.to", locale), end, latest),
        ],
        className="tds-period",
    )


def day_input(id: str, label: str, value: date | None, latest: date | None) -> html.Div:
    """Give one native date input under its label; it speaks the reader's language by itself."""
    field = dbc.Input(
        id=id,
        type="date",
        value=value.isoformat() if value else None,
        max=latest.isoformat() if latest else None,
        debounce=True,
        className="tds-input",
    )
    return html.Div([html.Label(label, htmlFor=id, className="tds-label"), field], className="tds-field")


def segmented(
    id: str,
    choices: Sequence[tuple[str, str]],
    value: str,
    *,
    label: str,
) -> html.Fieldset:
    """Give a row of (value, word) of which one is on, such as 24 h, 7 days, 30 days."""
    options = [{"label": word, "value": key} for key, word in choices]
    items = dbc.RadioItems(
        id=id,
        options=options,
        value=value,
        className="tds-segmented",
        inputClassName="btn-check",
        labelClassName="",
        labelCheckedClassName="",
    )
    return html.Fieldset([html.Legend(label, className="visually-hidden"), items], className="tds-fieldset")
