"""Who asks: the signed-in person, the account they act for, and the language they read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, request, session
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.exceptions import RequestEntityTooLarge

from settings import LOCALES
from sql.engine import Store
from sql.fleet import Account
from sql.queries.session import SignedIn, session_goes_on, signed_in

ACCOUNT = "account"
LOCALE_COOKIE = "tds-locale"
CALLBACKS = "/_dash-update-component"
UNATTENDED = "X-Tds-Unattended"  # assets/session.js says so once nobody has touched the page for a while
UNATTENDED_ENDPOINTS = frozenset({"account.progress"})


class Person(UserMixin):  # type: ignore[misc]  # flask-login carries no types
    """The user of this request; the epoch in the session's id ends every session when it is raised."""

    def __init__(self, row: SignedIn, session_id: int = 0) -> None:
        self.row = row
        self.session_id = session_id

    def get_id(self) -> str:
        """Give what the cookie keeps, signed: the user's number and epoch, and the number of the session."""
        return f"{self.row.id}:{self.row.epoch}:{self.session_id}"

    @property
    def id(self) -> int:
        """The user's number."""
        return self.row.id

    @property
    def account(self) -> Account | None:
        """The account this session acts for, None until one is chosen."""
        return self.row.account

    @property
    def role(self) -> str | None:
        """The role in that account."""
        return self.row.role


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


def program_locale() -> str:
    """Give the language that a program asks for by `Accept-Language`: English unless that is Portuguese."""
    return "pt-BR" if (request.accept_languages.best_match(["en", "pt-BR", "pt"]) or "en").startswith("pt") else "en"


def visitor_locale() -> str:
    """Give the language of somebody not signed in: chosen on the sign-in page, asked for by the browser, or the installation's."""
    chosen = request.cookies.get(LOCALE_COOKIE)
    if chosen in LOCALES:
        return str(chosen)
    wanted = request.accept_languages.best_match(["pt-BR", "pt", "en"])
    fallback: str = current_app.config["TDS"].locale
    return {"pt-BR": "pt-BR", "pt": "pt-BR", "en": "en"}.get(wanted or "", fallback)


def is_use() -> bool:
    """Tell whether a person is behind this request: a page that refreshes itself must not keep a session alive for ever."""
    if request.headers.get(UNATTENDED) or request.endpoint in UNATTENDED_ENDPOINTS:
        return False
    if request.endpoint != CALLBACKS:
        return True
    asked = sent()
    changed = asked.get("changedPropIds") if isinstance(asked, dict) else None
    return not (isinstance(changed, list) and changed and all(str(one).endswith(".n_intervals") for one in changed))


def sent() -> object:
    """Give the JSON that came with a request; None where none did, or more than is taken."""
    try:
        return request.get_json(silent=True)
    except RequestEntityTooLarge:
        return None


def _load(cookie: str) -> Person | None:
    parts = cookie.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return None
    user_id, epoch, session_id = map(int, parts)
    with store().transaction(user_id=user_id) as conn:
        row = signed_in(conn, user_id, session.get(ACCOUNT))
        if row is None or row.epoch != epoch or not session_goes_on(conn, user_id, session_id, is_use()):
            return None
    return Person(row, session_id)
