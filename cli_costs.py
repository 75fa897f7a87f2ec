"""The part of the command line that is about what consumption costs: tariffs, and the monthly report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from arguments import Add, as_json, number, whole

RESOURCES = ("electricity", "water", "gas", "other")


def tariffs(commands: Any, add: Add) -> None:
    """Add the commands about tariffs."""
    made = add(commands, "add", "sql.tariff_commands:tariff_add", "add what a resource costs from a day on")
    made.add_argument("--account", required=True)
    made.add_argument("--resource", required=True, choices=RESOURCES)
    made.add_argument("--from", dest="start", required=True, metavar="DATE", help="the first local day on which it is valid")
    made.add_argument("--unit", help="what the prices are for; without it kWh, or m³ for water and gas")
    made.add_argument("--name", help="such as the supplier's own name of it")
    made.add_argument("--price", type=number, help="of a unit at any time; or, by the time of day:")
    made.add_argument("--band", action="append", default=[], metavar="BAND=PRICE", help="off_peak, intermediate, peak or special")
    made.add_argument(
        "--hours",
        action="append",
        default=[],
        metavar="BAND=DAYS=FROM-TO",
        help="such as peak=weekday=18:00-21:00; days: weekday, saturday, sunday, holiday, joined by commas",
    )
    made.add_argument("--rest", metavar="BAND", help="the band of all other hours; without it off_peak")
    made.add_argument("--demand", type=number, help="of a kW of the month's largest quarter-hour")
    made.add_argument("--contracted", type=number, metavar="KW", help="contracted demand, charged for at least")
    made.add_argument("--tolerance", type=number, metavar="PERCENT", help="what a month may be above it without a surcharge")
    made.add_argument("--excess", type=number, metavar="TIMES", help="the price of demand, on top, for each kW beyond it")
    made.add_argument("--standing", type=number, help="of a month")
    made.add_argument("--tax", type=number, metavar="PERCENT", help="on top of all of it")
    listing = add(commands, "list", "sql.tariff_commands:tariff_list", "list an account's tariffs")
    listing.add_argument("--account", required=True)
    as_json(listing)
    add(
        commands, "remove", "sql.tariff_commands:tariff_remove", "remove a tariff: the one before it is valid again"
    ).add_argument("id", type=whole(1, 2**31 - 1))


def reports(commands: Any, add: Add) -> None:
    """Add the commands about the monthly report."""
    made = add(commands, "report", "tds_dash.report.commands:report", "write the report of a month as a PDF of one page")
    made.add_argument("--account", required=True)
    made.add_argument("--month", required=True, metavar="YYYY-MM")
    made.add_argument("--out", required=True, type=Path, metavar="FILE.pdf")
    made.add_argument("--locale", choices=("pt-BR", "en"), help="without it the account's")
    add(
        commands,
        "mail-reports",
        "tds_dash.report.sending:mail_reports",
        "send the monthly reports that are due, once; `tds ingest` does it by itself",
    )
