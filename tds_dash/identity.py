"""Who asks: the signed-in person, the account they act for, and the language they read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, request, session
from flask_login import LoginManager, UserMixin, current_user

from settings import LOCALES
from sql.engine import Store
from sql.queries.session import Account, SignedIn, signed_in

ACCOUNT = "account"
LOCALE_COOKIE = "tds-locale"


class Person(UserMixin):  # type: ignore[misc]  # flask-login carries no types
    """The user of this request; the epoch in the session's id ends every session when it is raised."""

    def __init__(self, row: SignedIn) -> None:
        self.row = row

    def get_id(self) -> str:
        """Give what the session keeps: the user's number and epoch."""
        return f"{self.row.id}:{self.row.epoch}"

    @property
    def id(self) -> int:
        """The user's number."""
        return self.row.id

    @property
    def account(self) -> Account | None:
        """The account this session acts for, None until one is chosen."""
        return self.row.account


def install(server: Flask) -> None:
    """Let flask-login find the person of a session."""
    manager = LoginManager()
    manager.session_protection = None  # binds to the address, which changes on phones; the epoch ends sessions instead
    manager.user_loader(_load)
    manager.init_app(server, add_context_processor=False)  # templates do not ask who is there


def store() -> Store:
    """Give this process's store, opened as the web login."""
    opened = current_app.extensions["tds_store"]
    assert isinstance(opened, Store)
    return opened


def person() -> Person:
    """Give the signed-in person; the guard has seen to it that there is one."""
    found: Person = current_user._get_current_object()
    assert isinstance(found, Person)
    return found


def account() -> Account:
    """Give the account this request acts for; the guard has seen to it that there is one."""
    chosen = person().account
    assert chosen is not None
    return chosen


def zone() -> ZoneInfo:
    """Give the account's time zone."""
    return ZoneInfo(account().timezone)


def locale() -> str:
    """Give the language to answer in: the person's, the account's, else what the browser asks for."""
    if "language" not in g:
        g.language = _language()
    return str(g.language)


def without_store() -> None:
    """Answer this request without asking the store who it is from: the store has just failed."""
    g.language = visitor_locale()


def _language() -> str:
    if current_user and current_user.is_authenticated:
        row = person().row
        if row.locale or row.account:
            return row.locale or row.account.locale  # type: ignore[union-attr]
    return visitor_locale()


def visitor_locale() -> str:
    """Give the language of somebody not signed in: chosen on the sign-in page, asked for by the browser, or the installation's."""
    chosen = request.cookies.get(LOCALE_COOKIE)
    if chosen in LOCALES:
        return str(chosen)
    wanted = request.accept_languages.best_match(["pt-BR", "pt", "en"])
    fallback: str = current_app.config["TDS"].locale
    return {"pt-BR": "pt-BR", "pt": "pt-BR", "en": "en"}.get(wanted or "", fallback)


def _load(session_id: str) -> Person | None:
    user_id, _, epoch = session_id.partition(":")
    if not (user_id.isascii() and user_id.isdigit() and epoch.isascii() and epoch.isdigit()):
        return None
    with store().transaction(user_id=int(user_id)) as conn:
        row = signed_in(conn, int(user_id), session.get(ACCOUNT))
    return Person(row) if row is not None and row.epoch == int(epoch) else None
