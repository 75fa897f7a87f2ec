"""One's own way to sign in: password, second factor, and where one is signed in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from sql import people, second_factor, sessions
from sql.audit import note_person
from sql.queries.session import signed_in
from tds_dash import auditing, authenticator, signin, throttle
from tds_dash.guard import safe_next
from tds_dash.identity import ACCOUNT, Person, locale, person, store
from tds_dash.joining import password_problem, tell
from tds_dash.wording import lasting, t

SHOWN = 5  # places where one is signed in; the others are folded away
THEN = "then"  # the key of where to go on once the second factor is set up that an account asks for
blueprint = Blueprint("profile", __name__, url_prefix="")


@blueprint.get("/profile")
def show() -> ResponseReturnValue:
    """Show the forms."""
    if person().row.unsecured and "next" in request.args:
        session[THEN] = safe_next(request.args["next"])
    return page(said=session.pop(signin.SAID, None))


@blueprint.post("/profile/password")
def change_password() -> ResponseReturnValue:
    """Change the password, which ends every other session."""
    problem = own_password_problem("current")
    if problem:
        return page(current=problem), 400
    problem = password_problem(person().row.email)
    if problem:
        return page(password=problem), 400
    with store().transaction(user_id=person().id) as conn:
        people.set_password(conn, people.hash_password(request.form.get("password", "")))
        note_person(conn, person().row.email, "user.password_changed", auditing.actor())
    return only_here("password", "profile.password_changed")


@blueprint.post("/profile/second-factor")
def begin_second_factor() -> ResponseReturnValue:
    """Make a secret and show its picture; nothing is asked for before its first code was given."""
    problem = own_password_problem("begin")
    if problem:
        return page(begin=problem), 400
    with store().transaction(user_id=person().id) as conn:
        second_factor.begin(conn, person().id, authenticator.sealed(authenticator.new_secret()))
    return page(setting_up=True)


@blueprint.post("/profile/second-factor/confirm")
def confirm_second_factor() -> ResponseReturnValue:
    """Ask for codes from now on, once the first one is right; shows the recovery codes, once."""
    given = request.form.get("code", "")[:20]
    with store().transaction(user_id=person().id) as conn:
        factor = second_factor.find(conn, person().id)
        if factor is None or factor.confirmed_at is not None:
            return redirect(url_for("profile.show"))
        secret = authenticator.opened(factor.secret)
        step = authenticator.step_of(secret, given) if secret else None
        if step is None or not second_factor.spend(conn, person().id, step):
            return page(setting_up=True, code=t("code.wrong", locale())), 400
        codes = second_factor.confirm(conn, person().id)
        note_person(conn, person().row.email, "user.second_factor_on", auditing.actor())
    then = session.get(THEN)
    only_here("second_factor", None)
    return recovery(codes, then)


@blueprint.post("/profile/second-factor/codes")
def renew_codes() -> ResponseReturnValue:
    """Make new recovery codes in place of the earlier ones."""
    problem = own_password_problem("codes")
    if problem:
        return page(codes=problem), 400
    with store().transaction(user_id=person().id) as conn:
        factor = second_factor.find(conn, person().id)
        if factor is None or factor.confirmed_at is None:
            abort(404)
        codes = second_factor.renew_codes(conn, person().id)
        note_person(conn, person().row.email, "user.recovery_renewed", auditing.actor())
    return recovery(codes)


def recovery(codes: list[str], then: str | None = None) -> str:
    """Show recovery codes, this once, and lead on."""
    shown = [authenticator.grouped(code) for code in codes]
    return render_template("recovery.html", codes=shown, then=then or url_for("profile.show"))


@blueprint.post("/profile/second-factor/off")
def drop_second_factor() -> ResponseReturnValue:
    """Ask for no codes any more, unless an account does."""
    problem = own_password_problem("off")
    if problem:
        return page(off=problem), 400
    with store().transaction(user_id=person().id) as conn:
        if second_factor.asked_by(conn, person().id):
            return redirect(url_for("profile.show"))  # where it says who asks for it
        second_factor.drop(conn, person().id)
        note_person(conn, person().row.email, "user.second_factor_off", auditing.actor())
    return only_here("second_factor", "profile.second_factor_is_off")


@blueprint.post("/profile/sessions/<session_id>/end")
def end_session(session_id: str) -> ResponseReturnValue:
    """Sign out somewhere else; of a stranger's session nobody learns that it is there."""
    number = int(session_id) if session_id.isascii() and session_id.isdigit() and len(session_id) < 19 else 0
    with store().transaction(user_id=person().id) as conn:
        if not sessions.end(conn, person().id, number):
            abort(404)
        note_person(conn, person().row.email, "sign_out.other", auditing.actor())
    session[signin.SAID] = "profile.session_ended"
    return redirect(url_for("profile.show"))


@blueprint.post("/profile/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    """End every session, this one too."""
    with store().transaction(user_id=person().id) as conn:
        sessions.sign_out_everywhere(conn)
        note_person(conn, person().row.email, "sign_out.everywhere", auditing.actor())
    return signin.logout()


def own_password_problem(field: str) -> str | None:
    """Ask again for one's own password, before what a borrowed session must not do; None where it is right."""
    buckets = throttle.for_code(person().id)
    wait = throttle.admit(buckets)
    if wait:
        return t("login.too_many", locale(), wait=lasting(wait, locale()))
    with store().transaction() as conn:
        user = people.find_for_sign_in(conn, person().row.email)
    if not people.check_password(user, request.form.get(field, "")):
        return t("password.not_yours", locale())
    throttle.forget(buckets)
    return None


def only_here(what: str, said: str | None) -> ResponseReturnValue:
    """End every session and begin a new one in this browser; tell the person by mail."""
    chosen = session.get(ACCOUNT)
    tell(person().row.email, what)
    with store().transaction(user_id=person().id) as conn:
        sessions.sign_out_everywhere(conn)
        row = signed_in(conn, person().id, None)
        assert row is not None
        number = sessions.begin(conn, row.id, *auditing.whence())
    session.clear()
    session.permanent = True
    login_user(Person(row, number))
    if chosen is not None:
        session[ACCOUNT] = chosen
    if said:
        session[signin.SAID] = said
    return redirect(url_for("profile.show"))


def page(said: str | None = None, setting_up: bool = False, **problems: str) -> str:
    """Fill the page; `problems` are the sentences to stand beside fields."""
    with store().transaction(user_id=person().id) as conn:
        factor = second_factor.find(conn, person().id)
        places = sorted(sessions.open_sessions(conn, person().id), key=lambda one: one.id != person().session_id)
        left = second_factor.codes_left(conn, person().id)
        asked_by = second_factor.asked_by(conn, person().id)
    secret = authenticator.opened(factor.secret) if factor and setting_up and factor.confirmed_at is None else None
    given: dict[str, Any] = {
        "email": person().row.email,
        "here": person().session_id,
        "places": places[:SHOWN],
        "more_places": places[SHOWN:],
        "on": factor is not None and factor.confirmed_at is not None,
        "left": left,
        "asked_by": ", ".join(asked_by),
        "unsecured": person().row.unsecured,
        "secret": authenticator.grouped(secret) if secret else None,
        "picture": authenticator.picture(secret, person().row.email) if secret else None,
        "told": t(said, locale()) if said else None,
        "problems": problems,
        "least": people.SHORTEST_PASSWORD,
    }
    return render_template("profile.html", **given)
