"""The HTTP API /api/v1: the same doors and queries as the pages, as JSON and CSV."""

from __future__ import annotations

from flask import Flask


def install(server: Flask) -> None:
    """Add every address of the API."""
