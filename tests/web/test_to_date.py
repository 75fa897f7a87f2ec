"""To date against to date: both sides end at the same moment, for each meter where its newest reading lies, also within a quarter-hour."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from plotly.utils import PlotlyJSONEncoder
from pypdf import PdfReader
from sqlalchemy import text

from sql import fleet, ledger, tariffs
from sql.queries.devices import devices
from sql.queries.session import Account
from sql.tariff_rules import Terms
from tds_dash import explorer_words, exploring, periods
from tds_dash.comparing import OTHER, PREVIOUS
from tds_dash.exploring import Asked, Look
from tds_dash.figures import placed
from tds_dash.money import money
from tds_dash.report import page
from tds_dash.report.gather import gather
from tds_dash.report.panel import months_table
from tds_dash.summary import summaries
from tds_dash.totals import Part, parts
from tests.conftest import Database
from tests.sql.plant import at, put
from tests.web.test_pages import shown

PLACE = ZoneInfo("America/Sao_Paulo")
NOW = at("2026-11-23T14:08:30", PLACE.key)
MAC = "02:bb:00:00:00:01"
# By code: how often it reads, in minutes, and when it last did. Every one counts 60 an hour, always.
METERS = {
    "minutely": (1, "2026-11-23T14:08"),
    "quarterly": (15, "2026-11-23T14:02"),
    "hourly": (60, "2026-11-23T13:20"),
    "daily": (1440, "2026-11-22T23:50"),
    "silent": (15, "2026-11-20T09:00"),
}


@pytest.fixture(scope="module")
def site(bench: Database) -> tuple[Database, int, dict[str, int]]:
    """Give an account with a meter of each kind, with steady loads since the middle of September."""
    database = bench
    account = database.account("Steady", PLACE.key)
    with database.owner.transaction() as conn:
        fleet.add_gateway(conn, MAC, "Steady")
        ids = {
            code: fleet.add_device(
                conn, MAC, code, kind="counter", resource="electricity", unit="kWh", interval=60 * minutes, resolution=Decimal("0.001")
            )
            for code, (minutes, _) in METERS.items()
        }  # fmt: skip
    first = at("2026-09-20T00:00", PLACE.key)
    for code, (minutes, last) in METERS.items():
        end, step = at(last, PLACE.key), timedelta(minutes=max(minutes, 15))
        times = [end - number * step for number in range(int((end - first) / step))]
        times += [end - timedelta(minutes=number) for number in range(1, 15)] if minutes == 1 else []
        put(database, ids[code], [(one, (one - first) / timedelta(minutes=1)) for one in sorted(times)])
    ledger.drain(database.owner)
    return database, account, ids


def compared(site: tuple[Database, int, dict[str, int]], codes: list[str], **asked: Any) -> tuple[Look, Part]:
    """Look at some meters, compared."""
    database, account, ids = site
    words = {"period": asked.get("period", "this_month"), "from": asked.get("from_", ""), "to": asked.get("to", "")}
    wanted = Asked(
        "electricity", tuple(ids[code] for code in codes), "device", periods.read(words, PLACE, NOW), asked.get("step", "day"),
        exploring.STACKED, asked.get("compare", PREVIOUS), ids.get(asked.get("other", ""), 0),
    )  # fmt: skip
    with database.web.transaction(account_id=account) as conn:
        look = exploring.look(conn, wanted, NOW, PLACE, "en")
    (part,) = parts(look)
    return look, part


TODAY = {"period": "custom", "from_": "2026-11-23", "to": "2026-11-23"}


@pytest.mark.parametrize("code", ["minutely", "quarterly", "hourly"])
@pytest.mark.parametrize("step", ["15min", "hour", "day", "month"])
def test_a_steady_meter_differs_by_nothing(site: Any, code: str, step: str) -> None:
    asked = TODAY if step != "month" else {}
    _, part = compared(site, [code], step=step, **asked)
    found = part.whole.compared
    assert found is not None
    assert found.difference == 0, found
    assert sum((bar.consumption or Decimal(0) for bar in part.beside.whole.values()), Decimal(0)) == found.other.quantity


def test_meters_that_read_at_different_times_each_end_where_they_do(site: Any) -> None:
    look, part = compared(site, ["minutely", "quarterly", "hourly", "daily"])
    found = part.whole.compared
    assert found is not None
    assert (found.difference, found.reason) == (0, "")
    assert [line.compared.difference for line in part.lines if line.compared] == [0, 0, 0, 0]
    assert found.other.coverage == pytest.approx(1, abs=1e-3)
    assert look.other is not None
    assert look.other.earlier.end == at("2026-10-26T14:08", PLACE.key)
    assert "here to 23 Nov 2026 14:08, there to 26 Oct 2026 14:08" in explorer_words.against(look)


def test_what_a_silent_meter_lacks_is_not_taken_from_the_other_side(site: Any) -> None:
    _, part = compared(site, ["minutely", "silent"])
    lacking = 60 * (at("2026-11-23T14:08", PLACE.key) - at("2026-11-20T09:00", PLACE.key)) / timedelta(hours=1)
    found = part.whole.compared
    assert found is not None
    assert found.difference == -Decimal(lacking).quantize(Decimal("0.000001"))


def test_another_device_goes_as_far_as_this_one(site: Any) -> None:
    _, part = compared(site, ["quarterly"], compare=OTHER, other="minutely", **TODAY)
    found = part.whole.compared
    assert found is not None
    assert found.difference == 0


def test_the_overviews_month_so_far_is_compared_to_the_same_moment(site: Any) -> None:
    database, account, ids = site
    with database.web.transaction(account_id=account) as conn:
        every = [one for one in placed(devices(conn, NOW)) if one.id != ids["silent"]]
        (found,) = summaries(conn, every, NOW, PLACE)
    assert found.month.quantity == found.before.quantity
    assert found.before.coverage == pytest.approx(1, abs=1e-3)


def test_the_report_of_a_running_month_names_the_days_that_it_compares(site: Any) -> None:
    database, account, ids = site
    terms = Terms("electricity", date(2020, 1, 1), "Flat", "kWh", {"all": Decimal("0.5")})
    with database.owner.transaction() as conn:
        tariffs.add_tariff(conn, account, terms)
        conn.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = :id"), {"id": ids["silent"]})
    ledger.drain(database.owner)
    try:
        with database.web.transaction(account_id=account) as conn:
            found = gather(conn, Account(account, "Steady", PLACE.key, "en", "BRL"), date(2026, 11, 1), "en", NOW)
    finally:
        with database.owner.transaction() as conn:
            conn.execute(text("UPDATE tds.device SET retired_at = NULL WHERE id = :id"), {"id": ids["silent"]})
    said = " ".join(PdfReader(io.BytesIO(page.pdf(found, "en", "https://tds.example"))).pages[0].extract_text().split())
    (section,) = found.sections
    assert section.cost is not None
    assert section.cost.compared.before is not None
    assert "November 2026, so far" in said
    assert "up to 23 Nov 2026 14:08" in said
    assert "against 1–23 Oct 2026" in said
    assert "Whole days of both months" in said
    assert "1–22 Oct 1–22 Nov" in said
    assert said.count(money(section.cost.compared.bill.total, "BRL", "en")) == 1 + 1  # of electricity, and its only part
    assert f"{money(section.cost.bill.total, 'BRL', 'en')} so far" in said
    assert (
        f"{money(section.cost.compared.before.total, 'BRL', 'en')} {money(section.cost.compared.bill.total, 'BRL', 'en')}" in said
    )


def test_the_page_of_reports_says_which_month_is_running() -> None:
    months = [date(2026, 11, 1), date(2026, 10, 1)]
    said = shown(json.loads(json.dumps(months_table(months, date(2026, 11, 23), "en"), cls=PlotlyJSONEncoder)))
    assert "November 2026, so far 1–23 Nov: other months are taken up to the same moment." in said
    assert "October 2026, so far" not in said
