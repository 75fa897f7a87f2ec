"""Books: every bar opens to registers, corrections and a sum that balances; what late readings changed is marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from cli import main
from sql.books import Books, Correction
from sql.queries.reach import Reach
from tds_dash import books_view
from tds_dash.books_view import DeviceBooks
from tds_dash.figures import ChartDevice
from tests.sql import meters
from tests.sql.plant import put
from tests.web.dash import answer, call
from tests.web.queue import START, Queue, quarters
from tests.web.world import OURS, World

ZONE = ZoneInfo("America/Sao_Paulo")
METER = ChartDevice(1, "Boiler", "electricity", "kWh")


@pytest.fixture
def editor(sign_in: Callable[[str], FlaskClient], queue: Queue) -> FlaskClient:
    """Give somebody of the account whose meters do odd things."""
    return sign_in("editor@cedro.example")


def exact(response: Any) -> Any:
    """Read JSON with its exact decimals."""
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_float=Decimal, parse_int=Decimal)


def opened(client: FlaskClient, page: str, bar: object, **given: Any) -> str:
    """Open a bar's books; gives the panel as text with plain spaces, its title first."""
    parts = answer(call(client, f"{page}-books-body.children", **{f"{page}_bar": bar}, **given))
    title, body = parts[f"{page}-books-title"]["children"], parts[f"{page}-books-body"]["children"]
    return f"{title} {json.dumps(body, ensure_ascii=False)}".replace("\u00a0", " ")


def random_device(queue: Queue, seed: int) -> tuple[int, meters.Meter]:
    """Add a random hostile meter; gives it and what it is."""
    made = meters.random_meter(seed, days=3, start=START)
    facts = {"interval": made.interval, "max_rate": made.max_rate, "resolution": made.resolution, "modulus": made.modulus}
    return queue.device([tuple(reading) for reading in made.readings], "Random", **facts), made


@pytest.mark.parametrize("seed", range(6))
def test_the_books_of_a_random_meter_balance(editor: FlaskClient, queue: Queue, seed: int) -> None:
    device, made = random_device(queue, seed)
    whole = exact(editor.get(f"/api/v1/books?device={device}&from=2026-03-01&to=2026-04-01"))
    kept, _ = meters.accepted(made)
    corrections = sum(amount for _, _, amount in meters.ledger(made)[1])
    assert whole["balanced"] is True
    assert (whole["opening"], whole["closing"]) == (kept[0].value, kept[-1].value)
    assert whole["consumption"] == kept[-1].value - kept[0].value + corrections
    assert sum(one["amount"] for one in whole["corrections"]) == corrections
    days = [datetime(2026, 3, day, tzinfo=ZONE) for day in range(1, 16)]
    pages = [
        exact(editor.get("/api/v1/books", query_string={"device": device, "from": day.isoformat(), "to": next_day.isoformat()}))
        for day, next_day in pairwise(days)
    ]
    assert all(page["balanced"] for page in pages)
    assert sum(page["consumption"] for page in pages) == whole["consumption"]
    for page, following in pairwise(pages[1:]):
        assert page["closing"] == following["opening"]
    rows = exact(editor.get(f"/api/v1/consumption?device={device}&step=day&from=2026-03-01&to=2026-03-15"))
    assert [row["consumption"] or 0 for row in rows] == [page["consumption"] for page in pages]


def test_the_api_says_what_the_command_says(
    editor: FlaskClient, queue: Queue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device, _ = queue.reset()
    name = queue.name(device)
    answered = exact(editor.get("/api/v1/books", query_string={"device": name, "from": "2026-03-02", "to": "2026-03-03"}))
    monkeypatch.setenv("TDS_DATABASE_URL", str(queue.database.settings.database_url))
    monkeypatch.setenv("TDS_STATE_DIR", str(queue.database.settings.state_dir))
    period = ["--from", "2026-03-02", "--to", "2026-03-03"]
    assert main(["books", "--account", "Cedro", "--device", name, *period, "--json"]) == 0
    assert answered == json.loads(capsys.readouterr().out, parse_float=Decimal, parse_int=Decimal)
    assert answered["corrections"] == [{"at": "2026-03-02T01:00:00-03:00", "kind": "reset", "amount": Decimal(103)}]


def test_a_strangers_books_are_not_found(stranger: FlaskClient, queue: Queue) -> None:
    device, _ = queue.reset()
    for name in (device, queue.name(device), 10**12, "x", f"{OURS}/D99"):
        response = stranger.get("/api/v1/books", query_string={"device": name})
        assert (response.status_code, response.json["error"]["code"]) == (404, "not_found"), name
    bar = {"bucket": "2026-03-02", "step": "day"}
    assert call(stranger, "device-books-body.children", device_bar=bar, device_id=device).status_code == 404
    given = {"consumption_resource": "electricity", "consumption_devices": [device]}
    assert call(stranger, "consumption-books-body.children", consumption_bar=bar, **given).status_code == 404
    assert "Pump" not in opened(stranger, "consumption", bar, consumption_resource="electricity")
    assert "Pump" not in opened(stranger, "overview", {"bucket": "2026-03-01", "step": "month", "resource": "electricity"})


def test_books_are_of_one_device_that_has_a_register(viewer: FlaskClient, world: World) -> None:
    gauge, meter = world.devices["T01"], world.devices["D01"]
    for query in ("", f"device={gauge}", f"device={meter}&device={gauge}", f"device={meter}&from=2026-02-02&to=2026-02-01"):
        assert viewer.get(f"/api/v1/books?{query}").status_code == 400, query


def test_a_bar_opens_its_statement(editor: FlaskClient, queue: Queue) -> None:
    device, _ = queue.reset("Boiler")
    text = opened(editor, "device", {"bucket": "2026-03-02 01:00", "step": "hour"}, device_id=device)
    assert text.startswith("Books · Mon 2 Mar 2026, 01:00–02:00")
    for words in ("Register at the start", "2 Mar 2026 01:00", "Last reading", "2 Mar 2026 01:45", "Balanced"):
        assert words in text, words
    whole = {"from": "2026-03-02T03:00:00+00:00", "to": "2026-03-03T03:00:00+00:00", "step": "day"}
    text = opened(editor, "device", whole, device_id=device)
    for words in ("Books · 2 Mar 2026", "Register at the start", "100", "Register reset", "+103", "of which estimated", "10"):
        assert words in text, words


def test_the_books_of_several_meters_add_up_to_the_bar(viewer: FlaskClient, world: World) -> None:
    day = (world.newest.astimezone(ZONE) - timedelta(days=2)).date().isoformat()
    text = opened(viewer, "consumption", {"bucket": day, "step": "day"}, consumption_resource="electricity")
    assert text.count("Balanced") >= 2
    for words in ("Press line", "240 kWh", "Lighting", "72 kWh", "2 meters", "312 kWh"):
        assert words in text, words
    assert "Never heard" not in text
    alone = opened(
        viewer,
        "consumption",
        {"bucket": day, "step": "day"},
        consumption_resource="electricity",
        consumption_devices=[world.devices["D02"]],
    )
    assert "Press line" not in alone
    assert "72" in alone


@pytest.mark.parametrize(
    "bar",
    [
        None,
        {},
        [],
        "2026-03-02",
        {"bucket": "2026-03-02"},
        {"bucket": "x", "step": "day"},
        {"bucket": "0001-01-01", "step": "day"},
        {"bucket": "9999-12-31", "step": "month"},
        {"bucket": "2026-03-02T00:00:00Z", "step": "day"},
        {"bucket": {"a": 1}, "step": "day"},
        {"bucket": "2026-03-02", "step": "week"},
        {"bucket": "2026-03-02", "step": ["day"]},
        {"from": "2026-03-02", "to": "2026-03-03", "step": "day"},
        {"from": "2026-03-03T00:00:00+00:00", "to": "2026-03-02T00:00:00+00:00", "step": "day"},
        {"from": "1971-01-01T00:00:00+00:00", "to": "2199-01-01T00:00:00+00:00", "step": "15min"},
    ],
)
def test_what_no_chart_sends_opens_nothing(viewer: FlaskClient, world: World, bar: object) -> None:
    given = {"device_bar": bar, "device_id": world.devices["D01"]}
    assert call(viewer, "device-books-body.children", **given).status_code == 204


def test_a_gauge_has_no_books(viewer: FlaskClient, world: World) -> None:
    bar = {"bucket": "2026-03-02", "step": "day"}
    assert "No reading reaches" in opened(viewer, "device", bar, device_id=world.devices["T01"])
    drawn = answer(call(viewer, "device-books-whole.hidden", device_id=world.devices["T01"]))
    assert drawn["device-books-whole"]["hidden"] is True


@pytest.mark.parametrize(
    ("wall", "step", "zone", "periods"),
    [
        ("2026-03-02", "day", "America/Sao_Paulo", [("2026-03-02T03:00", "2026-03-03T03:00")]),
        ("2026-02-01", "month", "America/Sao_Paulo", [("2026-02-01T03:00", "2026-03-01T03:00")]),
        ("2025-10-26", "day", "Europe/Madrid", [("2025-10-25T22:00", "2025-10-26T23:00")]),
        ("2025-10-26 02:00", "hour", "Europe/Madrid", [("2025-10-26T00:00", "2025-10-26T02:00")]),
        ("2025-10-26 02:15", "15min", "Europe/Madrid", [("2025-10-26T00:15", "2025-10-26T00:30"), ("2025-10-26T01:15", "2025-10-26T01:30")]),
        ("2026-03-02 10:00", "hour", "Asia/Kolkata", [("2026-03-02T04:30", "2026-03-02T05:30")]),
    ],
)  # fmt: skip
def test_a_bar_stands_for_its_periods(wall: str, step: Any, zone: str, periods: list[tuple[str, str]]) -> None:
    """Where the clock goes back, a wall time comes twice: one bar, and books of both."""
    found = books_view.bucket_periods(datetime.fromisoformat(wall), step, ZoneInfo(zone))
    assert [(f"{low:%Y-%m-%dT%H:%M}", f"{high:%Y-%m-%dT%H:%M}") for low, high in found] == periods


def statement(page: Books, reach: Reach | None, locale: str = "en") -> str:
    """Show a page as text with plain spaces."""
    shown = books_view.single(DeviceBooks(METER, [page], reach), ZONE, locale)
    return json.dumps(shown.to_plotly_json(), default=lambda part: part.to_plotly_json(), ensure_ascii=False).replace(
        "\u00a0", " "
    )


def page_of(opening: str | None, closing: str | None, consumption: str, *corrections: str, estimated: str = "0") -> Books:
    entries = [Correction(START + timedelta(hours=5), "reset", Decimal(amount)) for amount in corrections]
    registers = [None if value is None else Decimal(value) for value in (opening, closing)]
    moved = (registers[1] or 0) - (registers[0] or 0) + sum((one.amount for one in entries), Decimal(0))
    used = Decimal(consumption)
    return Books(
        START, START + timedelta(days=1), *registers, entries, used, Decimal(estimated), opening is None or moved == used
    )


REACH = Reach(START - timedelta(days=30), START + timedelta(days=30))


def test_a_statement_shows_as_many_decimals_as_it_takes() -> None:
    text = statement(page_of("10.25", "3", "2.750001", "10.000001"), REACH)
    for figure in ("10.250000", "3.000000", "−7.250000", "+10.000001", "2.750001", "Balanced"):
        assert figure in text, figure
    assert "10,250000" in statement(page_of("10.25", "3", "2.750001", "10.000001"), REACH, "pt-BR")
    assert "Fecha" in statement(page_of("10", "12", "2"), REACH, "pt-BR")


def test_books_that_do_not_balance_say_by_how_much() -> None:
    text = statement(page_of("10", "15", "3"), REACH)
    assert "Not balanced: 2 kWh apart" in text
    assert "looks again by itself" in text


def test_books_without_registers_say_why() -> None:
    assert "sends amounts" in statement(page_of(None, None, "3"), REACH)
    assert "No reading reaches into this period" in statement(page_of("10", "10", "0"), None)
    later = Reach(START + timedelta(days=3), START + timedelta(days=4))
    assert "No reading reaches into this period" in statement(page_of("10", "10", "0"), later)


def test_books_on_closed_ground_show_what_was_booked(editor: FlaskClient, queue: Queue) -> None:
    device = queue.device(quarters(range(100, 200, 5), minutes=60), "Archive", interval=3600)
    bar = {"from": "2026-03-02T03:00:00+00:00", "to": "2026-03-03T03:00:00+00:00", "step": "day"}
    whole = opened(editor, "device", bar, device_id=device)
    assert "95" in whole
    assert "Balanced" in whole
    with queue.database.owner.transaction() as connection:  # as retention does
        connection.exec_driver_sql(f"DELETE FROM tds.reading WHERE device_id = {device} AND time < '2026-03-02 10:00Z'")
    closed = opened(editor, "device", bar, device_id=device)
    assert "gone with retention" in closed
    assert "95" in closed
    assert "alanced" not in closed
    several = opened(editor, "consumption", bar, consumption_resource="electricity")
    assert "Archive" in several
    assert editor.get(f"/api/v1/books?device={device}&from=2026-03-02&to=2026-03-03").status_code == 400
    assert exact(editor.get(f"/api/v1/books?device={device}&from=2026-03-02T12:00:00Z&to=2026-03-03"))["balanced"] is True


def test_a_reading_that_is_not_booked_yet_is_not_in_the_books(editor: FlaskClient, queue: Queue) -> None:
    device = queue.device(quarters([100, 105, 110]))
    put(queue.database, device, quarters([117], START + timedelta(minutes=45)))
    query = f"/api/v1/books?device={device}&from=2026-03-02&to=2026-03-03"
    before = exact(editor.get(query))
    assert (before["closing"], before["consumption"], before["balanced"]) == (110, 10, True)
    queue.drain()
    after = exact(editor.get(query))
    assert (after["closing"], after["consumption"], after["balanced"]) == (117, 17, True)
    fresh = queue.device([])
    assert exact(editor.get(f"/api/v1/books?device={fresh}"))["opening"] is None


def test_a_small_share_is_not_said_to_be_nothing() -> None:
    assert "< 0.1 %" in statement(page_of("0", "10000", "10000", estimated="1"), REACH)


def recent(hours_ago: int) -> datetime:
    """Give a whole hour so long ago."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)


def test_what_late_readings_changed_is_marked(editor: FlaskClient, queue: Queue) -> None:
    start = recent(30)
    device = queue.device([(start + timedelta(hours=n), n * 10) for n in range(30)], "Late", interval=3600)
    other = queue.device([(start + timedelta(hours=n), n * 10) for n in range(30)], "Timely", interval=3600)
    given = {"consumption_resource": "electricity", "consumption_period": "week", "consumption_step": "hour"}

    def marks(of: int) -> list[Any]:
        found = answer(call(editor, "consumption-chart.figure", consumption_devices=[of], **given))
        opened = {"consumption_chart_open": 1, "consumption_drawn": found["consumption-drawn"]["data"]}
        shown = answer(call(editor, "consumption-chart-table.children", consumption_devices=[of], **given, **opened))
        figure, table = found["consumption-chart"]["figure"], shown["consumption-chart-table"]["children"]
        traces = [trace for trace in figure["data"] if trace["type"] == "scatter"]
        assert ("Revised" in json.dumps(table)) is bool(traces)
        assert any("Revised on" in words for words in figure["data"][-1]["text"]) is bool(traces)
        return traces

    assert marks(device) == []
    put(queue.database, device, [(start + timedelta(hours=10, minutes=30), 101)])
    queue.drain()
    (found,) = marks(device)
    middle = (start + timedelta(hours=10, minutes=30)).astimezone(ZONE)
    assert found["x"] == [f"{middle:%Y-%m-%d %H:%M:%S}"]
    assert found["y"] == [10.0]
    assert found["hoverinfo"] == "skip"
    assert marks(other) == []
    history = answer(call(editor, "device-history.figure", device_id=device, device_period="week", device_step="hour"))
    assert [trace["type"] for trace in history["device-history"]["figure"]["data"]].count("scatter") == 1
    assert history["device-drawn"]["data"]["step"] == "hour"
    overview = answer(call(editor, "overview-electricity.figure"))
    assert [trace["type"] for trace in overview["overview-electricity"]["figure"]["data"]].count("scatter") >= 1
    assert "Revised" in json.dumps(overview["overview-electricity-table"]["children"])


def test_an_old_revision_is_no_longer_marked(editor: FlaskClient, queue: Queue) -> None:
    start = recent(30)
    device = queue.device([(start + timedelta(hours=n), n * 10) for n in range(30)], "Old", interval=3600)
    put(queue.database, device, [(start + timedelta(hours=10, minutes=30), 101)])
    queue.drain()
    with queue.database.owner.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE tds.revised SET revised_at = now() - interval '31 days' WHERE device_id = {device}")
    drawn = answer(call(editor, "device-history.figure", device_id=device, device_period="week", device_step="hour"))
    assert "scatter" not in [trace["type"] for trace in drawn["device-history"]["figure"]["data"]]


def test_quarters_begin_at_local_midnight() -> None:
    assert quarters([1])[0][0].astimezone(ZONE).isoformat() == "2026-03-02T00:00:00-03:00"
