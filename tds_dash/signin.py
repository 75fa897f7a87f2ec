"""Signing in and out, choosing an account and a language: plain forms that work before JavaScript."""

from __future__ import annotations

import logging
import time

from flask import Blueprint, Flask, abort, current_app, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from sqlalchemy import Connection

from settings import LOCALES
from sql import audit, people, second_factor, sessions
from sql.audit import Actor
from sql.people import SignIn
from sql.queries.session import set_locale, signed_in
from tds_dash import authenticator, throttle
from tds_dash.auditing import whence
from tds_dash.guard import safe_next
from tds_dash.identity import ACCOUNT, LOCALE_COOKIE, Person, locale, person, store
from tds_dash.wording import lasting, t

HALF_WAY = "half-way"  # the password was right; the code is still to come
HALF_WAY_SECONDS = 300
SAID = "said"  # the key of a sentence that the next form begins with
log = logging.getLogger(__name__)

blueprint = Blueprint("signin", __name__)


def install(server: Flask) -> None:
    """Add the forms."""
    server.register_blueprint(blueprint)


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """Show the sign-in form, or go on where somebody is signed in already."""
    target = safe_next(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    wanted = request.args.get("lang")
    if wanted in LOCALES:
        response = make_response(redirect(url_for("signin.login", next=target)))
        response.set_cookie(LOCALE_COOKIE, wanted, max_age=31_536_000, httponly=True, samesite="Lax", secure=_https())
        return response
    return _form(target, "", said=session.pop(SAID, None))


@blueprint.post("/login")
def sign_in() -> ResponseReturnValue:
    """Begin a session for the right password; say the same of a wrong password and of an unknown e-mail."""
    email = request.form.get("email", "").strip().lower()[:254]
    password = request.form.get("password", "")
    target = safe_next(request.args.get("next") or request.form.get("next"))
    user = _user(email)
    buckets = throttle.for_sign_in(email, user.id if user else None)
    wait = throttle.admit(buckets)
    if wait:
        log.warning("sign-ins from %s are slowed down", throttle.address())
        return _form(target, email, t("login.too_many", locale(), wait=lasting(wait, locale()))), 429, {"Retry-After": str(wait)}
    usable = 0 < len(password) <= people.LONGEST_PASSWORD and bool(email)
    if not people.check_password(user, password if usable else "") or user is None:
        note(email, "sign_in.failed")
        return _form(target, email, t("login.wrong", locale())), 401
    throttle.forget(buckets)
    if people.is_outdated(user):
        with store().transaction(user_id=user.id) as conn:
            people.set_password(conn, people.hash_password(password))
    if user.second_factor:
        session.clear()
        session[HALF_WAY] = [user.id, user.epoch, int(time.time())]
        return redirect(url_for("signin.code", next=target))
    return begin(user.id, target)


@blueprint.get("/login/code")
def code() -> ResponseReturnValue:
    """Ask for the code of the authenticator app, from whoever gave the right password a moment ago."""
    target = safe_next(request.args.get("next"))
    return (
        render_template("code.html", target=target, problem=None)
        if half_way()
        else redirect(url_for("signin.login", next=target))
    )


@blueprint.post("/login/code")
def check_code() -> ResponseReturnValue:
    """Begin a session for the right code, or for a recovery code that is left."""
    target = safe_next(request.args.get("next"))
    user_id = half_way()
    if user_id is None:
        session[SAID] = "login.expired"
        return redirect(url_for("signin.login", next=target))
    buckets = throttle.for_code(user_id)
    wait = throttle.admit(buckets)
    if wait:
        problem = t("login.too_many", locale(), wait=lasting(wait, locale()))
        return render_template("code.html", target=target, problem=problem), 429, {"Retry-After": str(wait)}
    given = request.form.get("code", "")[:100]
    with store().transaction(user_id=user_id) as conn:
        row = signed_in(conn, user_id, None)
        by = _right_code(conn, user_id, given)
    if row is None or by is None:
        note(row.email if row else "", "sign_in.failed")
        return render_template("code.html", target=target, problem=t("code.wrong", locale())), 401
    throttle.forget(buckets)
    if by == "recovery":
        note(row.email, "user.recovery_used")
    return begin(user_id, target)


def half_way() -> int | None:
    """Give who has given the right password, for as long as that counts and the password is the same."""
    try:
        user_id, epoch, since = map(int, session.get(HALF_WAY) or ())
    except (TypeError, ValueError):
        return None
    if not 0 <= time.time() - since <= HALF_WAY_SECONDS:
        return None
    with store().transaction(user_id=user_id) as conn:
        row = signed_in(conn, user_id, None)
    return user_id if row is not None and row.epoch == epoch else None


def _right_code(conn: Connection, user_id: int, given: str) -> str | None:
    """Use a code; tells which kind it was, None for a wrong one."""
    factor = second_factor.find(conn, user_id)
    secret = authenticator.opened(factor.secret) if factor else None
    step = authenticator.step_of(secret, given) if secret else None
    if step is not None:
        return "app" if second_factor.spend(conn, user_id, step) else None
    return "recovery" if second_factor.spend_code(conn, user_id, given) else None


@blueprint.get("/accounts")
def accounts() -> ResponseReturnValue:
    """Show the accounts to choose from; where there is only one, take it."""
    target = safe_next(request.args.get("next"))
    with store().transaction(user_id=person().id) as conn:
        choices = people.memberships(conn, person().id)
    return render_template(
        "accounts.html", choices=choices, target=target, chosen=session.get(ACCOUNT), operator=person().row.operator
    )


@blueprint.post("/accounts")
def choose_account() -> ResponseReturnValue:
    """Act for another account from now on; one that the person does not belong to is 404."""
    wanted = request.form.get("account", "")
    with store().transaction(user_id=person().id) as conn:
        choices = people.memberships(conn, person().id)
    found = [choice.account_id for choice in choices if wanted in (str(choice.account_id), choice.account)]
    if not found:
        abort(404)
    session[ACCOUNT] = found[0]
    return redirect(safe_next(request.args.get("next") or request.form.get("next")))


@blueprint.post("/language")
def language() -> ResponseReturnValue:
    """Keep the language that the person reads from now on, and show the page again."""
    wanted = request.form.get("locale", "")
    if wanted not in LOCALES:
        abort(400)
    with store().transaction(user_id=person().id) as conn:
        set_locale(conn, person().id, wanted)
    return redirect(safe_next(request.form.get("next")))


@blueprint.route("/logout", methods=["GET", "POST"])
def logout() -> ResponseReturnValue:
    """End the session, here and in the database; where another site's link led here, offer the button instead."""
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") not in {None, "none", "same-origin"}:
        return render_template("signout.html")
    if current_user.is_authenticated:
        with store().transaction(user_id=person().id) as conn:
            sessions.end(conn, person().id, person().session_id)
        note(person().row.email, "sign_out.done")
    logout_user()
    session.clear()
    response = redirect(url_for("signin.login"))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def begin(user_id: int, target: str) -> ResponseReturnValue:
    """Start a fresh session, with the account chosen where there is only one to choose."""
    with store().transaction(user_id=user_id) as conn:
        row, choices = signed_in(conn, user_id, None), people.memberships(conn, user_id)
        if row is None:
            abort(401)
        number = sessions.begin(conn, user_id, *whence())
    note(row.email, "sign_in.done")
    session.clear()
    session.permanent = True
    login_user(Person(row, number))
    if len(choices) == 1:
        session[ACCOUNT] = choices[0].account_id
    elif target == "/" and not choices and row.operator:
        target = url_for("operator.accounts")
    elif "/invitation/" not in target:
        target = url_for("signin.accounts", next=target)
    response = make_response(redirect(target))
    throttle.remember_browser(response, user_id)
    return response


def note(email: str, action: str) -> None:
    """Write into the audit of each account of the person; nobody who asks is told what was found."""
    with store().transaction() as conn:
        audit.note_person(conn, email, action, Actor(email, None, *whence()))


def _user(email: str) -> SignIn | None:
    with store().transaction() as conn:
        return people.find_for_sign_in(conn, email.replace("\0", ""))


def _form(target: str, email: str, problem: str | None = None, said: str | None = None) -> str:
    mails = current_app.config["TDS"].smtp_url is not None
    told = t(said, locale()) if said else None
    return render_template("signin.html", target=target, email=email, problem=problem, told=told, mails=mails)


def _https() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
