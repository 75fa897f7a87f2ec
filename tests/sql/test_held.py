"""An invoice held against what was measured and what that costs: arithmetic against figures made by hand."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sql import tariffs
from sql.errors import NotFound, Refused
from sql.held import Held, hold, rows_of
from sql.invoices import Invoice, add_invoice, every_invoice, faults, find_invoice, invoices, remove_invoice
from sql.tariff_rules import Period
from tests.conftest import Database
from tests.sql.plant import Meter, feed, meter, meter_of, series
from tests.sql.tariffs import banded, flat, give, take_away

D = Decimal
ZONE = "America/Sao_Paulo"
AUGUST = datetime(2026, 8, 1, 15, tzinfo=UTC)
HOURS = 30 * 24  # of June


def asked(quantity: str, amount: str, first: str = "2026-06-01", last: str = "2026-06-30", **more: Any) -> Invoice:
    """Give an invoice as somebody typed it."""
    given: dict[str, Any] = {"resource": "electricity", "unit": "kWh", **more}
    return Invoice(
        0, first_day=date.fromisoformat(first), last_day=date.fromisoformat(last), quantity=D(quantity), amount=D(amount),
        created_at=None, created_by="somebody@example.com", **given,
    )  # fmt: skip


def held(database: Database, device: Meter, invoice: Invoice, now: datetime = AUGUST) -> Held:
    with database.owner.transaction() as connection:
        plan = tariffs.plan(connection, device.account_id, invoice.resource)
        return hold(connection, device.account_id, plan, invoice, "BRL", now)


@pytest.fixture
def plant(bench: Database) -> Meter:
    """A meter that counts one kWh an hour, all of June; the readings of three days are missing."""
    device = meter(bench, ZONE, interval=3600)
    kept = [one for one in series("2026-06-01T00:00", 60, range(HOURS + 1), ZONE) if not 240 < one[1] < 312]
    feed(bench, device, kept)
    return device


def test_it_tells_how_quantity_and_amount_differ(bench: Database, plant: Meter) -> None:
    give(bench, plant, flat("2026-01-01", "0.5", standing=D(30), tax=D(10)))
    found = held(bench, plant, asked("743.04", "440"))
    assert (found.measured, found.estimated, found.days, found.over, found.unpriced) == (720, 72, 30, 30, 0)
    assert [(line.kind, line.amount) for line in found.bill.lines] == [
        ("energy", D("360.00")),
        ("standing", D("30.00")),
        ("tax", D("39.00")),
    ]
    assert found.quantity is not None
    assert (found.quantity.amount, found.quantity.share) == (D("23.04"), D("0.032"))
    assert found.money is not None
    assert (found.cost, found.money.amount) == (D("429.00"), D("11.00"))
    assert found.coverage == pytest.approx(0.9)
    assert found.verdict == "unfair", "three days of thirty are missing"
    assert found.within_estimate


def test_it_judges_what_was_measured_well_enough(bench: Database) -> None:
    device = meter(bench, ZONE, interval=3600)
    feed(bench, device, series("2026-06-01T00:00", 60, range(HOURS + 1), ZONE))
    give(bench, device, flat("2026-01-01", "0.5"))
    verdicts = [
        held(bench, device, asked(quantity, amount)).verdict
        for quantity, amount in (
            ("720", "360"),
            ("726", "363"),
            ("743", "372"),
            ("700", "350"),
            ("720", "380"),
            ("743", "360"),
            ("0", "0"),
        )
    ]
    assert verdicts == ["agrees", "agrees", "more", "less", "more", "more", "less"]
    exact = held(bench, device, asked("0.72", "360", unit="MWh"))
    assert (exact.measured, exact.verdict) == (D("0.72"), "agrees")


def test_days_that_begin_and_end_anywhere_are_its_days(bench: Database, plant: Meter) -> None:
    hours = banded("2026-06-05", {"peak": "3", "off_peak": "1"}, [Period(("weekday",), 72, 84, "peak")], demand=D(5))
    give(bench, plant, flat("2026-01-01", "2"), hours)
    found = held(bench, plant, asked("100", "200", "2026-06-03", "2026-06-09"))
    # Two days by the flat tariff, then Friday, Monday and Tuesday with three hours of peak each.
    assert [(line.kind, line.band, line.quantity) for line in found.bill.lines if line.kind == "energy"] == [
        ("energy", "all", 48), ("energy", "off_peak", 120 - 9), ("energy", "peak", 9),
    ]  # fmt: skip
    assert (found.measured, found.estimated, found.coverage) == (168, 0, 1)
    demand = next(line for line in found.bill.lines if line.kind == "demand")
    assert (demand.quantity, demand.days, demand.of_days) == (1, 5, 7)
    assert found.cost == 96 + 111 + 27 + D("3.57")


def test_days_without_a_tariff_leave_the_amount_open(bench: Database, plant: Meter) -> None:
    give(bench, plant, flat("2026-06-11", "1"))
    found = held(bench, plant, asked("720", "720"))
    assert (found.unpriced, found.cost, found.money, found.measured) == (10, None, None, 720)
    take_away(bench, plant)
    found = held(bench, plant, asked("720", "720", "2026-06-01", "2026-06-09"))
    assert (found.unpriced, found.money, found.measured, found.verdict) == (9, None, 216, "more")


def test_days_before_anything_was_measured_are_not_judged(bench: Database, plant: Meter) -> None:
    give(bench, plant, flat("2026-01-01", "1", standing=D(30)))
    found = held(bench, plant, asked("720", "720", "2026-05-01", "2026-05-31"))
    assert (found.known, found.coverage, found.measured, found.cost, found.verdict) == (False, 0, None, None, "nothing")
    half = held(bench, plant, asked("720", "720", "2026-05-22", "2026-06-10"))
    assert (half.measured, half.verdict) == (240, "unfair")
    assert half.coverage == pytest.approx(0.5), "what a meter did not see before it was there is missing"
    water = held(bench, plant, asked("7", "7", resource="water", unit="m³"))
    assert (water.units, water.verdict) == ((), "nothing")


def test_days_that_are_not_over_are_held_so_far(bench: Database, plant: Meter) -> None:
    give(bench, plant, flat("2026-01-01", "1"))
    found = held(bench, plant, asked("720", "720"), datetime(2026, 6, 6, 2, tzinfo=UTC))  # the fifth, in Brazil
    assert (found.over, found.running, found.measured, found.verdict) == (4, True, 96, "running")
    ahead = held(bench, plant, asked("720", "720"), datetime(2026, 5, 6, tzinfo=UTC))
    assert (ahead.over, ahead.measured, ahead.verdict) == (0, None, "running")


def test_a_meter_that_has_fallen_silent_is_missing_since(bench: Database) -> None:
    device = meter(bench, ZONE, interval=3600)
    other = meter_of(bench, device.account, device.account_id, ZONE, interval=3600, unit="Wh", max_rate=D(10**6))
    feed(bench, device, series("2026-06-01T00:00", 60, range(HOURS + 1), ZONE))
    feed(bench, other, series("2026-06-01T00:00", 60, range(0, 15 * 24 * 1000 + 1, 1000), ZONE))
    give(bench, device, flat("2026-01-01", "1"))
    found = held(bench, device, asked("1080", "1080"))
    assert found.measured == 720 + 360
    assert found.coverage == pytest.approx(0.75)
    assert found.verdict == "unfair"


def test_what_is_counted_in_another_unit_is_not_compared(bench: Database) -> None:
    device = meter(bench, ZONE, interval=3600, resource="gas", unit="m³")
    feed(bench, device, series("2026-06-01T00:00", 60, range(HOURS + 1), ZONE))
    give(bench, device, flat("2026-01-01", "1")._replace(resource="gas", unit="m³"))
    found = held(bench, device, asked("7700", "720", resource="gas"))
    assert (found.units, found.measured, found.quantity, found.verdict) == (("m³",), None, None, "agrees")
    assert found.cost == 720
    take_away(bench, device)
    give(bench, device, flat("2026-01-01", "1")._replace(resource="gas"))
    found = held(bench, device, asked("7700", "720", resource="gas"))
    assert (found.cost, found.verdict) == (None, "unknown")


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("resource", {"resource": "temperature"}),
        ("resource", {"resource": ""}),
        ("last_day", {"last_day": date(2026, 5, 31)}),
        ("last_day", {"first_day": date(2025, 5, 1)}),
        ("first_day", {"first_day": date(1969, 12, 31), "last_day": date(1970, 1, 5)}),
        ("last_day", {"first_day": date(2100, 1, 1), "last_day": date(2100, 1, 2)}),
        ("quantity", {"quantity": D("-0.01")}),
        ("quantity", {"quantity": D("1e15")}),
        ("quantity", {"quantity": D("NaN")}),
        ("quantity", {"quantity": D("1e-400000")}),
        ("unit", {"unit": "m³"}),
        ("unit", {"unit": ""}),
        ("unit", {"unit": "kW"}),
        ("amount", {"amount": D("-1e15")}),
        ("amount", {"amount": D("Infinity")}),
        ("amount", {"amount": D("0.000000001")}),
    ],
)
def test_what_no_invoice_can_be_is_refused_beside_its_field(field: str, changed: dict[str, Any]) -> None:
    assert list(faults(asked("1", "1")._replace(**changed))) == [field]


def test_days_are_paid_once(bench: Database) -> None:
    device = meter(bench)
    with bench.owner.transaction() as connection:
        first = add_invoice(connection, device.account_id, asked("1", "-5", unit="KWH"))
        assert (first.unit, first.amount) == ("kWh", -5), "a supplier may owe"
        for days in (
            ("2026-06-30", "2026-07-30"),
            ("2026-05-02", "2026-06-01"),
            ("2026-06-10", "2026-06-10"),
            ("2026-05-01", "2026-07-31"),
        ):
            with pytest.raises(Refused) as error:
                add_invoice(connection, device.account_id, asked("1", "1", *days))
            assert (error.value.key, error.value.values["first_day"]) == ("invoice_overlaps", date(2026, 6, 1))
        next_one = add_invoice(connection, device.account_id, asked("1", "1", "2026-07-01", "2026-07-31"))
        water = add_invoice(connection, device.account_id, asked("1", "1", resource="water", unit="m³"))
        assert invoices(connection, device.account_id, "electricity") == [next_one, first]
        assert every_invoice(connection, device.account_id) == [first, next_one, water]
        remove_invoice(connection, first)
        with pytest.raises(NotFound):
            find_invoice(connection, first.id)
        add_invoice(connection, device.account_id, asked("1", "1", "2026-06-10", "2026-06-10"))


def test_of_two_at_once_the_second_is_told(bench: Database) -> None:
    device, told = meter(bench), []

    def second() -> None:
        try:
            with bench.owner.transaction() as connection:
                add_invoice(connection, device.account_id, asked("2", "2"))
        except Refused as error:
            told.append(error.key)

    with bench.owner.transaction() as connection:
        add_invoice(connection, device.account_id, asked("1", "1"))
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
    waiting.join()
    assert told == ["invoice_overlaps"]


def test_it_says_how_much_it_reads() -> None:
    assert rows_of(asked("1", "1"), 1000) == 1000
    assert rows_of(asked("1", "1", "2026-06-02", "2026-07-01"), 1000) == 30_000
