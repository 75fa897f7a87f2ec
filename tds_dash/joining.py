"""Links that come by mail or from a person: into an account, and to a new password."""

from __future__ import annotations

from email.message import EmailMessage

from flask import Blueprint, Response, abort, current_app, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from settings import Settings
from sql import links, people
from sql.audit import Actor, note_person
from sql.engine import Store
from sql.errors import Refused
from sql.links import Link
from tds_dash import mail, signin, throttle
from tds_dash.auditing import whence
from tds_dash.identity import ACCOUNT, locale, person, store, visitor_locale
from tds_dash.people_words import refusal
from tds_dash.wording import lasting, t

LONGEST_SECRET = 100
blueprint = Blueprint("joining", __name__)


@blueprint.get("/reset")
def ask_reset() -> ResponseReturnValue:
    """Show the form that asks for a link."""
    return render_template("reset.html", mails=_settings().smtp_url is not None, asked=False, email="", problem=None)


@blueprint.post("/reset")
def send_reset() -> ResponseReturnValue:
    """Have a link sent where the e-mail is known; says the same, as fast, where it is not."""
    settings = _settings()
    if settings.smtp_url is None:
        abort(404)
    email = request.form.get("email", "").strip().lower()[:254]
    try:
        people.checked_email(email)
    except Refused as error:
        problem = refusal(error, locale())
        return render_template("reset.html", mails=True, asked=False, email=email, problem=problem), 400
    wait = throttle.admit(throttle.for_mail(email))
    if wait:
        problem = t("login.too_many", locale(), wait=lasting(wait, locale()))
        return (
            render_template("reset.html", mails=True, asked=False, email=email, problem=problem),
            429,
            {"Retry-After": str(wait)},
        )
    opened, origin, language = store(), Actor(email, None, *whence()), visitor_locale()
    mail.send_later(settings, lambda: reset_mail(opened, settings, email, origin, language))
    return render_template("reset.html", mails=True, asked=True, email=email, problem=None)


def reset_mail(opened: Store, settings: Settings, email: str, origin: Actor, language: str) -> EmailMessage | None:
    """Write the mail with the link; None where nobody is known by the e-mail."""
    with opened.transaction() as conn:
        made = links.open_reset(conn, email)
        if made is None:
            return None
        note_person(conn, email, "user.reset_asked", origin)
    secret, to, own = made
    words = {"link": f"{settings.public_url()}/reset/{secret}", "hours": int(links.RESET_LASTS.total_seconds() // 3600)}
    return mail.message(settings, to, t("mail.reset_subject", own or language), t("mail.reset", own or language, **words))


@blueprint.get("/reset/<secret>")
def new_password(secret: str) -> ResponseReturnValue:
    """Show the form for a new password; looking at it does not use the link up."""
    return _password_form(_open(secret, "reset"), None)


@blueprint.post("/reset/<secret>")
def set_new_password(secret: str) -> ResponseReturnValue:
    """Set the password, which ends every session of the person, and lead to the sign-in form."""
    link = _open(secret, "reset")
    problem = password_problem(link.email)
    if problem:
        return _password_form(link, problem), 400
    with store().transaction() as conn:
        email = links.use_reset(conn, secret, request.form.get("password", ""))
        if email is None:
            abort(404)
        note_person(conn, email, "user.password_reset", Actor(email, None, *whence()))
        user = people.find_for_sign_in(conn, email)
    tell(email, "password")
    logout_user()
    session.clear()
    session[signin.SAID] = "login.password_set"
    response = make_response(redirect(url_for("signin.login")))
    if user is not None:  # who holds the link reads the person's mail: strangers' guesses keep this browser out no longer
        throttle.remember_browser(response, user.id)
    return response


@blueprint.get("/invitation/<secret>")
def invitation(secret: str) -> ResponseReturnValue:
    """Say into which account an invitation leads: somebody new chooses a password, somebody known signs in and joins."""
    return _invited(secret, _open(secret, "invitation"), None)


@blueprint.post("/invitation/<secret>")
def accept(secret: str) -> ResponseReturnValue:
    """Join the account, and begin a session where there was none."""
    link = _open(secret, "invitation")
    own = current_user.is_authenticated and person().row.email == link.email
    if link.known and not own:
        return redirect(url_for("signin.login", next=request.path))
    problem = None if link.known else password_problem(link.email, link.account or "")
    if problem:
        return _invited(secret, link, problem), 400
    try:
        with store().transaction(user_id=person().id if own else None) as conn:
            user_id = links.accept(conn, secret, None if link.known else request.form.get("password", ""), *whence())
    except Refused:
        return redirect(request.path)  # which asks them to sign in now
    if user_id is None:
        abort(404)
    if own:
        session.pop(ACCOUNT, None)
        return redirect(url_for("signin.accounts"))
    logout_user()
    return signin.begin(user_id, "/")


def password_problem(*own: str) -> str | None:
    """Say what is wrong with the new password, typed twice; None where nothing is."""
    password = request.form.get("password", "")
    try:
        people.check_new_password(password, *own)
    except Refused as error:
        return refusal(error, locale())
    return t("password.differ", locale()) if request.form.get("again", "") != password else None


def tell(email: str, what: str) -> None:
    """Tell a person by mail that their way to sign in has changed, where a mail server is set."""
    settings, language = _settings(), locale()
    if settings.smtp_url is not None:
        text = t(f"mail.changed_{what}", language, link=settings.public_url())
        made = mail.message(settings, email, t("mail.changed_subject", language), text)
        mail.send_later(settings, lambda: made)


def _open(secret: str, kind: str) -> Link:
    """Give what a link is for; 404 with the page that says so for one that does not work."""
    with store().transaction() as conn:
        link = links.find(conn, secret) if len(secret) <= LONGEST_SECRET else None
    if link is None or link.kind != kind or link.state != "open":
        state = link.state if link is not None and link.kind == kind else "unknown"
        abort(_gone(kind, state))
    return link


def _gone(kind: str, state: str) -> Response:
    return make_response(render_template("link_gone.html", kind=kind, state=state), 404)


def _password_form(link: Link, problem: str | None) -> str:
    return render_template("new_password.html", link=link, problem=problem, least=people.SHORTEST_PASSWORD)


def _invited(secret: str, link: Link, problem: str | None) -> str:
    known = person().row.email if current_user.is_authenticated else None
    return render_template(
        "invitation.html",
        link=link,
        problem=problem,
        signed_in=known,
        here=url_for("joining.invitation", secret=secret),
        least=people.SHORTEST_PASSWORD,
    )


def _settings() -> Settings:
    found: Settings = current_app.config["TDS"]
    return found
