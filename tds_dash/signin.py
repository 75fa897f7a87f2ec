"""Signing in and out, choosing an account and a language: plain forms that work before JavaScript."""

from __future__ import annotations

from flask import Blueprint, Flask, abort, current_app, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from settings import LOCALES
from sql import audit, people
from sql.audit import Actor
from sql.queries.session import set_locale, signed_in
from tds_dash.auditing import whence
from tds_dash.guard import safe_next
from tds_dash.identity import ACCOUNT, LOCALE_COOKIE, Person, locale, person, store
from tds_dash.wording import lasting, t

# Failures, not tries. Counted for the e-mail together with the address, so that nobody can lock another person out.
PER_PERSON = parse("5 per 5 minutes")
PER_ADDRESS = parse("50 per 5 minutes")
LONGEST = 1000  # characters of a password, as in sql/people.py

blueprint = Blueprint("signin", __name__)


def install(server: Flask) -> None:
    """Add the forms, and count failed sign-ins in this process's memory."""
    server.extensions["tds_failures"] = MovingWindowRateLimiter(MemoryStorage())
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
    return render_template("signin.html", target=target, email="", problem=None)


@blueprint.post("/login")
def sign_in() -> ResponseReturnValue:
    """Begin a session for the right password; say the same of a wrong password and of an unknown e-mail."""
    email = request.form.get("email", "").strip().lower()[:254]
    password = request.form.get("password", "")
    target = safe_next(request.args.get("next") or request.form.get("next"))
    counters: MovingWindowRateLimiter = current_app.extensions["tds_failures"]
    keys = ((PER_PERSON, email, _address()), (PER_ADDRESS, _address()))
    if not all(counters.test(limit, *key) for limit, *key in keys):
        return _refused(email, target, t("login.too_many", locale(), wait=lasting(300, locale()))), 429
    user_id = _user_with(email, password)
    _note(email, "sign_in.failed" if user_id is None else "sign_in.done")
    if user_id is None:
        for limit, *key in keys:
            counters.hit(limit, *key)
        return _refused(email, target, t("login.wrong", locale())), 401
    return _begin(user_id, target)


@blueprint.get("/accounts")
def accounts() -> ResponseReturnValue:
    """Show the accounts to choose from; where there is only one, take it."""
    target = safe_next(request.args.get("next"))
    with store().transaction(user_id=person().id) as conn:
        choices = people.memberships(conn, person().id)
    return render_template("accounts.html", choices=choices, target=target, chosen=session.get(ACCOUNT))


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
    """End the session; where another site's link led here, offer the button instead."""
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") not in {None, "none", "same-origin"}:
        return render_template("signout.html")
    if current_user.is_authenticated:
        _note(person().row.email, "sign_out.done")
    logout_user()
    session.clear()
    response = redirect(url_for("signin.login"))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _user_with(email: str, password: str) -> int | None:
    """Give the user's id for the right password; takes as long for an unknown e-mail."""
    if not email or not password or len(password) > LONGEST:
        return None
    with store().transaction() as conn:
        user = people.find_for_sign_in(conn, email)
    return user.id if people.check_password(user, password) and user else None


def _note(email: str, action: str) -> None:
    """Write into the audit of each account of the person; nobody who asks is told what was found."""
    with store().transaction() as conn:
        audit.note_person(conn, email, action, Actor(email, None, *whence()))


def _begin(user_id: int, target: str) -> ResponseReturnValue:
    """Start a fresh session, with the account chosen where there is only one to choose."""
    with store().transaction(user_id=user_id) as conn:
        row, choices = signed_in(conn, user_id, None), people.memberships(conn, user_id)
    if row is None:
        abort(401)
    session.clear()
    session.permanent = True
    login_user(Person(row))
    if len(choices) == 1:
        session[ACCOUNT] = choices[0].account_id
        return redirect(target)
    return redirect(url_for("signin.accounts", next=target))


def _refused(email: str, target: str, problem: str) -> str:
    return render_template("signin.html", target=target, email=email, problem=problem)


def _address() -> str:
    return request.remote_addr or ""


def _https() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
