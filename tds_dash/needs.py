"""Who may ask for what: the role that every address, page and callback needs. What is not written down here is nobody's."""

from __future__ import annotations

from typing import Any

from dash import Dash
from flask import current_app, request

ANYONE = "anyone"  # not signed in
PERSON = "person"  # signed in, whichever account they act for, or none
VIEWER, EDITOR, ADMIN = "viewer", "editor", "admin"  # of the account that they act for
OPERATOR = "operator"  # of the installation
RANKS = {VIEWER: 1, EDITOR: 2, ADMIN: 3}
CALLBACKS_ENDPOINT = "/_dash-update-component"

ENDPOINTS = {
    "signin.login": ANYONE,
    "signin.sign_in": ANYONE,
    "signin.code": ANYONE,
    "signin.check_code": ANYONE,
    "joining.ask_reset": ANYONE,
    "joining.send_reset": ANYONE,
    "joining.new_password": ANYONE,
    "joining.set_new_password": ANYONE,
    "joining.invitation": ANYONE,
    "joining.accept": ANYONE,
    "account.deletion": ANYONE,
    "health.healthz": ANYONE,
    "health.readyz": ANYONE,
    "health.metrics": ANYONE,
    "vendor.file": ANYONE,
    "_dash_assets.static": ANYONE,
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": ANYONE,
    "signin.accounts": PERSON,
    "signin.choose_account": PERSON,
    "signin.logout": PERSON,
    "signin.language": PERSON,
    "profile.show": PERSON,
    "profile.change_password": PERSON,
    "profile.begin_second_factor": PERSON,
    "profile.confirm_second_factor": PERSON,
    "profile.renew_codes": PERSON,
    "profile.drop_second_factor": PERSON,
    "profile.end_session": PERSON,
    "profile.sign_out_everywhere": PERSON,
    "operator.accounts": OPERATOR,
    "operator.add_account": OPERATOR,
    "operator.invite": OPERATOR,
    "operator.delete": OPERATOR,
    "certificates.issue": ADMIN,
    "certificates.part": ADMIN,
    "certificates.received": ADMIN,
    "certificates.report": VIEWER,
    "certificates.renewals": VIEWER,
    "audit.export": ADMIN,
    "fleet.devices_csv": VIEWER,
    "explorer.export": VIEWER,
    "devices.history": VIEWER,
    "devices.load": VIEWER,
    "devices.degrees": VIEWER,
    "tariffs.export": VIEWER,
    "alarms.export": VIEWER,
    "report.monthly": VIEWER,
    "bills.month": VIEWER,
    "peaks.export": VIEWER,
    "bills.export": VIEWER,
    "bills.one": VIEWER,
    "account.export": ADMIN,
    "account.progress": ADMIN,
    "account.ask_deletion": ADMIN,
    "account.order_deletion": ADMIN,
    "/": VIEWER,
    "/<path:path>": VIEWER,
    "/_dash-layout": VIEWER,
    "/_dash-dependencies": VIEWER,
    "/_reload-hash": VIEWER,
    "/_favicon.ico": VIEWER,
    CALLBACKS_ENDPOINT: VIEWER,  # and then what the callback needs
}
# Of the API: reading is for everybody of the account, changing for editors; a route of its own line above needs more.
API = "api"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# A page, and every callback in its module that is not listed below.
PAGES = {
    "overview": VIEWER,
    "consumption": VIEWER,
    "peaks": VIEWER,
    "costs": VIEWER,
    "tariffs": VIEWER,
    "bills": VIEWER,
    "device": VIEWER,
    "devices": VIEWER,
    "gateway": VIEWER,
    "gateways": VIEWER,
    "readings": VIEWER,
    "events": VIEWER,
    "alarms": VIEWER,
    "rejections": VIEWER,
    "certificates": VIEWER,
    "audit": ADMIN,
    "users": ADMIN,
    "account": ADMIN,
    "tokens": VIEWER,
    "reports": VIEWER,
    "not_found_404": VIEWER,
}
# Callbacks elsewhere, and those that need more than their page.
CALLBACKS = {
    "shell.fill_menu": VIEWER,
    "shell.count_events": VIEWER,
    "shell.count_alarms": VIEWER,
    "dash.update": VIEWER,  # which page is at an address
    "books_panel.show": VIEWER,
    "history_panel.offer_temperatures": VIEWER,
    "history_panel.show_history": VIEWER,
    "degree_panel.show_degrees": VIEWER,
    "load_panel.show_load": VIEWER,
    "explorer_books.show": VIEWER,
    "alarm_dialogs.open_note": EDITOR,
    "alarm_dialogs.save_note": EDITOR,
    "alarm_dialogs.open_rule": EDITOR,
    "alarm_dialogs.explain": EDITOR,
    "alarm_dialogs.look_ahead": EDITOR,
    "alarm_dialogs.save_rule": EDITOR,
    "alarm_dialogs.switch": EDITOR,
    "alarm_dialogs.open_drop": EDITOR,
    "alarm_dialogs.drop": EDITOR,
    "recipient_dialog.open_recipient": ADMIN,
    "recipient_dialog.save_recipient": ADMIN,
    "recipient_dialog.send_trial": ADMIN,
    "reports.add": ADMIN,
    "reports.act": ADMIN,
    "tariff_dialog.open_form": EDITOR,
    "tariff_dialog.save_form": EDITOR,
    "tariff_dialog.look": EDITOR,
    "tariff_dialog.white": EDITOR,
    "bill_dialog.open_form": EDITOR,
    "bill_dialog.name_unit": EDITOR,
    "bill_dialog.save_form": EDITOR,
    "bills.ask": EDITOR,
    "bills.remove": EDITOR,
    "tariffs.ask": EDITOR,
    "tariffs.remove": EDITOR,
    "tariffs.set_budget": EDITOR,
    "tariffs.drop_budget": EDITOR,
    "tariffs.add_holiday": EDITOR,
    "tariffs.add_national": EDITOR,
    "tariffs.drop_holiday": EDITOR,
    "replacing.offer": VIEWER,
    "replacing.record": EDITOR,
    "events.decide": EDITOR,
    "events.open_dialog": EDITOR,
    "events.preview": EDITOR,
    "events.save": EDITOR,
    "devices.open_import": EDITOR,
    "devices.preview": EDITOR,
    "devices.carry_out": EDITOR,
    "device_dialogs.open_form": EDITOR,
    "device_dialogs.save_form": EDITOR,
    "device_dialogs.open_mover": EDITOR,
    "device_dialogs.save_move": EDITOR,
    "gateway_dialogs.open_form": EDITOR,
    "gateway_dialogs.save_form": EDITOR,
    "fleet_confirm.ask": EDITOR,
    "fleet_confirm.answer": EDITOR,
    "rejections.retry": EDITOR,
    "adoption_dialog.open_dialog": EDITOR,
    "adoption_dialog.explain": EDITOR,
    "adoption_dialog.save": EDITOR,
    "first_boot_panel.show": VIEWER,
    "first_boot_panel.name_save": VIEWER,
    "first_boot_panel.open_dialog": ADMIN,
    "first_boot_panel.find": ADMIN,
    "first_boot_panel.decide": ADMIN,
    "certificates.open_issue": ADMIN,
    "certificates.say_done": ADMIN,
    "certificates.read_request_file": ADMIN,
    "certificates.open_revoke": ADMIN,
    "certificates.revoke": ADMIN,
    "certificates.preview": ADMIN,
    "certificates.keep": ADMIN,
    "certificates.keep_month": ADMIN,
}


def of_endpoint(endpoint: str, method: str) -> str | None:
    """Give the role that an endpoint needs; None where nobody has said."""
    if endpoint in ENDPOINTS:
        return ENDPOINTS[endpoint]
    if endpoint.partition(".")[0].partition("_")[0] == API:
        return VIEWER if method in SAFE else EDITOR
    return None


def of_page(module: str) -> str | None:
    """Give the role that a page needs, by the last part of its module's name."""
    return PAGES.get(module.rpartition(".")[2])


def of_callback(app: Dash, output: object) -> str | None:
    """Give the role that a callback needs, by what it fills; None where there is none, or nobody has said."""
    entry = app.callback_map.get(output) if isinstance(output, str) else None
    function = entry.get("callback") if entry else None
    return None if function is None else of_function(name_of(function))


def of_function(name: str) -> str | None:
    """Give the role that a callback needs, by module and function, such as `events.undo`."""
    return CALLBACKS.get(name) or PAGES.get(name.partition(".")[0])


def name_of(function: Any) -> str:
    """Give the name under which a callback is listed: the last part of its module's, and its own."""
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def of_request() -> str | None:
    """Give the role that this request needs; None where nobody has said."""
    needed = of_endpoint(request.endpoint or "", request.method)
    if request.endpoint != CALLBACKS_ENDPOINT or needed is None:
        return needed
    asked = request.get_json(silent=True)
    return of_callback(current_app.extensions["tds_pages"], asked.get("output") if isinstance(asked, dict) else None)


def is_untouched() -> bool:
    """Tell whether this asks for a callback that nobody has set off: Dash does so as a page opens, and is told that nothing changes."""
    asked = request.get_json(silent=True) if request.endpoint == CALLBACKS_ENDPOINT else None
    given = asked.get("inputs") if isinstance(asked, dict) else None
    return isinstance(given, list) and not any(isinstance(one, dict) and one.get("value") for one in given)


def is_met(needed: str, role: str | None, operator: bool) -> bool:
    """Tell whether somebody signed in has the role that is needed."""
    if needed == OPERATOR:
        return operator
    return needed in (ANYONE, PERSON) or (role in RANKS and RANKS[role] >= RANKS[needed])
