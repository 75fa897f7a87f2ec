"""The dialog in which a tariff is typed, copied or changed; with a dry look at what it would change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Input, Output, State, callback, html, no_update
from dash.development.base_component import Component

from sql.errors import Outdated, Refused
from sql.tariff_rules import DAY_TYPES, RESOURCES
from tds_dash import doors, tariff_acts, tariff_form, tariffs_view
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import dialog, notice
from tds_dash.components.fields import form_field, line_of_text, one_of
from tds_dash.event_words import refusal
from tds_dash.identity import locale, zone
from tds_dash.page_frame import stamp
from tds_dash.pressing import pressed
from tds_dash.rights import require_editor
from tds_dash.tariff_form import CELLS, FIELDS, MONEY, PLACED, SAID, beside
from tds_dash.wording import t

FORM = "tariffs-form"
VALUES = [State(f"{FORM}-{name}", "value") for name in FIELDS]
PLACES = {"tariff_taken": "valid_from", "tariff_kept": "valid_from", "name": "name"}


def form(language: str) -> Component:
    """Give the dialog, closed."""
    import dash_bootstrap_components as dbc

    def field(name: str, hint: str = "", **given: Any) -> html.Div:
        said = t(f"tariffs.hint_{hint}", language) if hint else ""
        return line_of_text(f"{FORM}-{name}", t(f"tariffs.field_{name}", language), said, **given)

    decimal: dict[str, Any] = {"inputMode": "decimal", "maxLength": 40}
    resources = [(name, t(f"resource.{name}", language)) for name in RESOURCES]
    day = dbc.Input(id=f"{FORM}-valid_from", type="date", className="tds-input")
    fields = [
        html.Div([one_of(f"{FORM}-resource", t("field.resource", language), resources),
                  form_field(f"{FORM}-valid_from", t("tariffs.valid_from", language), day)], className="tds-pair"),
        html.Div([field("name", maxLength=200), field("unit", "unit", maxLength=16)], className="tds-pair"),
        field("all", "all", **decimal),
        html.Details([html.Summary(t("tariffs.by_time", language)), *timed(language, field, decimal)], id=f"{FORM}-timed"),
        html.Div([field(name, name, **decimal) for name in MONEY], className="tds-four"),
        html.Div(
            html.Button(t("tariffs.preview", language), id=f"{FORM}-preview", type="button", className="btn btn-outline-primary"),
            className="tds-actions",
        ),
        html.Div(id=f"{FORM}-told", **LIVE),
    ]  # fmt: skip
    return dialog(FORM, html.Span(id=f"{FORM}-title"), fields, t("action.save", language), size="lg")


def timed(language: str, field: Any, decimal: dict[str, Any]) -> list[Component]:
    """Give the prices and hours of bands: a price for all other hours, then each band with its hours on each kind of day."""
    import dash_bootstrap_components as dbc

    made: list[Component] = [
        html.P(t("tariffs.by_time_text", language), className="tds-muted mb-0"),
        html.Div(
            html.Button(
                t("tariffs.white", language), id=f"{FORM}-white", type="button", className="btn btn-sm btn-outline-primary"
            ),
            className="tds-actions",
        ),
        field("off_peak", **decimal),
    ]
    for band in PLACED:
        cells = []
        for day in DAY_TYPES:
            id = f"{FORM}-{band}_{day}"
            name = t(f"tariffs.day_{day}", language)
            control = dbc.Input(id=id, type="text", autocomplete="off", maxLength=120, placeholder="–", className="tds-input")  # fmt: skip
            cells.append(html.Div([html.Label(name, htmlFor=id, className="tds-label"), control], className="tds-field"))
        made.append(html.Fieldset([field(band, **decimal), html.Div(cells, className="tds-hours")], className="tds-band"))
    made.append(html.Div(id=f"{FORM}-periods-fault", className="tds-fault", **LIVE))
    return made


def open_form(asked: Any) -> tuple[Any, ...]:
    """Open the form: empty, with a tariff as it is, or with one to be valid from another day."""
    verb, tariff_id = pressed(asked, "new", "edit", "copy")
    require_editor()
    language, today = locale(), datetime.now(UTC).astimezone(zone()).date()
    clear = [None] * (len(SAID) + 1)
    if verb == "new":
        return True, t("tariffs.new", language), {"id": None}, False, False, *tariff_form.empty(today), *clear
    found = tariff_acts.tariff_of(tariff_id)
    values = tariff_form.filled(found.terms, language)
    seen: dict[str, Any] = {"id": found.id, "version": found.version}
    if verb == "copy":
        seen, values[FIELDS.index("valid_from")] = {"id": None}, today.replace(day=1).isoformat()
    title = t(f"tariffs.{verb}_title", language, name=found.terms.name)
    return True, title, seen, found.terms.schedule is not None, verb == "edit", *values, *clear


def save_form(_: Any, seen: Any, *values: Any) -> tuple[Any, ...]:
    """Keep the tariff; or say beside each field what is wrong, with everything still there as it was typed."""
    require_editor()
    language = locale()
    given = tariff_form.read(values, language)
    if given.terms is None:
        return no_update, None, no_update, no_update, *beside(given.faults, language)
    try:
        made = tariff_acts.save(seen, given.terms)
    except Outdated as error:
        return no_update, notice(refusal(error, language), ok=False), no_update, no_update, *beside({}, language)
    except Refused as error:
        place = PLACES.get(error.key)
        told = None if place else notice(refusal(error, language), ok=False)
        return no_update, told, no_update, no_update, *beside({place: error} if place else {}, language)
    done = notice(t("tariffs.kept", language, name=made.terms.name), ok=True)
    return False, None, done, stamp(), *beside({}, language)


def look(_: Any, *values: Any) -> tuple[Any, ...]:
    """Say what the tariff would change, and keep nothing."""
    require_editor()
    language = locale()
    given = tariff_form.read(values, language)
    if given.terms is None:
        return None, *beside(given.faults, language)
    with doors.transaction() as conn:
        found = tariffs_view.effect(conn, given.terms, datetime.now(UTC).astimezone(zone()).date())
    said = html.Div(tariffs_view.effect_words(found, language), className="alert tds-note", role="status")
    return said, *beside({}, language)


def white(_: Any) -> list[str]:
    """Fill in the hours of Brazil's white tariff."""
    require_editor()
    return tariff_form.white_hours()


def connect() -> None:
    """Register the callbacks; the tariffs page does so whenever it is registered itself."""
    again: dict[str, Any] = {"allow_duplicate": True}
    faults = [f"{FORM}-{name}-fault" for name in SAID]
    callback(
        Output(FORM, "is_open"),
        Output(f"{FORM}-title", "children"),
        Output("tariffs-form-seen", "data"),
        Output(f"{FORM}-timed", "open"),
        Output(f"{FORM}-valid_from", "disabled"),
        *(Output(f"{FORM}-{name}", "value") for name in FIELDS),
        *(Output(one, "children") for one in faults),
        Output(f"{FORM}-told", "children"),
        Input("tariffs-asked", "data"),
        prevent_initial_call=True,
    )(open_form)
    callback(
        Output(FORM, "is_open", **again),
        Output(f"{FORM}-told", "children", **again),
        Output("tariffs-told", "children", **again),
        Output("tariffs-changed", "data", **again),
        *(Output(one, "children", **again) for one in faults),
        Input(f"{FORM}-save", "n_clicks"),
        State("tariffs-form-seen", "data"),
        *VALUES,
        prevent_initial_call=True,
        running=[(Output(f"{FORM}-save", "disabled"), True, False)],
    )(save_form)
    callback(
        Output(f"{FORM}-told", "children", **again),
        *(Output(one, "children", **again) for one in faults),
        Input(f"{FORM}-preview", "n_clicks"),
        *VALUES,
        prevent_initial_call=True,
    )(look)
    callback(
        *(Output(f"{FORM}-{name}", "value", **again) for name in CELLS),
        Input(f"{FORM}-white", "n_clicks"),
        prevent_initial_call=True,
    )(white)
