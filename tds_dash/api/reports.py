"""The monthly report for programs, as a PDF."""

from __future__ import annotations

from flask import Blueprint, Response

from sql.errors import Refused
from tds_dash import errors
from tds_dash.report import words
from tds_dash.report.routes import made, status_of

blueprint = Blueprint("api_reports", __name__)


@blueprint.get("/reports/<month>.pdf")
def report(month: str) -> Response | tuple[Response, int]:
    """Give the report of a month; 404 with a sentence where there is none."""
    try:
        return made(month)
    except Refused as error:
        return errors.answer(
            status_of(error), words.refusal(error, errors.language()) if errors.language() != errors.ENGLISH else str(error)
        )
