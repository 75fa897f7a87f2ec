"""People of the account: their roles, their removal, invitations; for its administrators."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, callback, dcc, html, no_update

from sql import links, members
from sql.errors import Refused
from tds_dash import doors, people_acts, people_view
from tds_dash.components import page_header, skeleton
from tds_dash.components.attributes import LIVE
from tds_dash.components.dialogs import notice
from tds_dash.identity import account, locale, person, zone
from tds_dash.page_frame import register_page, stamp
from tds_dash.people_words import refusal
from tds_dash.still import still
from tds_dash.wording import t

register_page(__name__, "users.title", path="/users", order=10)


def layout(**_: Any) -> html.Div:
    """Give the page's frame."""
    language = locale()
    invite = html.Button(t("users.invite", language), id="users-invite-open", type="button", className="btn btn-primary")
    return html.Div(
        [
            *(dcc.Store(id=f"users-{name}") for name in ("asked", "changed")),
            page_header(t("users.title", language), lead=t("users.lead", language), actions=[invite]),
            html.Div(id="users-told", **LIVE),
            html.Section(
                [
                    html.H2(t("users.members", language), className="tds-section-title"),
                    html.Div(skeleton("table"), id="users-members"),
                ],
                className="tds-card",
            ),
            html.Section(
                [
                    html.H2(t("users.invitations", language), className="tds-section-title"),
                    html.Div(skeleton("line"), id="users-invitations"),
                ],
                className="tds-card",
            ),
            people_view.inviting(language),
            people_view.changing_role(language),
            people_view.removing(language),
        ],
        className="tds-page tds-stack",
    )


@callback(
    Output("users-members", "children"),
    Output("users-invitations", "children"),
    Input("users-changed", "data"),
)
def show(_: Any) -> tuple[Any, ...]:
    """Show who belongs to the account, and who is invited."""
    with doors.transaction() as conn:
        found, invited = members.members(conn, account().id), links.invitations(conn, account().id)
    return (
        still(people_view.member_table(found, zone(), locale())),
        still(people_view.invitation_table(invited, zone(), locale())),
    )


@callback(
    Output("users-invite", "is_open"),
    Output("users-email", "value"),
    Output("users-invite-told", "children"),
    Input("users-invite-open", "n_clicks"),
    prevent_initial_call=True,
)
def open_invite(_: Any) -> tuple[Any, ...]:
    """Open the dialog, empty."""
    return True, "", None


@callback(
    Output("users-invite-told", "children", allow_duplicate=True),
    Output("users-invite", "is_open", allow_duplicate=True),
    Output("users-told", "children"),
    Output("users-changed", "data"),
    Input("users-invite-save", "n_clicks"),
    State("users-email", "value"),
    State("users-role", "value"),
    prevent_initial_call=True,
    running=[(Output("users-invite-save", "disabled"), True, False)],
)
def invite(_: Any, email: Any, role: Any) -> tuple[Any, ...]:
    """Invite somebody; where no mail server is set, show the link, once."""
    try:
        told = people_acts.invite(email, role)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, no_update
    return None, False, told, stamp()


@callback(
    Output("users-role-dialog", "is_open"),
    Output("users-role-who", "children"),
    Output("users-new-role", "value"),
    Output("users-role-told", "children"),
    Input("users-asked", "data"),
    prevent_initial_call=True,
)
def open_role(asked: Any) -> tuple[Any, ...]:
    """Ask for another role."""
    member = people_acts.asked_for(asked, "role")
    return True, people_view.sentence("users.role_of", locale(), email=member.email), member.role, None


@callback(
    Output("users-role-told", "children", allow_duplicate=True),
    Output("users-role-dialog", "is_open", allow_duplicate=True),
    Output("users-told", "children", allow_duplicate=True),
    Output("users-changed", "data", allow_duplicate=True),
    Input("users-role-dialog-save", "n_clicks"),
    State("users-asked", "data"),
    State("users-new-role", "value"),
    prevent_initial_call=True,
    running=[(Output("users-role-dialog-save", "disabled"), True, False)],
)
def change_role(_: Any, asked: Any, role: Any) -> tuple[Any, ...]:
    """Give a member another role, unless somebody else has done so since the list was shown."""
    member = people_acts.asked_for(asked, "role")
    try:
        told = people_acts.change_role(member, people_acts.shown_role(asked), role)
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, stamp()
    return None, False, told, stamp()


@callback(
    Output("users-remove", "is_open"),
    Output("users-remove-title", "children"),
    Output("users-remove-who", "children"),
    Output("users-remove-word", "children"),
    Output("users-remove-told", "children"),
    Input("users-asked", "data"),
    prevent_initial_call=True,
)
def open_remove(asked: Any) -> tuple[Any, ...]:
    """Say what the removal of a member does, or leaving."""
    member = people_acts.asked_for(asked, "remove")
    if member.id == person().id:
        title, word = t("users.leave_title", locale(), account=account().name), t("users.leave", locale())
        return True, title, t("users.leave_text", locale()), word, None
    said = people_view.sentence("users.remove_text", locale(), email=member.email)
    return True, t("users.remove_title", locale()), said, t("users.remove", locale()), None


@callback(
    Output("users-remove-told", "children", allow_duplicate=True),
    Output("users-remove", "is_open", allow_duplicate=True),
    Output("users-told", "children", allow_duplicate=True),
    Output("users-changed", "data", allow_duplicate=True),
    Input("users-remove-save", "n_clicks"),
    State("users-asked", "data"),
    prevent_initial_call=True,
    running=[(Output("users-remove-save", "disabled"), True, False)],
)
def remove(_: Any, asked: Any) -> tuple[Any, ...]:
    """Remove a member, which ends all their sessions."""
    member = people_acts.asked_for(asked, "remove")
    try:
        told = people_acts.remove(member, people_acts.shown_role(asked))
    except Refused as error:
        return notice(refusal(error, locale()), ok=False), no_update, no_update, stamp()
    return None, False, told, stamp()


@callback(
    Output("users-told", "children", allow_duplicate=True),
    Output("users-changed", "data", allow_duplicate=True),
    Input("users-asked", "data"),
    prevent_initial_call=True,
)
def revoke(asked: Any) -> tuple[Any, ...]:
    """Take an invitation back."""
    return people_acts.revoke(asked), stamp()
