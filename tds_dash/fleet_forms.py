"""What a form of the fleet answers once its button was pressed: done, or in somebody else's way, or what is wrong beside each field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dash import Output, html, no_update
from dash.development.base_component import Component

from sql.errors import Outdated, Refused
from sql.fleet_editing import DeviceState, GatewayState
from tds_dash.components import sentence
from tds_dash.components.dialogs import notice
from tds_dash.event_words import refusal
from tds_dash.fleet_acts import seen_of, what_changed
from tds_dash.identity import locale
from tds_dash.page_frame import stamp


class Faults(Refused):
    """What was typed cannot be used: why, field by field."""

    def __init__(self, found: Mapping[str, Refused]) -> None:
        super().__init__("; ".join(str(fault) for fault in found.values()))
        self.found = found


class Form(NamedTuple):
    """A form's dialog, the page it is on, its fields, and beside which of them a refusal of the register is said."""

    dialog: str
    page: str
    fields: Sequence[str]
    places: Mapping[str, str]

    @property
    def faults(self) -> list[str]:
        """Give the ids of what is said beside each field."""
        return [f"{self.dialog}-{name}-fault" for name in self.fields]

    def outputs(self) -> list[Output]:
        """Give what an answer fills; opening the form fills some of it as well."""
        filled = [(self.dialog, "is_open"), (f"{self.dialog}-told", "children"), (f"{self.dialog}-seen", "data"),
                  (f"{self.page}-told", "children"), (f"{self.page}-changed", "data")]  # fmt: skip
        return [Output(*one, allow_duplicate=True) for one in [*filled, *((fault, "children") for fault in self.faults)]]


def saved(
    form: Form, seen: Any, carry_out: Callable[[], Component], look_again: Callable[[], DeviceState | GatewayState]
) -> tuple[Any, ...]:
    """Carry out what a form asks for, and give what `outputs` fills; what was typed stays where it cannot be done."""
    try:
        said = carry_out()
    except Outdated:
        state = look_again()
        return no_update, notice(what_changed(state, seen), ok=False), seen_of(state), no_update, no_update, *beside(form, {})
    except Faults as error:
        return no_update, None, no_update, no_update, no_update, *beside(form, error.found)
    except Refused as error:
        place = {form.places[error.key]: error} if error.key in form.places else {}
        told = None if place else notice(refusal(error, locale()), ok=False)
        return no_update, told, no_update, no_update, no_update, *beside(form, place)
    return False, None, no_update, said, stamp(), *beside(form, {})


def beside(form: Form, found: Mapping[str, Refused]) -> list[str | None]:
    """Say beside each field what is wrong with it; nothing beside the others."""
    return [refusal(found[name], locale()) if name in found else None for name in form.fields]


def done(key: str, **names: object) -> Component:
    """Say on the page what was done."""
    return html.Div(sentence(key, locale(), **names), className="alert tds-note tds-note-done", role="status")
