"""The monthly report as a file: for people from the pages, for programs from the API; the same page, the same refusals."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, request

from sql.errors import Refused
from tds_dash import doors, errors
from tds_dash.identity import account, locale
from tds_dash.report import gather, words
from tds_dash.wording import LOCALES

PDF = "application/pdf"
WRONG = "report_month"  # what is no month at all is a bad request, what has no report is not found
blueprint = Blueprint("report", __name__)


@blueprint.get("/report/<month>.pdf")
def monthly(month: str) -> Response | tuple[Response, int]:
    """Give the report of a month, or say on a page why there is none."""
    try:
        return made(month)
    except Refused as error:
        return errors.answer(status_of(error), words.refusal(error, locale()))


def made(month: str) -> Response:
    """Make the report of a month, in the language that the address names, else the person's; raises Refused."""
    wanted = gather.read_month(month)
    asked = request.args.get("locale")
    language = asked if asked in LOCALES else locale()
    now = datetime.now(UTC)
    with doors.transaction() as conn:
        report = gather.gather(conn, account(), wanted, language, now)
    from tds_dash.report.page import pdf  # imports the library, which most processes never need

    response = Response(pdf(report, language, current_app.config["TDS"].public_url()), mimetype=PDF)
    response.headers["Content-Disposition"] = f'attachment; filename="tds-report-{wanted:%Y-%m}.pdf"'
    return response


def status_of(error: Refused) -> int:
    """Give the status of a refusal."""
    return 400 if error.key == WRONG else 404
