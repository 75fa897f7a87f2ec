"""The HTTP API /api/v1: the same doors and queries as the pages, as JSON and CSV."""

from __future__ import annotations

from flask import Flask

from tds_dash.api import alarms, costs, demand, document, exports, figures, fleet, invoices, rejections, reports


def install(server: Flask) -> None:
    """Add every address of the API."""
    for part in (alarms, costs, demand, document, exports, figures, fleet, invoices, rejections, reports):
        server.register_blueprint(part.blueprint, url_prefix="/api/v1")
