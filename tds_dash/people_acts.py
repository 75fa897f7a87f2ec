"""What administrators do on the page of people: the door first, then the change, then its line in the audit."""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql import links, members
from sql.errors import NotFound
from sql.members import Member
from tds_dash import auditing, doors, people_view, typed
from tds_dash.components.dialogs import notice
from tds_dash.identity import account, locale, person
from tds_dash.inviting import hand_over
from tds_dash.rights import require_admin
from tds_dash.wording import t


def asked_for(asked: Any, verb: str) -> Member:
    """Give the member that a button was pressed for; NotFound for anybody else, PreventUpdate for another button."""
    if not isinstance(asked, dict) or asked.get("verb") != verb:
        raise PreventUpdate
    require_admin()
    with doors.transaction() as conn:
        return doors.member_for_user(conn, asked.get("id"))


def shown_role(asked: dict[str, Any]) -> str:
    """Give the role that the list showed when the button was pressed."""
    return str(asked.get("role"))[:20]


def invite(email: Any, role: Any) -> Component:
    """Invite somebody; raises Refused with the reason."""
    require_admin()
    with doors.transaction() as conn:
        given = typed.line(email)
        secret = links.invite(conn, account().id, given, str(role), person().row.email)
        auditing.note(conn, "user.invited", given.lower(), after={"role": str(role)})
    link = hand_over(given.lower(), secret, account().name, account().locale)
    return (
        people_view.link_shown(given.lower(), link, locale())
        if link
        else notice(t("users.mailed", locale(), email=given), ok=True)
    )


def change_role(member: Member, was: str, role: Any) -> Component:
    """Give a member another role; raises Refused where it is not what it `was`, and for the last administrator."""
    with doors.transaction() as conn:
        members.change(conn, member.id, was, str(role))
        auditing.note(conn, "user.role_changed", member.email, {"role": was}, {"role": str(role)})
    return notice(t("users.role_done", locale(), email=member.email, role=t(f"role.{role}", locale())), ok=True)


def remove(member: Member, was: str) -> Component:
    """Take a member out of the account; raises Refused where the role is not what it `was`, and for the last administrator."""
    with doors.transaction() as conn:
        if member.id == person().id:  # written while it may still be
            auditing.note(conn, "user.left", member.email, {"role": was})
            members.change(conn, member.id, was, None)
        else:
            members.change(conn, member.id, was, None)
            auditing.note(conn, "user.removed", member.email, {"role": was})
    return notice(t("users.removed", locale(), email=member.email), ok=True)


def revoke(asked: Any) -> Component:
    """Take an invitation back."""
    if not isinstance(asked, dict) or asked.get("verb") != "revoke":
        raise PreventUpdate
    require_admin()
    number = asked.get("id")
    with doors.transaction() as conn:
        if not (isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 19):
            raise NotFound("there is no such invitation")
        email, role = links.revoke(conn, account().id, int(number))
        auditing.note(conn, "user.invitation_revoked", email, {"role": role})
    return notice(t("users.revoked", locale(), email=email), ok=True)
