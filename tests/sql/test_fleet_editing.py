"""Keeping the register in order as the pages do: by the web login, for a person, with nothing of another account in reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sql import fleet, fleet_editing, ledger, people
from sql.device_rules import DeviceSettings
from sql.errors import NotFound, Outdated, Refused
from sql.fleet_editing import Weight
from sql.queries.fleet import Sought, devices_page, gateways_page, in_state
from tests.conftest import PASSWORD, Database
from tests.sql.plant import at, buckets, feed, mac, meter, number, series, sound
from tests.sql.test_compressed import compress

D = Decimal
METER = DeviceSettings("counter", "electricity", "kWh", "Press", max_rate=D(1000), resolution=D("0.001"))


class Crew(NamedTuple):
    """An account with people by role, two gateways and one meter with readings."""

    database: Database
    account: int
    editor: int
    admin: int
    viewer: int
    first: int
    second: int
    device: int
    mac: str

    @contextmanager
    def acting(self, user: int | None = None) -> Iterator[Connection]:
        """Act as somebody of the account; the editor unless another is named."""
        with self.database.web.transaction(account_id=self.account, user_id=user or self.editor) as connection:
            yield connection


@pytest.fixture
def crew(bench: Database) -> Crew:
    """Build an account of its own."""
    return build(bench)


def build(bench: Database) -> Crew:
    device = meter(bench, max_rate=D(1000))
    second = mac()
    with bench.owner.transaction() as connection:
        users = [
            people.add_user(connection, f"{role}{number()}@example.com", device.account, role, PASSWORD)
            for role in ("editor", "admin", "viewer")
        ]
        other = fleet.add_gateway(connection, second, device.account, "Second", capacity=1)
        first = connection.execute(text("SELECT gateway_id FROM tds.device WHERE id = :d"), {"d": device.id}).scalar_one()
    feed(bench, device, series("2026-01-05T00:00", 15, range(0, 400, 2)))
    return Crew(bench, device.account_id, *users, first, other, device.id, second)


def test_an_edit_counts_versions_says_who_and_recomputes(crew: Crew) -> None:
    with crew.acting() as connection:
        before = fleet_editing.device_state(connection, crew.device, hold=True)
        after = fleet_editing.change_device(connection, before, before.settings._replace(name="Oven", max_rate=D(1)), True)
    assert (after.version, after.settings.name) == (before.version + 1, "Oven")
    assert (after.changed_by or "").startswith("editor")
    assert dirty(crew) == {crew.device}
    with crew.acting() as connection:
        again = fleet_editing.device_state(connection, crew.device, hold=True)
        same = fleet_editing.change_device(connection, again, again.settings, True)
        assert same.version == again.version
    with pytest.raises(Outdated), crew.acting() as connection:
        fleet_editing.device_state(connection, crew.device, before.version, hold=True)
    with crew.acting() as connection:
        renamed = fleet_editing.change_device(connection, same, same.settings._replace(name="Kiln"), False)
    assert (renamed.active, renamed.version) == (False, same.version + 2)


def dirty(crew: Crew) -> set[int]:
    with crew.database.owner.transaction() as connection:
        found = set(connection.execute(text("SELECT device_id FROM tds.dirty")).scalars())
    ledger.drain(crew.database.owner)
    return found


def test_readings_keep_their_unit_and_a_register_stays_below_its_modulus(crew: Crew) -> None:
    with crew.acting() as connection:
        before = fleet_editing.device_state(connection, crew.device, hold=True)
        for given, key in (({"unit": "MWh"}, "unit_kept"), ({"modulus": D(398)}, "modulus_passed")):
            with pytest.raises(Refused) as refused:
                fleet_editing.change_device(connection, before, before.settings._replace(**given), True)
            assert refused.value.key == key
    with pytest.raises(DBAPIError, match="unit cannot change"), crew.acting() as connection:
        connection.execute(text("UPDATE tds.device SET unit = 'MWh' WHERE id = :d"), {"d": crew.device})


def test_a_moved_device_keeps_its_number_its_readings_and_its_figures(crew: Crew) -> None:
    books = ledger_rows(crew)
    with crew.acting() as connection:
        before = fleet_editing.device_state(connection, crew.device, hold=True)
        moved = fleet_editing.move_device(connection, before, crew.second, "X9")
    assert (moved.id, moved.gateway_id, moved.code, moved.version) == (crew.device, crew.second, "X9", before.version + 1)
    assert ledger_rows(crew) == books
    assert len(books) > 40


def ledger_rows(crew: Crew) -> list[object]:
    with crew.database.owner.transaction() as connection:
        query = text("SELECT middle, quantity, covered, readings FROM tds.ledger WHERE device_id = :d ORDER BY middle")
        return [tuple(row) for row in connection.execute(query, {"d": crew.device})]


def test_a_device_moves_only_where_its_code_is_free_and_there_is_room(crew: Crew) -> None:
    with crew.acting() as connection:
        before = fleet_editing.device_state(connection, crew.device, hold=True)
        with pytest.raises(Refused) as same:
            fleet_editing.move_device(connection, before, crew.first, "D01")
        fleet_editing.add_device(connection, crew.second, "D01", METER)
        with pytest.raises(Refused) as taken:
            fleet_editing.move_device(connection, before, crew.second, "D01")
        with pytest.raises(Refused) as full:
            fleet_editing.move_device(connection, before, crew.second, "D02")
        fleet_editing.retire_gateway(connection, fleet_editing.gateway_state(connection, crew.second, hold=True))
        with pytest.raises(Refused) as retired:
            fleet_editing.move_device(connection, before, crew.second, "D02")
    assert [one.value.key for one in (same, taken, full, retired)] == [
        "there_already",
        "device_exists",
        "gateway_full",
        "gateway_out_of_use",
    ]


def test_what_was_refused_at_the_new_gateway_is_tried_again(crew: Crew) -> None:
    with crew.database.owner.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO tds.rejection (received_at, account_id, gateway_id, mac, device_code, reason, topic, payload, digest)"
                " VALUES (now(), :a, :g, :m, 'D01', 'unknown_device', 't', 'x', sha256(convert_to(:m, 'UTF8')))"
            ),
            {"a": crew.account, "g": crew.second, "m": crew.mac},
        )
    with crew.acting() as connection:
        before = fleet_editing.device_state(connection, crew.device, hold=True)
        fleet_editing.move_device(connection, before, crew.second, "D01")
        asked = connection.execute(text("SELECT gateway_id, device_code FROM tds.replay WHERE finished_at IS NULL")).all()
    assert [tuple(row) for row in asked] == [(crew.second, "D01")]


def test_retired_and_back(crew: Crew) -> None:
    with crew.acting() as connection:
        before = fleet_editing.device_state(connection, crew.device, hold=True)
        fleet_editing.retire_device(connection, before)
        with pytest.raises(NotFound):
            fleet.find_device(connection, before.mac, "D01")
        successor = fleet_editing.add_device(connection, crew.first, "D01", METER)
        with pytest.raises(Refused) as taken:
            fleet_editing.retire_device(connection, before, retired=False)
        fleet_editing.retire_device(connection, successor)
        fleet_editing.retire_device(connection, before, retired=False)
        assert fleet.find_device(connection, before.mac, "D01") == crew.device
    assert taken.value.key == "device_exists"


def test_gateways_are_added_named_and_given_room(crew: Crew) -> None:
    address = mac()
    with crew.acting() as connection:
        made = fleet_editing.add_gateway(connection, crew.account, address.upper(), "", 8)
        assert (made.mac, made.name, made.version) == (address, address, 1)
        changed = fleet_editing.change_gateway(connection, made, "Roof", 2)
        assert (changed.name, changed.capacity, changed.version) == ("Roof", 2, 2)
        with pytest.raises(Refused) as taken:
            fleet_editing.add_gateway(connection, crew.account, address, "Again", 8)
        for code in ("A", "B"):
            fleet_editing.add_device(connection, made.id, code, METER)
        with pytest.raises(Refused) as used:
            fleet_editing.change_gateway(connection, fleet_editing.gateway_state(connection, made.id), "Roof", 1)
        with pytest.raises(Refused) as size:
            fleet_editing.change_gateway(connection, changed, "Roof", 33)
    assert [one.value.key for one in (taken, used, size)] == ["mac_taken", "capacity_used", "capacity"]


def test_a_mac_of_another_account_is_taken(crew: Crew, bench: Database) -> None:
    other = build(bench)
    with pytest.raises(Refused) as taken, crew.acting() as connection:
        fleet_editing.add_gateway(connection, crew.account, other.mac, "Mine now", 8)
    assert taken.value.key == "mac_taken"


def test_it_says_what_would_go_and_deletes_just_that(crew: Crew, bench: Database) -> None:
    other = build(bench)
    ledger.drain(bench.owner)
    before = ledger_rows(other)
    if bench.engine == "timescaledb":
        compress(bench)
    with crew.acting(crew.admin) as connection:
        weight = fleet_editing.weight_of(connection, [crew.device])
        state = fleet_editing.device_state(connection, crew.device, hold=True)
        fleet_editing.delete_device(connection, state)
    assert weight == Weight(200, at("2026-01-05T00:00"), 1, 0, 0, 1)
    assert left_of(crew) == [0, 0, 0, 0, 0, 0]
    assert ledger_rows(other) == before
    ledger.drain(bench.owner)
    assert ledger.verify(bench.owner) == []


def left_of(crew: Crew) -> list[int]:
    tables = ("reading", "ledger", "device_seen", "dirty", "ledger_state", "consumption_hour")
    with crew.database.owner.transaction() as connection:
        return [
            connection.execute(text(f"SELECT count(*) FROM tds.{table} WHERE device_id = :d"), {"d": crew.device}).scalar_one()
            for table in tables
        ]


def test_who_may_delete(crew: Crew) -> None:
    with crew.acting() as connection:
        fresh = fleet_editing.add_device(connection, crew.first, "N1", METER)
        assert fleet_editing.weight_of(connection, [fresh.id]).nothing
        fleet_editing.delete_device(connection, fresh)
        with pytest.raises(NotFound):
            fleet_editing.device_state(connection, fresh.id)
    with pytest.raises(DBAPIError, match="another role"), crew.acting() as connection:
        fleet_editing.delete_device(connection, fleet_editing.device_state(connection, crew.device, hold=True))
    with pytest.raises(DBAPIError, match="another role"), crew.acting() as connection:
        fleet_editing.delete_gateway(connection, fleet_editing.gateway_state(connection, crew.first, hold=True))
    with crew.acting(crew.admin) as connection:
        fleet_editing.delete_gateway(connection, fleet_editing.gateway_state(connection, crew.first, hold=True))
    assert left_of(crew) == [0, 0, 0, 0, 0, 0]


def test_a_gateway_that_a_broker_would_let_in_is_not_deleted(crew: Crew) -> None:
    with crew.database.owner.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
                " VALUES (:m, 'gateway', :m, :m, now(), now() + interval '1 day')"
            ),
            {"m": crew.mac},
        )
    with crew.acting(crew.admin) as connection, pytest.raises(Refused) as refused:
        fleet_editing.delete_gateway(connection, fleet_editing.gateway_state(connection, crew.second, hold=True))
    assert refused.value.key == "gateway_certified"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, max_rate) VALUES (:account, :gateway, 'Z', 'z', 'gauge', 'other', 'x', 1)",
        "INSERT INTO tds.gateway (account_id, mac, name) VALUES (:account, '02:ff:ff:ff:ff:ff', 'z')",
        "INSERT INTO tds.fleet_import (account_id, name, gateways, devices, created_by) VALUES (:account, 'z', 0, 0, 'z')",
        "SELECT web.delete_devices(ARRAY[:device])",
        "SELECT web.delete_gateway(:gateway)",
    ],
)
def test_a_viewer_and_a_stranger_write_nothing(crew: Crew, bench: Database, statement: str) -> None:
    stranger = build(bench)
    binds = {"account": crew.account, "gateway": crew.first, "device": crew.device}
    for whose, user in ((crew, crew.viewer), (stranger, stranger.editor)):
        refused = pytest.raises(DBAPIError, match=r"row-level security|another role")
        with refused if whose is crew or "INSERT" in statement else nullcontext(), whose.acting(user) as connection:
            connection.execute(text(statement), binds)
    assert left_of(crew)[0] == 200
    for one in (crew.viewer, None):
        changes = ("UPDATE tds.device SET name = 'x'", "UPDATE tds.gateway SET name = 'x'")
        with bench.web.transaction(account_id=crew.account, user_id=one) as connection:
            assert [connection.execute(text(change)).rowcount for change in changes] == [0, 0]


@pytest.mark.parametrize("column", ["account_id = 1", "created_at = now()", "version = 9", "import_id = 1"])
def test_what_no_page_changes_no_page_may(crew: Crew, column: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), crew.acting(crew.admin) as connection:
        connection.execute(text(f"UPDATE tds.device SET {column}"))


def test_a_strangers_device_moves_nowhere(crew: Crew, bench: Database) -> None:
    stranger = build(bench)
    with crew.acting() as connection:
        for read in (fleet_editing.device_state, fleet_editing.gateway_state):
            with pytest.raises(NotFound):
                read(connection, stranger.device if read is fleet_editing.device_state else stranger.first, hold=True)
        with pytest.raises(NotFound):
            fleet_editing.move_device(connection, fleet_editing.device_state(connection, crew.device), stranger.second, "D01")


def test_pages_are_searched_filtered_counted_and_cut_by_the_database(crew: Crew) -> None:
    now = datetime.now(UTC)
    with crew.acting() as connection:
        for code, name in (("A1", "Ärmel"), ("A2", "100 % wool"), ("A3", "Boiler")):
            fleet_editing.add_device(connection, crew.first, code, METER._replace(name=name, resource="gas"))
        retired = fleet_editing.add_device(connection, crew.first, "A4", METER._replace(name="Old"))
        fleet_editing.retire_device(connection, retired)
        page = devices_page(connection, Sought(), now, 2, 1)
        assert len(page.lines) == 2
        assert (in_state(page.counts, ""), in_state(page.counts, "retired"), in_state(page.counts, "attention")) == (4, 1, 4)
        assert [line.name for line in devices_page(connection, Sought("0 %"), now, 9).lines] == ["100 % wool"]
        assert [line.code for line in devices_page(connection, Sought(resource="gas", sort="gateway"), now, 9).lines] == [
            "A1",
            "A2",
            "A3",
        ]
        assert [line.name for line in devices_page(connection, Sought(state="retired"), now, 9).lines] == ["Old"]
        assert devices_page(connection, Sought(gateway=crew.second), now, 9).lines == []
        assert devices_page(connection, Sought(), now, 9, 99).lines == []
        for sort in ("attention", "last"):
            assert len(devices_page(connection, Sought(sort=sort), now, 9).lines) == 4
        found = gateways_page(connection, Sought("second"), now, 9)
        assert [(line.name, line.devices, line.state) for line in found.lines] == [("Second", 0, "never")]
        for sort in ("attention", "last", "full"):
            assert len(gateways_page(connection, Sought(sort=sort), now, 9).lines) == 2
        assert gateways_page(connection, Sought(state="retired"), now, 9).lines == []


def test_days_of_a_device_that_stays_are_still_there_after_another_was_deleted(crew: Crew, bench: Database) -> None:
    other = meter(bench, "UTC", max_rate=D(1000))
    feed(bench, other, series("2026-01-05T00:00", 15, range(200)))
    before = buckets(bench, other, "day", "2026-01-05", "2026-01-07")
    with crew.acting(crew.admin) as connection:
        fleet_editing.delete_device(connection, fleet_editing.device_state(connection, crew.device, hold=True))
    feed(bench, other, series("2026-01-07T02:00", 15, range(200, 260)))
    after = buckets(bench, other, "day", "2026-01-05", "2026-01-07")
    assert next(iter(after.values())) == next(iter(before.values()))
    sound(bench, other)


def test_the_list_judges_as_the_one_definition_does(crew: Crew) -> None:
    """The list goes over a fleet in one pass; each device does there as `tds.device_state` says."""
    with crew.database.owner.transaction() as connection:
        connection.execute(text("INSERT INTO tds.gateway_seen SELECT id, now(), true FROM tds.gateway WHERE id IN (:a, :b) ON CONFLICT DO NOTHING"),
                           {"a": crew.first, "b": crew.second})  # fmt: skip
        connection.execute(text("UPDATE tds.gateway SET capacity = 32 WHERE id IN (:a, :b)"), {"a": crew.first, "b": crew.second})
        made = connection.execute(
            text("INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, max_rate, interval_seconds, active, stuck_hours)"
                 " SELECT :account, CASE k % 2 WHEN 0 THEN :a ELSE :b END, 'K' || k, 'K' || k, CASE k % 3 WHEN 0 THEN 'gauge' ELSE 'counter' END, 'gas',"
                 " 'm³', 1, 900 * (1 + k % 4), k % 7 > 0, CASE k % 5 WHEN 0 THEN 0 WHEN 1 THEN 2 END FROM generate_series(1, 30) k RETURNING id"),
            {"account": crew.account, "a": crew.first, "b": crew.second},
        ).scalars().all()  # fmt: skip
        connection.execute(
            text("INSERT INTO tds.device_seen (device_id, time, value, received_at, moved_at)"
                 " SELECT id, now() - (k % 9) * interval '20 minutes', 1, now() - (k % 5) * interval '25 minutes', now() - (k % 6) * interval '10 hours'"
                 " FROM unnest(cast(:ids AS integer[])) WITH ORDINALITY AS d (id, k) WHERE k % 8 > 0"), {"ids": made},
        )  # fmt: skip
        connection.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = :i"), {"i": made[3]})
    now, states = datetime.now(UTC), set[str]()
    for online in (True, False):
        with crew.database.owner.transaction() as connection:
            connection.execute(
                text("UPDATE tds.gateway_seen SET online = :on WHERE gateway_id = :b"), {"on": online, "b": crew.second}
            )
        with crew.acting() as connection:
            listed = {one.id: (one.state, one.since) for one in devices_page(connection, Sought(), now, 100).lines}
            judged = connection.execute(text("SELECT device_id, state, since FROM tds.device_state(:now)"), {"now": now})
            assert listed == {row.device_id: (row.state, row.since) for row in judged}
        states |= {state for state, _ in listed.values()}
    assert {"reporting", "late", "silent", "stuck", "offline", "never", "inactive"} <= states
