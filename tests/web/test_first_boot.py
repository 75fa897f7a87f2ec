"""First boot in the pages, by role and account: who may look, take and refuse, and what is shown of a gateway's own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import claims, registrations
from tests.web.dash import answer, call
from tests.web.world import World

SignIn = Callable[[str], FlaskClient]
EVIL = "<img src=x onerror=alert(1)>"
numbers = count(1)


@pytest.fixture
def mac(world: World) -> Iterator[str]:
    """Have a gateway wait; its words are hostile."""
    made = f"02:00:00:00:fb:{next(numbers):02x}"
    hear(world, made)
    yield made
    with world.database.owner.transaction() as conn:
        for table in ("registration", "registration_miss"):
            conn.execute(text(f"DELETE FROM tds.{table}"))
        conn.execute(text("DELETE FROM tds.gateway WHERE mac LIKE '02:00:00:00:fb:%'"))


def hear(world: World, mac: str, key: str = "a" * 64, serial: str = "S-1", **more: str) -> None:
    told = {"model": EVIL, "firmware": "=1+1", "request": "PEM"} | more
    with world.database.owner.transaction() as conn:
        registrations.hear(conn, mac=mac, key=key, serial_number=serial, **told)


def certify(world: World, mac: str) -> None:
    with world.database.owner.transaction() as conn:
        conn.execute(
            text("INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
                 " VALUES (:m, 'gateway', :m, 'f', now(), now() + interval '1 year')"),
            {"m": mac},
        )  # fmt: skip


def look(client: FlaskClient, mac: object, serial: object = "S-1") -> Any:
    return call(client, "first-boot-found.children", first_boot_look=1, first_boot_mac=mac, first_boot_serial=serial)


def decide(client: FlaskClient, what: object, mac: object, serial: object = "S-1", **more: object) -> Any:
    typed = {
        "first_boot_save": 1,
        "first_boot_what": what,
        "first_boot_mac": mac,
        "first_boot_serial": serial,
        "first_boot_capacity": 8,
    } | more
    return call(client, "first-boot-told.children", **typed)


def listed(client: FlaskClient) -> str:
    return str(answer(call(client, "first-boot-list.children")))


def said(response: Any) -> str:
    return str(answer(response))


def test_an_administrator_looks_takes_and_follows(admin: FlaskClient, world: World, mac: str) -> None:
    found = said(look(admin, mac.upper().replace(":", "-"), " s-1 "))
    assert EVIL in found
    assert "a" * 16 in found
    assert mac not in listed(admin), "looking takes nothing"
    assert "is taken" in said(decide(admin, "take", mac, first_boot_name="Pump <b>house", first_boot_capacity="12"))
    shown = listed(admin)
    for words in (mac, "Pump <b>house", EVIL, "S-1", "admin@aurora.example", "signs its request"):
        assert words in shown
    with world.database.owner.transaction() as conn:
        made = conn.execute(text("SELECT name, capacity FROM tds.gateway WHERE mac = :m"), {"m": mac}).one()
    assert tuple(made) == ("Pump <b>house", 12)
    assert "Gateway taken at first boot" in said(call(admin, "audit-table.children", audit_what="gateway", audit_who=mac))
    assert EVIL not in admin.get("/certificates").text


def test_an_administrator_refuses_and_takes_after_all(admin: FlaskClient, stranger: FlaskClient, mac: str) -> None:
    assert "is refused" in said(decide(admin, "refuse", mac, first_boot_reason="not ours"))
    shown = listed(admin)
    assert "Take after all" in shown
    assert "not ours" in shown
    assert mac not in listed(stranger)
    assert "refused already" in said(decide(admin, "refuse", mac))
    assert "was refused before" in said(look(admin, mac))
    assert "is taken" in said(decide(admin, "take", mac))
    assert "Gateway refused at first boot" in said(call(admin, "audit-table.children", audit_what="gateway", audit_who=mac))


@pytest.mark.parametrize("who", ["viewer@aurora.example", "both@example.com"])
def test_viewers_and_editors_may_not(sign_in: SignIn, world: World, admin: FlaskClient, who: str, mac: str) -> None:
    client = sign_in(who)
    client.post("/accounts", data={"account": "Aurora"})
    for response in (look(client, mac), decide(client, "take", mac), decide(client, "refuse", mac)):
        assert response.status_code == 403
    opening = call(client, "first-boot.is_open", certificates_asked={"verb": "claim", "mac": mac})
    assert opening.status_code == 403
    assert "data-certificates" not in client.get("/_dash-layout").text
    decide(admin, "take", mac)
    shown = listed(client)
    assert mac in shown, "how far it is, everybody of the account may see"
    assert "data-certificates" not in shown
    with world.database.owner.transaction() as conn:
        assert (
            conn.execute(text("SELECT decided_by FROM tds.registration WHERE mac = :m"), {"m": mac}).scalar()
            == "admin@aurora.example"
        )


def test_a_stranger_learns_nothing_and_takes_nothing_of_ours(admin: FlaskClient, stranger: FlaskClient, mac: str) -> None:
    assert "is taken" in said(decide(admin, "take", mac, first_boot_name="Secret pump"))
    for response in (look(stranger, mac), decide(stranger, "take", mac), decide(stranger, "refuse", mac)):
        shown = said(response)
        assert "Nenhum gateway com este endereço MAC" in shown
        assert "Secret pump" not in shown
    assert mac not in listed(stranger)
    assert "Secret pump" in listed(admin)


def test_of_two_accounts_the_first_has_it(admin: FlaskClient, stranger: FlaskClient, world: World, mac: str) -> None:
    assert "foi recebido" in said(decide(stranger, "take", mac))
    hear(world, mac, "b" * 64)
    assert "Another account has this gateway in use" in said(decide(admin, "take", mac))
    assert "Another account has this gateway in use" in said(look(admin, mac))
    assert mac not in listed(admin)


def test_guessing_ends(admin: FlaskClient, mac: str) -> None:
    for number in range(20):
        assert "is waiting" in said(look(admin, mac, f"guess {number}"))
    assert "Try again in an hour" in said(look(admin, mac))
    assert "Try again in an hour" in said(decide(admin, "take", mac))


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"mac": "", "serial": ""}, "as they are on the label"),
        ({"mac": "zz", "serial": "S-1"}, "not a MAC address"),
        ({"mac": None, "serial": ["S-1"]}, "as they are on the label"),
        ({"first_boot_capacity": 33}, "between 1 and 32"),
        ({"first_boot_capacity": "x"}, "between 1 and 32"),
        ({"first_boot_capacity": None}, "between 1 and 32"),
        ({"first_boot_name": "a\x07b"}, "200 printable"),
        ({"first_boot_name": "x" * 201}, "200 printable"),
    ],
)
def test_what_cannot_be_is_explained_and_takes_nothing(admin: FlaskClient, mac: str, typed: dict[str, object], why: str) -> None:
    assert why in said(decide(admin, "take", **({"mac": mac} | typed)))
    assert mac not in listed(admin)


def test_a_certificate_that_works_is_not_overridden_unasked(admin: FlaskClient, world: World, mac: str) -> None:
    certify(world, mac)
    assert answer(look(admin, mac))["first-boot-certified"] == {"hidden": False}
    assert "Confirm that it was reset" in said(decide(admin, "take", mac))
    assert "is taken" in said(decide(admin, "take", mac, first_boot_again=True))


def test_a_gateway_registered_beforehand_is_expected_and_on_the_overview(
    admin: FlaskClient, viewer: FlaskClient, stranger: FlaskClient, world: World, mac: str
) -> None:
    assert mac not in listed(admin), "nobody's gateways are not browsed"
    with world.database.owner.transaction() as conn:
        conn.execute(
            text("INSERT INTO tds.gateway (account_id, mac, name) VALUES (:a, :m, 'Well <i>')"), {"a": world.account, "m": mac}
        )
    shown = listed(admin)
    assert "Waiting for you" in shown
    assert "Well <i>" in shown
    assert "S-1" not in shown, "to take it, its label is read"
    for other in (viewer, stranger):
        assert mac not in listed(other)
    assert "at its first boot and waits" in said(call(admin, "overview-attention.children"))
    assert "at its first boot" not in said(call(viewer, "overview-attention.children"))
    certify(world, mac)
    assert "somebody else asks in its name" in listed(admin)
    assert "Was it reset?" in said(call(admin, "overview-attention.children"))


def test_a_gateway_that_gets_no_certificate_is_said_without_naming_another(admin: FlaskClient, world: World, mac: str) -> None:
    decide(admin, "take", mac)
    with world.database.owner.transaction() as conn:
        registration = conn.execute(text("SELECT id FROM tds.registration WHERE mac = :m"), {"m": mac}).scalar_one()
        registrations.fail(conn, registration, "the request's key belongs to 02:00:00:00:00:02 already")
    shown = listed(admin)
    assert "It gets no certificate" in shown
    assert "02:00:00:00:00:02" not in shown
    assert "gets no certificate" in said(call(admin, "overview-attention.children"))


def test_the_demonstrations_label_is_shown_in_a_demonstration_alone(
    admin: FlaskClient, viewer: FlaskClient, world: World, mac: str
) -> None:
    assert "demonstration" not in listed(admin)
    with world.database.owner.transaction() as conn:
        claims.announce_demonstration(conn, claims.Label(mac, "S-1"))
    assert mac in listed(admin)
    assert mac not in listed(viewer)
    decide(admin, "take", mac)
    assert "demonstration" not in listed(admin)
    with world.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.meta WHERE key = 'demonstration_gateway'"))
