"""The operator's page: accounts are added, handed to their first administrator, and deleted; nothing of theirs is shown."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from settings import LOCALES, Settings
from sql import account_orders, operators
from sql.errors import NotFound, Refused
from sql.operators import Operated
from tds_dash import auditing, signin
from tds_dash.identity import locale, person, store
from tds_dash.inviting import hand_over
from tds_dash.people_words import refusal
from tds_dash.profile import own_password_problem
from tds_dash.wording import t

# Which field of the form a refusal stands beside.
FIELDS = {
    "account_name": "name",
    "account_taken": "name",
    "account_zone": "timezone",
    "account_currency": "currency",
    "email_wrong": "email",
}
blueprint = Blueprint("operator", __name__)


@blueprint.get("/operator")
def accounts() -> ResponseReturnValue:
    """List the accounts, with the forms."""
    return page(said=session.pop(signin.SAID, None))


@blueprint.post("/operator/accounts")
def add_account() -> ResponseReturnValue:
    """Add an account."""
    given = {name: request.form.get(name, "").strip()[:300] for name in ("name", "timezone", "locale", "currency")}
    try:
        with store().transaction(user_id=person().id) as conn:
            made = operators.add_account(conn, given["name"], given["timezone"], given["locale"], given["currency"])
            operators.note(
                conn, made, "account.added", given["name"], {k: v for k, v in given.items() if k != "name"}, auditing.actor()
            )
    except Refused as error:
        return page(given=given, problems={FIELDS.get(error.key, "name"): refusal(error, locale())}), 400
    session[signin.SAID] = "operator.added"
    return redirect(url_for("operator.accounts"))


@blueprint.post("/operator/accounts/<account_id>/invite")
def invite(account_id: str) -> ResponseReturnValue:
    """Invite the first administrator of an account; where no mail server is set, the link is shown, once."""
    email = request.form.get("email", "").strip()[:254]
    account = _account(account_id)
    try:
        with store().transaction(user_id=person().id) as conn:
            secret = operators.invite_admin(conn, account.id, email)
            operators.note(conn, account.id, "user.invited", email.lower(), {"role": "admin"}, auditing.actor())
    except Refused as error:
        return page(problems={f"invite-{account.id}": refusal(error, locale())}, given={f"invite-{account.id}": email}), 400
    link = hand_over(email.lower(), secret, account.name, account.locale)
    return page(link=link, said=None if link else "operator.mailed", email=email)


@blueprint.post("/operator/accounts/<account_id>/delete")
def delete(account_id: str) -> ResponseReturnValue:
    """Have an account deleted, whose name was typed by whoever gave their own password."""
    account = _account(account_id)
    field = f"delete-{account.id}"
    problem = own_password_problem("password")
    if problem is None and request.form.get("name", "").strip() != account.name:
        problem = t("account.name_differs", locale(), name=account.name)
    if problem:
        return page(problems={field: problem}, given={field: request.form.get("name", "")}), 400
    with store().transaction(user_id=person().id) as conn:
        order = account_orders.order_deletion(conn, account.id)
        operators.note(conn, None, "account.closed", f"account {account.id}", {}, auditing.actor())
    return redirect(url_for("account.deletion", order=order))


def page(said: str | None = None, link: str | None = None, **shown: Any) -> str:
    """Fill the page; what was typed stays, with what is wrong beside it."""
    with store().transaction(user_id=person().id) as conn:
        found = operators.accounts(conn)
    settings: Settings = current_app.config["TDS"]
    fresh = {"timezone": settings.timezone, "locale": settings.locale, "currency": "BRL"}
    return render_template(
        "operator.html",
        accounts=found,
        told=t(said, locale(), email=shown.get("email", "")) if said else None,
        link=link,
        email=shown.get("email", ""),
        problems=shown.get("problems", {}),
        given={**fresh, **shown.get("given", {})},
        locales=LOCALES,
    )


def _account(account_id: str) -> Operated:
    """Give an account by what arrives as its id."""
    with store().transaction(user_id=person().id) as conn:
        found = [one for one in operators.accounts(conn) if str(one.id) == account_id and one.closed_at is None]
    if not found:
        raise NotFound("there is no such account")
    return found[0]
