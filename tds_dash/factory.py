"""The web application put together: one Flask server with its guard, forms, API and the Dash pages behind it."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from settings import LOCALES, Settings
from sql.engine import Store, open_store
from tds_dash import (
    account_data,
    alarm_file,
    api,
    audit_view,
    bearer,
    bill_files,
    certificate_routes,
    dashboard,
    device_files,
    errors,
    explorer_export,
    fleet_imports,
    guard,
    headers,
    health,
    identity,
    joining,
    operating,
    peaks_file,
    profile,
    replicas,
    signin,
    tariff_file,
    tracing,
    vendor,
)
from tds_dash.figures import blank
from tds_dash.forwarded import Forwarded
from tds_dash.report import routes as report_routes

THREADS = 4  # of one worker
ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - recognised, not bound


def create_server(settings: Settings, store: Store | None = None) -> Flask:
    """Give the WSGI application; opens the store as the web login unless one is given."""
    server = Flask("tds_dash", static_folder=None)
    configure(server, settings)
    if settings.proxies:  # else whoever asks could say that they come from anywhere
        server.wsgi_app = Forwarded(server.wsgi_app, settings.proxies)  # type: ignore[method-assign]
    server.extensions["tds_store"] = store or open_store(settings, "web", pool_size=THREADS + 2)
    tracing.install(server)
    health.install(server)
    replicas.install(server, settings, server.extensions["tds_store"], THREADS + 2)
    bearer.install(server)
    guard.install(server)  # before Dash, so that nothing of Dash runs for a stranger
    bearer.install_limit(server)
    identity.install(server)
    signin.install(server)
    certificate_routes.install(server)
    account_data.install(server)
    for part in (
        joining,
        profile,
        operating,
        audit_view,
        fleet_imports,
        alarm_file,
        bill_files,
        device_files,
        explorer_export,
        peaks_file,
        tariff_file,
        report_routes,
        vendor,
    ):
        server.register_blueprint(part.blueprint)
    api.install(server)
    errors.install(server)
    app = dashboard.install(server)
    headers.install(server, app, https=server.config["SESSION_COOKIE_SECURE"])
    warm_up(server)
    return server


class Json(DefaultJSONProvider):
    """Flask's JSON, to which what is nested too deeply to be read is no JSON either."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read a document; raises ValueError where it is none."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def configure(server: Flask, settings: Settings) -> None:
    """Set what Flask goes by: the key, the cookie's limits, the hosts it answers to."""
    server.json = Json(server)
    https = urlsplit(settings.public_url()).scheme == "https"
    server.config.update(
        TDS=settings,
        SECRET_KEY=settings.session_key(),
        SESSION_COOKIE_NAME="__Host-tds" if https else "tds",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,  # the 30 s refresh of a page must not keep a session alive for ever
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        MAX_CONTENT_LENGTH=4 * 1024 * 1024,  # a file of 20,000 devices, as a callback carries it
        TRUSTED_HOSTS=trusted_hosts(settings),
    )
    server.jinja_env.trim_blocks = True
    server.jinja_env.lstrip_blocks = True


def trusted_hosts(settings: Settings) -> list[str] | None:
    """Give the host names to answer to; any, where the server listens on every address and no public URL is set."""
    if settings.web_url is None and settings.web_host in ANYWHERE:
        return None
    public = urlsplit(settings.public_url()).hostname or ""
    return sorted({public, settings.web_host, "localhost", "127.0.0.1", "[::1]"} - ANYWHERE)


def warm_up(server: Flask) -> None:
    """Do now what the first visitor would wait for, and what two first visitors at once would race for."""
    with server.test_request_context("/healthz", base_url="http://localhost"):
        server.preprocess_request()  # Dash finishes its set-up with the first request
    for locale in LOCALES:
        blank(locale)  # plotly reads its schema with the first figure
    gc.collect()
    gc.freeze()  # what is loaded by now stays: later collections need not walk through it, which takes 100 ms
