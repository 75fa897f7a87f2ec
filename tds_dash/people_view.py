"""How members and invitations look, and the dialogs in which something is decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from sql.links import Invitation
from sql.members import Member
from sql.people import ROLES
from tds_dash import wording
from tds_dash.components import data_table, sentence
from tds_dash.components.attributes import DECORATION, LIVE, labelled
from tds_dash.components.dialogs import dialog, labelled_field
from tds_dash.components.tables import Column
from tds_dash.identity import person
from tds_dash.wording import t

__all__ = ["changing_role", "invitation_table", "inviting", "link_shown", "member_table", "removing", "sentence"]


def member_table(found: Sequence[Member], place: tzinfo, locale: str) -> Component:
    """Give the members as a table, each with what can be done."""
    columns = [
        Column(t("users.member", locale), wraps=True),
        Column(t("users.role", locale)),
        Column(t("users.since", locale), secondary=True),
        Column(t("field.actions", locale), "end"),
    ]
    return data_table(columns, [member_cells(one, place, locale) for one in found], caption=t("users.members", locale))


def member_cells(one: Member, place: tzinfo, locale: str) -> list[Any]:
    """Give a member's cells."""
    own = one.id == person().id
    remarks = [t("users.you", locale)] * own + [t("users.disabled", locale)] * one.disabled
    name = html.Span([one.email, html.Span(f" ({', '.join(remarks)})", className="tds-muted") if remarks else ""])
    leave = t("users.leave" if own else "users.remove", locale)
    buttons = [
        button("role", one.id, t("users.change_role", locale), t("users.change_role_of", locale, email=one.email), one.role),
        button("remove", one.id, leave, leave if own else t("users.remove_of", locale, email=one.email), one.role),
    ]
    return [
        name,
        t(f"role.{one.role}", locale),
        wording.date(one.created_at, locale, place),
        html.Div(buttons, className="tds-row-actions"),
    ]


def invitation_table(found: Sequence[Invitation], place: tzinfo, locale: str) -> Component:
    """Give the open invitations as a table."""
    if not found:
        return html.P(t("users.no_invitations", locale), className="tds-muted mb-0")
    columns = [
        Column(t("users.member", locale), wraps=True),
        Column(t("users.role", locale)),
        Column(t("users.invited_by", locale), wraps=True, secondary=True),
        Column(t("users.until", locale), secondary=True),
        Column(t("field.actions", locale), "end"),
    ]
    lines: list[list[Any]] = [
        [
            one.email,
            t(f"role.{one.role}", locale),
            one.created_by,
            wording.date_clock(one.expires_at, locale, place),
            button("revoke", one.id, t("users.revoke", locale), t("users.revoke_of", locale, email=one.email)),
        ]
        for one in found
    ]
    return data_table(columns, lines, caption=t("users.invitations", locale))


def button(verb: str, id: int, word: str, name: str, role: str = "") -> html.Button:
    """Give a button that assets/users.js hears."""
    marks: dict[str, Any] = {"data-users": verb, "data-id": str(id), "data-role": role, **labelled(name)}
    return html.Button(word, className="btn btn-sm btn-outline-secondary", **marks)


def inviting(locale: str) -> Component:
    """Give the dialog that invites somebody."""
    email = dbc.Input(id="users-email", type="email", maxLength=254, autocomplete="off", className="tds-input")
    fields = [
        labelled_field("users-email", t("users.email", locale), email),
        html.Div(id="users-invite-told", **LIVE),
        html.Div(t("users.email_hint", locale), className="tds-hint"),
        roles("users-role", "viewer", locale),
    ]
    return dialog("users-invite", t("users.invite_title", locale), fields, t("users.invite", locale))


def changing_role(locale: str) -> Component:
    """Give the dialog that gives a member another role."""
    fields = [
        html.P(id="users-role-who", className="mb-0"),
        roles("users-new-role", "viewer", locale),
        html.Div(id="users-role-told", **LIVE),
    ]
    return dialog("users-role-dialog", t("users.role_title", locale), fields, t("action.save", locale))


def removing(locale: str) -> Component:
    """Give the dialog that says what a removal does."""
    fields = [html.P(id="users-remove-who", className="mb-0"), html.Div(id="users-remove-told", **LIVE)]
    title, word = html.Span(id="users-remove-title"), html.Span(id="users-remove-word")
    return dialog("users-remove", title, fields, word, look="danger")


def roles(id: str, chosen: str, locale: str) -> html.Fieldset:
    """Give the roles to choose from, each with what it may."""
    options = [
        {"value": one, "label": html.Span([html.Strong(t(f"role.{one}", locale)), " ", t(f"users.may_{one}", locale)])}
        for one in reversed(ROLES)
    ]
    items = dbc.RadioItems(id=id, options=options, value=chosen)
    return html.Fieldset([html.Legend(t("users.role", locale), className="tds-label"), items], className="tds-fieldset")


def link_shown(email: str, link: str, locale: str) -> html.Div:
    """Show an invitation's link, which nobody will see again."""
    icon = html.I(className="bi bi-link-45deg", **DECORATION)
    said = html.Div([t("users.link_once", locale, email=email), html.Br(), html.Code(link, className="tds-secret")])
    return html.Div([icon, said], className="alert tds-note tds-note-done", role="status")
