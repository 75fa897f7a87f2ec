"""Bootstrap and its icons, served from the installed package: no copy in the repository, no outside host."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

ASSETS = Path(__file__).resolve().parent.parent / "assets"
STATIC = Path(str(files("flask_bootstrap"))) / "static" / "bootstrap5"
FILES = frozenset(
    {
        "css/bootstrap.min.css",
        "css/font/bootstrap-icons.min.css",
        "css/font/fonts/bootstrap-icons.woff2",
        "css/font/fonts/bootstrap-icons.woff",
    }
)
YEAR = 31_536_000

blueprint = Blueprint("vendor", __name__)


@blueprint.get("/vendor/<version>/<path:name>")
def file(version: str, name: str) -> Response:
    """Give one of the few files that pages use; the version in the path lets browsers keep it for a year."""
    response = send_from_directory(STATIC, name if name in FILES else "", max_age=YEAR)
    response.cache_control.immutable = True
    return response


def stylesheets() -> list[str]:
    """Give the addresses of the style sheets that come before ours."""
    return [f"/vendor/{version()}/{name}" for name in ("css/bootstrap.min.css", "css/font/bootstrap-icons.min.css")]


def asset(name: str) -> str:
    """Give the address of one of our own files as Dash writes it, with the time of its last change: browsers keep what has that."""
    return f"/assets/{name}?m={(ASSETS / name).stat().st_mtime}"


@cache
def version() -> str:
    """Give the installed package's version; to look it up takes a tenth of a page's time."""
    return metadata.version("bootstrap-flask")
