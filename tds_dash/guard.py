"""Who may ask at all: nobody who is not signed in, unless the endpoint is listed here; and no other site on their behalf."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import SecurityError

from settings import Settings
from tds_dash import needs

log = logging.getLogger(__name__)
PUBLIC = frozenset(name for name, needed in needs.ENDPOINTS.items() if needed == needs.ANYONE)
WITHOUT_ACCOUNT = frozenset(name for name, needed in needs.ENDPOINTS.items() if needed in (needs.PERSON, needs.OPERATOR))
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def install(server: Flask) -> None:
    """Stand before every other hook: call this before Dash gets the server."""
    server.before_request(reject_other_hosts)
    server.before_request(reject_cross_site)
    server.before_request(reject_too_large)
    server.before_request(require_sign_in)
    server.before_request(require_second_factor)
    server.before_request(require_role)


def require_sign_in() -> ResponseReturnValue | None:
    """Turn away whoever is not signed in, and send who has not chosen an account to choose one."""
    if request.endpoint in PUBLIC:
        return None
    if not current_user.is_authenticated:
        if is_for_programs(request.path):
            abort(401)
        return redirect(url_for("signin.login", next=request.full_path.rstrip("?")))
    if current_user.account is None and request.endpoint not in WITHOUT_ACCOUNT:
        if is_for_programs(request.path):
            abort(403)
        return redirect(url_for("signin.accounts", next=request.full_path.rstrip("?")))
    return None


def require_second_factor() -> ResponseReturnValue | None:
    """Lead whoever has none where the account asks for one to set it up; a program's token is no sign-in, and goes on."""
    if request.endpoint in PUBLIC or request.endpoint in WITHOUT_ACCOUNT or "token" in g or not current_user.row.unsecured:
        return None
    if is_for_programs(request.path):
        abort(401)  # as before a sign-in that is whole: pages go there and are led on
    return redirect(url_for("profile.show", next=request.full_path.rstrip("?")))


def require_role() -> ResponseReturnValue | None:
    """Refuse whoever has not the role that tds_dash/needs.py asks for, and everybody where it asks for none."""
    if request.endpoint is None or request.endpoint in PUBLIC:
        return None
    needed = needs.of_request()
    if needed is None:
        log.error("nobody may ask for %s %s: tds_dash/needs.py does not say who may", request.method, request.endpoint)
        abort(403)
    if needs.is_met(needed, current_user.role, current_user.row.operator):
        return None
    if needs.is_untouched():
        return "", 204
    abort(403)


def reject_other_hosts() -> None:
    """Refuse a request under a name that is not ours, before anything makes an address of it."""
    if isinstance(request.routing_exception, SecurityError):
        raise request.routing_exception


def reject_cross_site() -> None:
    """Refuse a change that another site asks the browser for; older browsers and plain HTTP say so by Origin alone."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in {None, "same-origin", "none"}:
        abort(403)
    if site is None and origin and urlsplit(origin).netloc not in {request.host, public_host()}:
        abort(403)


def reject_too_large() -> None:
    """Refuse what is larger than is taken, before anything reads it."""
    if (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]:
        abort(413)


def public_host() -> str:
    """Give host and port as users type them."""
    settings: Settings = current_app.config["TDS"]
    return urlsplit(settings.public_url()).netloc


def is_for_programs(path: str) -> bool:
    """Tell whether whoever asks for a path expects data and not a page."""
    return path.startswith(("/_", "/api/"))


def safe_next(target: str | None) -> str:
    """Give a path of this site to go on to; anything that a browser could read as another site becomes the overview.

    So does the way out: whoever left it open until the session ended, and signs in again, is not to be signed out at once.
    """
    if (
        not target
        or not target.isprintable()
        or "\\" in target
        or not target.startswith("/")
        or target.startswith("//")
        or is_for_programs(target)
        or target.partition("?")[0] == "/logout"
    ):
        return "/"
    return target
