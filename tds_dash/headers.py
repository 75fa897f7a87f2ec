"""What every response says to the browser: what it may load, keep and show."""

from __future__ import annotations

from dash import Dash
from flask import Flask, Response, request

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # plotly and React write style attributes
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
ASSET, DAY = "_dash_assets.static", 86_400
KEEPABLE = frozenset(
    {
        "vendor.file",
        ASSET,
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
    }
)


def install(server: Flask, app: Dash, https: bool) -> None:
    """Add the headers to each response; the script hashes are made each time, since Dash adds a script with the first page."""

    def finish(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy(app)
        response.headers.update(FIXED)
        if https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if request.endpoint not in KEEPABLE:
            response.headers["Cache-Control"] = "no-store"
        elif request.endpoint == ASSET and "m" in request.args and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={DAY}"  # with another content it has another address
        return response

    server.after_request(finish)


def policy(app: Dash) -> str:
    """Give the content security policy: this host, and the inline scripts that Dash itself writes, by their hashes."""
    scripts = " ".join([POLICY["script-src"], *app.csp_hashes()])
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, "script-src": scripts}.items())
