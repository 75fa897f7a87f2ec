"""The register: accounts, gateways, devices; every limit and every refusal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from sql import fleet
from sql.errors import NotFound, Refused
from tests.conftest import Database
from tests.sql.plant import account, event_id, feed, json_of, mac, meter, number, refused, series, tds

D = Decimal
COUNTER = {"kind": "counter", "resource": "electricity", "unit": "kWh"}


def gateway(database: Database, **given: Any) -> tuple[str, str]:
    name, _ = account(database)
    address = mac()
    with database.owner.transaction() as connection:
        fleet.add_gateway(connection, address, name, **given)
    return name, address


def added(database: Database, address: str, code: str = "D01", **given: Any) -> dict[str, Any]:
    """Add a device; gives its row."""
    with database.owner.transaction() as connection:
        number_of = fleet.add_device(connection, address, code, **(COUNTER | given))
        return dict(connection.execute(text("SELECT * FROM tds.device WHERE id = :id"), {"id": number_of}).one()._mapping)


@pytest.mark.parametrize(
    "given", ["AA:BB:CC:DD:EE:0F", "aa-bb-cc-dd-ee-0f", "aabb.ccdd.ee0f", "AABBCCDDEE0F", "  aa:bb:cc:dd:ee:0f "]
)
def test_a_mac_is_known_under_its_spellings(given: str) -> None:
    assert fleet.normalize_mac(given) == "aa:bb:cc:dd:ee:0f"


@pytest.mark.parametrize(
    "given", ["", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00", "gg:bb:cc:dd:ee:ff", "aa:bb-cc:dd-ee:ff", "a:b:c:d:e:f", "aabbccddeeff00", "٠a:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff\n#"]
)  # fmt: skip
def test_what_is_no_mac_is_refused(given: str) -> None:
    with pytest.raises(Refused, match="is not a MAC address"):
        fleet.normalize_mac(given)


def test_a_message_shows_nothing_that_a_terminal_obeys() -> None:
    with pytest.raises(Refused) as caught:
        fleet.normalize_mac("\x1b[2J" + "x" * 500)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 150


def test_two_accounts_have_two_names(bench: Database) -> None:
    name, _ = account(bench)
    assert refused(tds(bench, "account", "add", name)) == f"there is already an account named {name}"
    assert "1 to 200 printable characters" in refused(tds(bench, "account", "add", " "))
    assert "1 to 200 printable characters" in refused(tds(bench, "account", "add", "x" * 201))
    assert "1 to 200 printable characters" in refused(tds(bench, "account", "add", "line\nbreak"))
    assert "is not a currency" in refused(tds(bench, "account", "add", "Money", "--currency", "real"))
    assert tds(bench, "account", "add", "Bad", "--locale", "fr").code == 2


def test_accounts_are_listed_with_their_zone(bench: Database) -> None:
    name = f"Água & Cia. {number()}"
    assert tds(bench, "account", "add", name, "--timezone", "America/Manaus", "--locale", "en", "--currency", "USD").code == 0
    (found,) = [row for row in json_of(tds(bench, "account", "list", "--json")) if row["name"] == name]
    assert (found["timezone"], found["locale"], found["currency"]) == ("America/Manaus", "en", "USD")
    assert name in tds(bench, "account", "list").out


def test_a_gateway_is_registered_once_however_it_is_spelled(bench: Database) -> None:
    name, address = gateway(bench)
    other, _ = account(bench)
    for owner in (name, other):
        said = refused(tds(bench, "gateway", "add", address.upper().replace(":", "-"), "--account", owner))
        assert said == f"the gateway {address} is registered already"
    assert "no account named 'Nobody'" in refused(tds(bench, "gateway", "add", mac(), "--account", "Nobody"))


@pytest.mark.parametrize("capacity", ["0", "33", "-1", "100000000000000000000"])
def test_a_capacity_beyond_the_limits_is_refused(bench: Database, capacity: str) -> None:
    name, _ = account(bench)
    assert "between 1 and 32" in refused(tds(bench, "gateway", "add", mac(), "--account", name, "--capacity", capacity))


def test_a_full_gateway_takes_no_more(bench: Database) -> None:
    _, address = gateway(bench, capacity=2)
    added(bench, address, "D01")
    added(bench, address, "D02")
    with pytest.raises(Refused, match="is full: its capacity is 2 devices"):
        added(bench, address, "D03")
    with bench.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.device SET retired_at = now() WHERE code = 'D02' AND gateway_id = (SELECT id FROM tds.gateway WHERE mac = :m)"), {"m": address})  # fmt: skip
    added(bench, address, "D02")


def test_eight_devices_by_default(bench: Database) -> None:
    _, address = gateway(bench)
    for i in range(8):
        added(bench, address, f"D{i}")
    with pytest.raises(Refused, match="is full"):
        added(bench, address, "D8")


def test_a_device_code_is_taken_once(bench: Database) -> None:
    _, address = gateway(bench)
    added(bench, address)
    with pytest.raises(Refused, match="has a device D01 already"):
        added(bench, address)
    added(bench, address, "d01")  # another code: gateways spell theirs exactly
    with pytest.raises(NotFound, match="there is no gateway"):
        added(bench, mac())


@pytest.mark.parametrize("code", ["", " ", "a/b", " D01", "D01 ", "x" * 65, "a\nb", "a\0b", "\x7f"])
def test_what_is_no_device_code_is_refused(bench: Database, code: str) -> None:
    _, address = gateway(bench)
    with pytest.raises(Refused, match="is not a device code"):
        added(bench, address, code)


@pytest.mark.parametrize("code", ["D", "x" * 64, "Medidor 1", "água", "a,b", 'a"b', "D-01.A_b"])
def test_codes_that_gateways_use_are_taken(bench: Database, code: str) -> None:
    _, address = gateway(bench)
    assert added(bench, address, code)["code"] == code


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "clock"}, "the kind must be"),
        ({"resource": "steam"}, "the resource must be"),
        ({"unit": ""}, "is not a unit"),
        ({"unit": " "}, "is not a unit"),
        ({"unit": "x" * 17}, "is not a unit"),
        ({"unit": "k\nW"}, "is not a unit"),
        ({"interval": 0}, "the interval is between"),
        ({"interval": -900}, "the interval is between"),
        ({"interval": 31_622_401}, "the interval is between"),
        ({"interval": 10**30}, "the interval is between"),
        ({"max_rate": D(0)}, "largest rate must be greater than 0"),
        ({"max_rate": D(-1)}, "largest rate"),
        ({"max_rate": D("NaN")}, "largest rate"),
        ({"max_rate": D("Infinity")}, "largest rate"),
        ({"max_rate": D("1e15")}, "largest rate"),
        ({"resolution": D(-1)}, "resolution must be at least 0"),
        ({"resolution": D("1e15")}, "resolution"),
        ({"jitter": D("-0.1")}, "jitter"),
        ({"jitter": D("1e15")}, "jitter"),
        ({"modulus": D(0)}, "modulus must be greater than 0"),
        ({"modulus": D("1e16")}, "modulus"),
        ({"name": "x" * 201}, "a device's name"),
        ({"name": "a\nb"}, "a device's name"),
    ],
)
def test_what_no_device_can_have_is_refused(bench: Database, given: dict[str, Any], says: str) -> None:
    _, address = gateway(bench)
    with pytest.raises(Refused, match=says):
        added(bench, address, **given)
    device = meter(bench)
    if "kind" not in given or given["kind"] == "clock":
        with pytest.raises(Refused, match=says), bench.owner.transaction() as connection:
            fleet.set_device(connection, device.mac, device.code, **given)


@pytest.mark.parametrize(
    ("resource", "rate"), [("electricity", 1000), ("water", 100), ("gas", 100), ("temperature", 1000), ("other", 1000)]
)
def test_the_largest_rate_defaults_by_resource(bench: Database, resource: str, rate: int) -> None:
    _, address = gateway(bench)
    row = added(bench, address, resource=resource)
    assert (row["max_rate"], row["resolution"], row["jitter"], row["modulus"], row["interval_seconds"]) == (
        rate,
        1,
        None,
        None,
        900,
    )


def test_a_unit_is_kept_in_its_one_spelling(bench: Database) -> None:
    _, address = gateway(bench)
    assert added(bench, address, unit="kwh")["unit"] == "kWh"
    assert added(bench, address, "D02", unit="m3", resource="water")["unit"] == "m³"


def test_a_modulus_smaller_than_the_last_reading_is_refused(bench: Database) -> None:
    device = meter(bench)
    feed(bench, device, series("2026-01-01T00:00", 15, [9990, 9991]))
    for modulus in ("9991", "5000"):
        said = refused(tds(bench, "device", "set", device.mac, "D01", "--modulus", modulus))
        assert said == f"the modulus {modulus} is smaller than the last reading 9991: a register stays below its modulus"
    assert tds(bench, "device", "set", device.mac, "D01", "--modulus", "10000").code == 0


def test_a_wild_last_reading_is_in_the_way_of_no_other_setting_and_once_ignored_of_no_modulus(bench: Database) -> None:
    device = meter(bench, modulus=D(10_000))
    feed(bench, device, series("2026-01-01T00:00", 15, [9990, 9991, 65_535]))
    assert tds(bench, "device", "set", device.mac, "D01", "--name", "Main").err == ""
    assert "smaller than the last reading 65535" in refused(tds(bench, "device", "set", device.mac, "D01", "--modulus", "20000"))
    assert tds(bench, "event", "ignore", event_id(bench, device, "unresolved")).err == ""
    assert tds(bench, "device", "set", device.mac, "D01", "--modulus", "20000").err == ""


def test_the_unit_of_a_device_with_readings_stays(bench: Database) -> None:
    device = meter(bench)
    assert tds(bench, "device", "set", device.mac, "D01", "--unit", "MWh").code == 0
    assert tds(bench, "device", "set", device.mac, "D01", "--unit", "kWh").code == 0
    feed(bench, device, series("2026-01-01T00:00", 15, [1]))
    assert "its unit cannot change" in refused(tds(bench, "device", "set", device.mac, "D01", "--unit", "MWh"))
    assert tds(bench, "device", "set", device.mac, "D01", "--unit", "KWH").code == 0


def test_only_what_figures_go_by_asks_for_a_recomputation(bench: Database) -> None:
    device = meter(bench)

    def waiting() -> int:
        with bench.owner.transaction() as connection:
            return int(
                connection.execute(text("SELECT count(*) FROM tds.dirty WHERE device_id = :d"), {"d": device.id}).scalar_one()
            )

    for given in (("--name", "Main"), ("--resource", "other"), ("--max-rate", "100"), ("--interval", "900")):
        assert tds(bench, "device", "set", device.mac, "D01", *given).code == 0
        assert waiting() == 0
    for count, given in enumerate(
        (("--max-rate", "50"), ("--jitter", "2"), ("--interval", "60"), ("--resolution", "1"), ("--kind", "gauge")), 1
    ):
        assert tds(bench, "device", "set", device.mac, "D01", *given).code == 0
        assert waiting() == count
    assert "nothing to change" in refused(tds(bench, "device", "set", device.mac, "D01"))
    assert "has no device 'D99'" in refused(tds(bench, "device", "set", device.mac, "D99", "--name", "x"))


def test_a_retired_gateway_and_device_give_their_names_back(bench: Database) -> None:
    device = meter(bench)
    other, _ = account(bench)
    with bench.owner.transaction() as connection:
        connection.execute(text("UPDATE tds.gateway SET retired_at = now() WHERE mac = :m"), {"m": device.mac})
    with pytest.raises(NotFound), bench.owner.transaction() as connection:
        fleet.find_device(connection, device.mac, "D01")
    with pytest.raises(NotFound):
        added(bench, device.mac, "D02")
    assert tds(bench, "gateway", "add", device.mac, "--account", other).code == 0
    assert added(bench, device.mac)["id"] != device.id


def test_gateways_are_listed_with_their_devices(bench: Database) -> None:
    device = meter(bench)
    (row,) = [row for row in json_of(tds(bench, "gateway", "list", "--json")) if row["mac"] == device.mac]
    assert (row["account"], row["devices"], row["capacity"], row["last_seen_at"]) == (device.account, 1, 8, None)


@pytest.mark.parametrize("value", ["ten", "NaN", "Infinity", "1_000", ""])
def test_an_option_that_is_no_number_is_wrong_usage(bench: Database, value: str) -> None:
    assert tds(bench, "device", "set", mac(), "D01", "--max-rate", value).code == 2
    assert tds(bench, "device", "add", mac(), "D01", "--kind", "clock", "--resource", "gas", "--unit", "m³").code == 2
    assert tds(bench, "device", "add", mac(), "D01").code == 2
